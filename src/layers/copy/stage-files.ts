/** The file systems that steps copy from: build contexts, stages of the same run, other images. */
import type { DiffId } from "../../oci/digest.js";
import type { FileSource, StageId } from "../../plan/file-source.js";
import type { FileTree } from "../../tree/file-tree.js";
import { emptyTree } from "../fs/fs-tree.js";
import type { RunContext } from "../run-context.js";

/** Waits for a stage and tells its layers, base layer first. */
export type StageLayers = (stage: StageId) => Promise<readonly DiffId[]>;

/** A source by what it is made of: build contexts can change from build to build, stacks of layers cannot. */
export type SourceFiles =
  | { readonly kind: "context"; readonly name: string; tree(): Promise<FileTree> }
  | { readonly kind: "layers"; readonly diffIds: readonly DiffId[]; tree(): Promise<FileTree> };

/** Finds the files of `source`; a stage is waited for. */
export async function sourceFiles(run: RunContext, source: FileSource, stageLayers: StageLayers): Promise<SourceFiles> {
  switch (source.kind) {
    case "context":
    case "named-context":
      return {
        kind: "context",
        name: source.kind === "context" ? "" : source.name,
        tree: () => run.contextTree(source),
      };
    case "scratch":
      return { kind: "layers", diffIds: [], tree: async () => emptyTree("the empty image") };
    case "stage": {
      const diffIds = await stageLayers(source.stage);
      return { kind: "layers", diffIds, tree: () => run.layers.tree(diffIds, run) };
    }
    case "image": {
      const diffIds = source.image.layers.map((layer) => layer.diffId);
      return { kind: "layers", diffIds, tree: () => run.layers.tree(diffIds, run) };
    }
    default:
      return source satisfies never;
  }
}
