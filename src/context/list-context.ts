/** What is in a build context and what the ignore file leaves out of it, by size and by rule. */
import { isOcibuildError } from "../errors.js";
import type { FileTree, TreeNode } from "../tree/file-tree.js";
import { type DirectoryState, IgnoreMatcher, type IgnoreRule, ROOT_STATE } from "../tree/ignore-matcher.js";
import { joinPath, ROOT } from "../tree/paths.js";
import { type ByteString, textOf } from "../util/bytes.js";

export interface ListedFile {
  readonly path: string;
  readonly type: TreeNode["type"];
  /** Of files; 0 for all else. */
  readonly sizeBytes: number;
  /** The exception that keeps it; absent where no rule has a say. */
  readonly rule?: IgnoreRule;
}

/** Something that is left out, with all that is in it. */
export interface LeftOut {
  readonly path: string;
  readonly type: TreeNode["type"];
  readonly fileCount: number;
  readonly sizeBytes: number;
  readonly rule?: IgnoreRule;
}

export interface ContextListing {
  /** In the order of a walk; folders are not listed. */
  readonly kept: readonly ListedFile[];
  /** Folders as a whole where nothing in them is kept. */
  readonly leftOut: readonly LeftOut[];
  /** Every rule with what it leaves out; those that match nothing, too. Exceptions count what they keep. */
  readonly rules: readonly { readonly rule: IgnoreRule; readonly fileCount: number; readonly sizeBytes: number }[];
  /** What could not be looked into. */
  readonly unreadable: readonly string[];
}

/** What `matcher` makes of `tree`, which is walked as a whole. */
export function listContext(tree: FileTree, matcher: IgnoreMatcher = new IgnoreMatcher([])): ContextListing {
  const lister = new Lister(tree, matcher);
  lister.list();
  return lister;
}

interface Total {
  fileCount: number;
  sizeBytes: number;
}

class Lister implements ContextListing {
  readonly kept: ListedFile[] = [];
  readonly leftOut: LeftOut[] = [];
  readonly unreadable: string[] = [];
  readonly #tree: FileTree;
  readonly #matcher: IgnoreMatcher;
  readonly #totals: Map<IgnoreRule, Total>;

  constructor(tree: FileTree, matcher: IgnoreMatcher) {
    this.#tree = tree;
    this.#matcher = matcher;
    this.#totals = new Map(matcher.rules.map((rule) => [rule, { fileCount: 0, sizeBytes: 0 }]));
  }

  get rules(): ContextListing["rules"] {
    return [...this.#totals].map(([rule, total]) => ({ rule, ...total }));
  }

  list(): void {
    const rest: { path: ByteString; state: DirectoryState }[] = [{ path: ROOT, state: ROOT_STATE }];
    for (let next = rest.pop(); next !== undefined; next = rest.pop()) {
      const folders: typeof rest = [];
      for (const [path, node] of this.#entries(next.path)) {
        const state = this.#matcher.enter(path, next.state);
        if (state.matched && (node.type !== "dir" || !this.#matcher.canUnmatchBelow(path))) this.#leaveOut(path, node);
        else if (node.type === "dir") folders.push({ path, state });
        else this.#keep(path, node, state);
      }
      rest.push(...folders.reverse());
    }
    this.kept.sort((a, b) => (a.path < b.path ? -1 : 1));
  }

  #keep(path: ByteString, node: TreeNode, { flags }: DirectoryState): void {
    // Without a rule that ever matched nothing need be asked.
    const { rule } = flags === undefined ? { rule: undefined } : this.#matcher.decide(path);
    this.kept.push({ path: textOf(path), type: node.type, sizeBytes: node.size, ...(rule && { rule }) });
    if (rule !== undefined) this.#count(rule, 1, node.size);
  }

  #leaveOut(path: ByteString, node: TreeNode): void {
    const { rule } = this.#matcher.decide(path);
    const { fileCount, sizeBytes } = node.type === "dir" ? this.#sizeOf(path) : { fileCount: 1, sizeBytes: node.size };
    this.leftOut.push({ path: textOf(path), type: node.type, fileCount, sizeBytes, ...(rule && { rule }) });
    if (rule !== undefined) this.#count(rule, fileCount, sizeBytes);
  }

  /** Of all that is below the folder `path`. */
  #sizeOf(path: ByteString): Total {
    const total: Total = { fileCount: 0, sizeBytes: 0 };
    const rest = [path];
    for (let next = rest.pop(); next !== undefined; next = rest.pop()) {
      for (const [child, node] of this.#entries(next)) {
        if (node.type === "dir") rest.push(child);
        else {
          total.fileCount++;
          total.sizeBytes += node.size;
        }
      }
    }
    return total;
  }

  #count(rule: IgnoreRule, fileCount: number, sizeBytes: number): void {
    const total = this.#totals.get(rule);
    if (total === undefined) return;
    total.fileCount += fileCount;
    total.sizeBytes += sizeBytes;
  }

  /** What is in a folder. What cannot be read is noted: a build would fail at it, or never look at it. */
  #entries(folder: ByteString): readonly (readonly [ByteString, TreeNode])[] {
    const names = this.#attempt(folder, () => this.#tree.list(folder)) ?? [];
    return names.flatMap((name) => {
      const path = joinPath(folder, name);
      const node = this.#attempt(path, () => this.#tree.lstat(path));
      return node === undefined ? [] : [[path, node] as const];
    });
  }

  #attempt<T>(path: ByteString, look: () => T): T | undefined {
    try {
      return look();
    } catch (error) {
      if (!isOcibuildError(error, "CONTEXT_UNREADABLE") && !isOcibuildError(error, "CONTEXT_CHANGED")) throw error;
      this.unreadable.push(textOf(path));
      return undefined;
    }
  }
}
