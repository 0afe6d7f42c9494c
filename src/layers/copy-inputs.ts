/** The sources of a COPY or ADD step: what each adds to the cache key, and what there is to copy. */
import { createHash } from "node:crypto";
import type { StepInput } from "../cache/step-cache.js";
import { redactUrl } from "../http/address.js";
import type { Abortable } from "../oci/blobs.js";
import { chainIdOf } from "../oci/digest.js";
import type { CopySource, CopyStep } from "../plan/steps/copy.js";
import { type ByteString, bytesOf } from "../util/bytes.js";
import { type ArchiveFiles, readArchive } from "./archive-files.js";
import type { Selection } from "./copy.js";
import { fetchedFileContent } from "./fetched-file.js";
import { bytesContent, type FileContent, fileMeta } from "./fs-node.js";
import { emptyTree } from "./fs-tree.js";
import type { FetchedFile, RunContext } from "./run-context.js";
import { digestSelections, knownInputs, selectSource } from "./select.js";
import type { SourceFiles } from "./stage-files.js";

export type CopyPart =
  | { readonly kind: "files"; readonly selection: Selection }
  | ({ readonly kind: "archive" } & ArchiveFiles);

export interface CopyInput {
  /** What the source adds to the key of the step. */
  digest(options: Abortable): Promise<string>;
  /** Files with digests, for explaining; those that are known by now. */
  files(): Iterable<StepInput>;
  /** What there is to copy, in order. */
  parts(): Promise<readonly CopyPart[]>;
}

/** The inputs of `step`, in their order; nothing is read yet. */
export function copyInputs(run: RunContext, step: CopyStep, files: SourceFiles): readonly CopyInput[] {
  return step.sources.map((source) => copyInput(run, step, source, files));
}

function copyInput(run: RunContext, step: CopyStep, source: CopySource, files: SourceFiles): CopyInput {
  switch (source.kind) {
    case "path":
      return new PathInput(run, step, source, files);
    case "inline":
      return inlineInput(run, source.name, source.content);
    case "http":
      return new HttpInput(run, source.url, source.checksum, source.unpack);
    case "git":
      // The caller refuses plans with git sources before anything starts.
      throw new Error("git sources cannot be read");
    default:
      return source satisfies never;
  }
}

/** Paths and patterns in a file tree. */
class PathInput implements CopyInput {
  readonly #run: RunContext;
  readonly #step: CopyStep;
  readonly #source: CopySource & { readonly kind: "path" };
  readonly #files: SourceFiles;
  #selections: Promise<Selection[]> | undefined;
  #selected: readonly Selection[] = [];

  constructor(run: RunContext, step: CopyStep, source: CopySource & { kind: "path" }, files: SourceFiles) {
    this.#run = run;
    this.#step = step;
    this.#source = source;
    this.#files = files;
  }

  async digest(): Promise<string> {
    const files = this.#files;
    if (files.kind === "context") return this.#digestFiles();
    // What a pattern selects from given layers never changes, so it is remembered: no index need be read again.
    const parts = {
      kind: "selection",
      platform: "",
      projection: { pattern: this.#source.pattern, exclude: this.#step.exclude, parents: this.#step.parents },
      parent: chainIdOf(files.diffIds) ?? null,
      inputs: [],
    };
    const record = this.#run.store.steps.get(parts)?.result as { digest?: string } | undefined;
    if (record?.digest !== undefined) return record.digest;
    const digest = await this.#digestFiles();
    this.#run.store.steps.put(parts, { digest });
    return digest;
  }

  async #digestFiles(): Promise<string> {
    const selections = await this.#select();
    const unknown = selections.flatMap(({ nodes }) =>
      nodes.flatMap(({ content }) => (content?.knownDigest() === undefined ? content : [])),
    );
    await this.#run.layers.prepareContents(unknown, this.#run);
    const tree = selections[0]?.tree ?? emptyTree("nothing");
    return digestSelections(tree, selections);
  }

  files(): Iterable<StepInput> {
    return knownInputs(this.#selected);
  }

  async parts(): Promise<readonly CopyPart[]> {
    const parts: CopyPart[] = [];
    for (const selection of await this.#select()) {
      const root = this.#source.unpack ? selection.nodes[0] : undefined;
      const archive =
        root?.content === undefined
          ? undefined
          : await this.#openArchive(root.content, selection.tree.describe(root.path));
      parts.push(archive === undefined ? { kind: "files", selection } : { kind: "archive", ...archive });
    }
    return parts;
  }

  async #openArchive(content: FileContent, name: string): Promise<ArchiveFiles | undefined> {
    await this.#run.layers.prepareContents([content], this.#run);
    return readArchive(this.#run, content, name);
  }

  #select(): Promise<Selection[]> {
    this.#selections ??= this.#files.tree().then((tree) => {
      const { exclude, parents } = this.#step;
      const isContext = this.#files.kind === "context";
      const selections = selectSource(tree, this.#source.pattern, {
        exclude,
        parents,
        isContext,
        onSkipped: (message) => this.#run.onEvent({ type: "warning", message }),
      });
      this.#selected = selections;
      return selections;
    });
    return this.#selections;
  }
}

/** A file that is written in the Dockerfile. */
function inlineInput(run: RunContext, name: string, content: string): CopyInput {
  const bytes = Buffer.from(content, "utf8");
  const sha256 = createHash("sha256").update(bytes).digest();
  const nowSeconds = run.times.epochSeconds ?? run.times.nowSeconds;
  const meta = fileMeta(0o644, 0, 0, bytes.length, nowSeconds);
  return {
    digest: async () => `sha256:${sha256.toString("hex")}`,
    files: () => [],
    parts: async () => [{ kind: "files", selection: oneFile(name, meta, bytesContent(bytes, sha256)) }],
  };
}

/** A file from a web server. */
class HttpInput implements CopyInput {
  readonly #run: RunContext;
  readonly #url: string;
  readonly #checksum: string | undefined;
  readonly #unpack: boolean;
  #fetched: Promise<FetchedFile> | undefined;

  constructor(run: RunContext, url: string, checksum: string | undefined, unpack: boolean) {
    this.#run = run;
    this.#url = url;
    this.#checksum = checksum;
    this.#unpack = unpack;
  }

  /** With a checksum nothing need be fetched to know what it is. */
  async digest(options: Abortable): Promise<string> {
    if (this.#checksum?.startsWith("sha256:") === true) return this.#checksum;
    return `sha256:${(await this.#fetch(options)).sha256.toString("hex")}`;
  }

  files(): Iterable<StepInput> {
    return [];
  }

  async parts(): Promise<readonly CopyPart[]> {
    const file = await this.#fetch(this.#run);
    const content = fetchedFileContent(file);
    const archive = this.#unpack
      ? await readArchive(this.#run, content, `"${redactUrl(new URL(this.#url))}"`)
      : undefined;
    if (archive !== undefined) return [{ kind: "archive", ...archive }];
    const meta = fileMeta(0o600, 0, 0, file.sizeBytes, file.mtimeSeconds ?? 0);
    return [{ kind: "files", selection: oneFile(fileNameOf(this.#url), meta, content) }];
  }

  #fetch({ signal = this.#run.signal }: Abortable): Promise<FetchedFile> {
    this.#fetched ??= this.#run.fetchFile(this.#url, this.#checksum, signal);
    return this.#fetched;
  }
}

/** The last component of the URL's path, as BuildKit names the file; never a path of its own (threat C13). */
function fileNameOf(url: string): string {
  const { pathname } = new URL(url);
  const name = decodeURIComponentSafely(pathname.replace(/\/+$/, "").split("/").at(-1) ?? "");
  return name === "" || name === "." || name === ".." || name.includes("/") || name.includes("\0")
    ? "__unnamed__"
    : name;
}

function decodeURIComponentSafely(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function oneFile(name: string, node: ReturnType<typeof fileMeta>, content: FileContent): Selection {
  const path = bytesOf(name);
  return {
    tree: emptyTree("the Dockerfile"),
    name: path,
    nodes: [{ path, relative: "" as ByteString, node, content, isOnTheWay: false }],
  };
}
