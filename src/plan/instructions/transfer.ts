/** COPY and ADD: where files come from and where they go. */
import { posix } from "node:path";
import { type GitUrl, parseGitUrl } from "../../context/git/git-url.js";
import type { AddInstruction, CopyInstruction, SourceContent, Word } from "../../dockerfile/ast.js";
import { parseModeChange } from "../../tree/chmod.js";
import { goQuote } from "../../util/go-format.js";
import { resolveDestination, sourcePattern } from "../image-paths.js";
import { lintIgnoredSource } from "../lint/lint-ignored-source.js";
import { planProblem, type Where } from "../problem.js";
import { fileSourceOf } from "../stage-draft.js";
import { type CopySource, type CopyStep, copyHistory } from "../steps/copy.js";
import { addStep, expand, expandText, type Scope, whereOf } from "./scope.js";

type Transfer = CopyInstruction | AddInstruction;

export function planTransfer(scope: Scope, instruction: Transfer): void {
  const { draft, command } = scope;
  // In BuildKit's order, which decides what is told first.
  const chown = expandFlag(scope, instruction.chown);
  const chmod = expandFlag(scope, instruction.chmod);
  const checksum = instruction.kind === "ADD" ? expandFlag(scope, instruction.checksum) : undefined;
  const sources = instruction.sources.map((word) => ({ word, text: expand(scope, word) }));
  const destination = expand(scope, instruction.destination);
  const contents = instruction.contents.map((content) => expandContent(scope, content));
  const [from] = command.sources;
  if (from !== undefined && !from.planned) {
    const name = (instruction as CopyInstruction).from!;
    throw planProblem(
      whereOf(scope, name),
      `cannot copy from stage ${goQuote(name.value)}, it needs to be defined before current stage ${goQuote(draft.label)}`,
      "Move that stage above this one.",
    );
  }
  const resolved = resolveDestination(draft.workdir, destination, draft.platform!);
  if (typeof resolved !== "string") {
    throw planProblem(whereOf(scope, instruction.destination), `removing drive letter: ${resolved.problem}`);
  }
  checkMode(scope, instruction.chmod, chmod);
  const reader = new SourceReader(scope, instruction, checksum);
  if (checksum !== undefined && instruction.kind === "ADD") {
    reader.checkChecksum(whereOf(scope, instruction.checksum!), sources);
  }
  const parents = instruction.kind === "COPY" && instruction.parents;
  const fixed = { instruction: instruction.kind, parents, chown, chmod };
  const step: Omit<CopyStep, "span" | "onbuild"> = {
    kind: "copy",
    ...fixed,
    createdBy: copyHistory(fixed, [
      ...sources.map(({ text }) => text),
      ...contents.map(({ word }) => `<<${word}`),
      destination,
    ]),
    from: from === undefined ? { kind: "context" } : fileSourceOf(from),
    sources: [
      ...sources.map(({ word, text }) => reader.read(whereOf(scope, word), text)),
      ...contents.map(({ name, content }): CopySource => ({ kind: "inline", name, content })),
    ],
    destination: resolved,
    link: instruction.link,
    exclude: instruction.exclude.map((word) => word.value),
  };
  addStep(scope, step);
}

/** Empty counts as not given. */
function expandFlag(scope: Scope, word: Word | undefined): string | undefined {
  const value = word === undefined ? "" : expand(scope, word);
  return value === "" ? undefined : value;
}

/** Longest heredoc that variables may make, in UTF-16 units: what a Dockerfile may be, and as much again. */
const MAX_CONTENT_LENGTH = 16 * 1024 * 1024;

/** Variables in heredocs are replaced, and backslashes removed, but quotes stay. */
function expandContent(scope: Scope, { name: word, content, expand: expands, span }: SourceContent): Heredoc {
  // The word is the name of a file that stands alone, so it cannot be in a folder.
  const path = posix.normalize(`/${word}`);
  const name = path.slice(1);
  if (name === "" || name.includes("/")) {
    const hint = "Use a plain word after <<, and give the path as destination.";
    throw planProblem(whereOf(scope, { span }), `open ${path}: no such file or directory`, hint);
  }
  if (!expands) return { word, name, content };
  const options = { ignoreQuotes: true, maxLength: MAX_CONTENT_LENGTH };
  return { word, name, content: expandText(scope, { value: content, span }, options) };
}

interface Heredoc {
  /** As written. */
  readonly word: string;
  readonly name: string;
  readonly content: string;
}

function checkMode(scope: Scope, word: Word | undefined, chmod: string | undefined): void {
  if (chmod === undefined) return;
  const change = parseModeChange(chmod);
  if (typeof change !== "string") return;
  throw planProblem(
    whereOf(scope, word!),
    change,
    `Expected an octal mode such as 0755, or a symbolic one such as u=rwX,go=rX, but got ${goQuote(chmod)}.`,
  );
}

interface WrittenSource {
  readonly word: Word;
  readonly text: string;
}

/** Tells paths, URLs and repositories apart; what one repository's URL says of the git folder holds for the next too. */
class SourceReader {
  private readonly scope: Scope;
  private readonly instruction: Transfer;
  private checksum: string | undefined;
  private keepGitDir: boolean | undefined;

  constructor(scope: Scope, instruction: Transfer, checksum: string | undefined) {
    this.scope = scope;
    this.instruction = instruction;
    this.checksum = checksum;
    this.keepGitDir = instruction.kind === "ADD" ? instruction.keepGitDir : undefined;
  }

  checkChecksum(where: Where, sources: readonly WrittenSource[]): void {
    const [first] = sources;
    if (sources.length !== 1 || first === undefined) {
      throw planProblem(where, "checksum can't be specified for multiple sources");
    }
    const git = parseGitUrl(first.text);
    if ((git === undefined || "problem" in git) && !isHttpUrl(first.text)) {
      throw planProblem(
        where,
        "checksum requires HTTP(S) or Git sources",
        "Local files need no checksum: leave it out.",
      );
    }
  }

  read(where: Where, text: string): CopySource {
    const git = parseGitUrl(text);
    if (git !== undefined) {
      if ("problem" in git) throw planProblem(where, git.problem);
      return this.readGit(where, git);
    }
    if (isHttpUrl(text)) return this.readHttp(where, text);
    const { instruction, scope } = this;
    if (scope.command.sources.length === 0) lintIgnoredSource(scope, text);
    const pattern = sourcePattern(text, scope.draft.platform!);
    if (typeof pattern !== "string") throw planProblem(where, `removing drive letter: ${pattern.problem}`);
    return { kind: "path", pattern, unpack: instruction.kind === "ADD" && (instruction.unpack ?? true) };
  }

  private readGit(where: Where, git: GitUrl): CopySource {
    if (this.instruction.kind === "COPY") {
      throw planProblem(where, "source can't be a git ref for COPY", "Use ADD for repositories.");
    }
    if (this.keepGitDir !== undefined && git.keepGitDir !== undefined && this.keepGitDir !== git.keepGitDir) {
      throw planProblem(where, "inconsistent keep-git-dir configuration");
    }
    this.keepGitDir = git.keepGitDir ?? this.keepGitDir;
    if (this.checksum !== undefined && git.checksum !== undefined && this.checksum !== git.checksum) {
      throw planProblem(where, `checksum mismatch ${goQuote(this.checksum)} != ${goQuote(git.checksum)}`);
    }
    this.checksum = git.checksum ?? this.checksum;
    return {
      kind: "git",
      remote: git.remote,
      ref: git.ref,
      subdirectory: git.subdirectory,
      keepGitDir: this.keepGitDir ?? false,
      submodules: git.submodules ?? true,
      checksum: this.checksum,
    };
  }

  private readHttp(where: Where, url: string): CopySource {
    const { instruction, checksum } = this;
    if (instruction.kind === "COPY") {
      throw planProblem(where, "source can't be a URL for COPY", "Use ADD for URLs.");
    }
    if (!URL.canParse(url)) throw planProblem(where, `invalid URL ${goQuote(url)}`);
    if (checksum !== undefined) {
      const problem = checksumProblem(checksum);
      if (problem !== undefined) {
        throw planProblem(where, problem, "Expected sha256: and 64 lower-case hex digits.");
      }
    }
    return { kind: "http", url, checksum, unpack: instruction.unpack ?? false };
  }
}

function isHttpUrl(text: string): boolean {
  return text.startsWith("http://") || text.startsWith("https://");
}

const DIGEST_LENGTHS: ReadonlyMap<string, number> = new Map([
  ["sha256", 64],
  ["sha384", 96],
  ["sha512", 128],
]);
const DIGEST = /^[A-Za-z0-9]+(?:[.+_-][A-Za-z0-9]+)*:[0-9a-fA-F]{32,}$/;

/** What is wrong with a digest, in the words of Docker's own parser. */
function checksumProblem(digest: string): string | undefined {
  const colon = digest.indexOf(":");
  const wanted = DIGEST_LENGTHS.get(digest.slice(0, Math.max(colon, 0)));
  const hex = digest.slice(colon + 1);
  if (colon <= 0 || hex === "") return "invalid checksum digest format";
  if (wanted === undefined)
    return DIGEST.test(digest) ? "unsupported digest algorithm" : "invalid checksum digest format";
  if (hex.length !== wanted) return "invalid checksum digest length";
  return /^[0-9a-f]+$/.test(hex) ? undefined : "invalid checksum digest format";
}
