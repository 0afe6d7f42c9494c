/** The sources of a COPY or ADD step, each by its kind; files of trees and of the Dockerfile itself. */
import { createHash } from "node:crypto";
import type { StepFile } from "../../cache/step-files.js";
import type { Abortable } from "../../oci/blobs.js";
import type { CopySource, CopyStep } from "../../plan/steps/copy.js";
import { bytesContent, type FileContent, fileMeta } from "../fs/fs-node.js";
import { emptyTree } from "../fs/fs-tree.js";
import { type DigestUse, rememberedDigest } from "../remembered-digest.js";
import type { RunContext } from "../run-context.js";
import { type ArchiveFiles, readArchive } from "./archive-files.js";
import type { Selection } from "./copy.js";
import { type CopyInput, type CopyPart, oneFile } from "./copy-input.js";
import { GitInput } from "./git-input.js";
import { HttpInput } from "./http-input.js";
import { digestSelections, selectSource, stepFiles } from "./select.js";
import type { SourceFiles } from "./stage-files.js";

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
      return new HttpInput(run, source);
    case "git":
      return new GitInput(run, step, source);
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

  constructor(run: RunContext, step: CopyStep, source: CopySource & { kind: "path" }, files: SourceFiles) {
    this.#run = run;
    this.#step = step;
    this.#source = source;
    this.#files = files;
  }

  async digest(_options: Abortable, use: DigestUse): Promise<string> {
    const files = this.#files;
    if (files.kind === "context") return this.#digestFiles();
    // What a pattern selects from given layers never changes.
    const { exclude, parents } = this.#step;
    const projection = { pattern: this.#source.pattern, exclude, parents };
    return rememberedDigest(this.#run, { kind: "selection", projection }, files, use, () => this.#digestFiles());
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

  async files(): Promise<Iterable<StepFile>> {
    return stepFiles(await this.#select());
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
      return selectSource(tree, this.#source.pattern, {
        exclude,
        parents,
        isContext,
        onSkipped: (message) => this.#run.onEvent({ type: "warning", message }),
      });
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
    files: async () => [],
    parts: async () => [{ kind: "files", selection: oneFile(name, meta, bytesContent(bytes, sha256)) }],
  };
}
