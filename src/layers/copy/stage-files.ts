/** The file systems that steps copy from: build contexts, stages of the same run, other images. */
import type { DiffId } from "../../oci/digest.js";
import type { FileSource, StageId } from "../../plan/file-source.js";
import type { FileTree } from "../../tree/file-tree.js";
import { emptyTree } from "../fs/fs-tree.js";
import { diffIdsOf, type Lineage, rootLineage } from "../lineage.js";
import type { RunContext } from "../run-context.js";

/** Waits for a stage and tells its layers, base layer first. */
export type StageLayers = (stage: StageId) => Promise<readonly DiffId[]>;

/** A source by what it is made of: build contexts can change from build to build, stacks of layers cannot. */
export type SourceFiles =
  | { readonly kind: "context"; readonly name: string; tree(): Promise<FileTree> }
  | {
      readonly kind: "layers";
      readonly diffIds: readonly DiffId[];
      /** As in `Lineage`. */
      readonly recipe: string | null;
      /** Whether a shared cache may tell what is in them. */
      readonly mayImport: boolean;
      readonly isMade: boolean;
      tree(): Promise<FileTree>;
    };

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
      return { ...layersOf(run, rootLineage(undefined)), tree: async () => emptyTree("the empty image") };
    case "stage":
      return stageFiles(run, await stageLayers(source.stage), run.lineages.get(source.stage));
    case "image":
      return layersOf(run, rootLineage(source.image));
    default:
      return source satisfies never;
  }
}

function layersOf(run: RunContext, lineage: Lineage): SourceFiles & { readonly kind: "layers" } {
  return stageFiles(run, diffIdsOf(lineage), lineage);
}

function stageFiles(
  run: RunContext,
  diffIds: readonly DiffId[],
  lineage: Lineage | undefined,
): SourceFiles & { readonly kind: "layers" } {
  const { recipe = "", isMade = true, isImported = false, stack = [] } = lineage ?? {};
  const mayImport = !isMade && (isImported || stack.length === 0);
  return { kind: "layers", diffIds, recipe, mayImport, isMade, tree: () => run.layers.tree(diffIds, run) };
}
