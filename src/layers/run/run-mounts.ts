/** The mounts of a RUN as an executor takes them: sources found, secrets and agents that the build was not given left out. */

import type { StepFile } from "../../cache/step-files.js";
import { OcibuildError } from "../../errors.js";
import type { CacheMount, Mount, RootFiles } from "../../executor/contract.js";
import { chainIdOf, type DiffId } from "../../oci/digest.js";
import type { PlannedMount } from "../../plan/steps/run.js";
import { treePath } from "../../tree/paths.js";
import { type ByteString, bytesOf, textOf } from "../../util/bytes.js";
import { copySelection, type Selection } from "../copy/copy.js";
import { digestSelections, selectPath, stepFiles } from "../copy/select.js";
import { type SourceFiles, type StageLayers, sourceFiles } from "../copy/stage-files.js";
import { FsEdit } from "../fs/fs-edit.js";
import { emptyTree } from "../fs/fs-tree.js";
import { type DigestUse, rememberedDigest } from "../remembered-digest.js";
import type { RunContext } from "../run-context.js";
import { sealEdit } from "../seal/seal-edit.js";
import type { RunExecution } from "./run-execution.js";

/** A mount that shows files of a build context, a stage or an image. */
type FileMount = PlannedMount & { readonly type: "bind" | "cache" };

/** Where the files of a build context are in the layer that is made of them. */
const CONTEXT_ROOT = "files";

/** A planned mount with where its files come from. */
export class RunMount {
  readonly planned: PlannedMount;
  readonly #run: RunContext;
  readonly #files: SourceFiles | undefined;
  #selection: Promise<Selection> | undefined;

  private constructor(run: RunContext, planned: PlannedMount, files: SourceFiles | undefined) {
    this.#run = run;
    this.planned = planned;
    this.#files = files;
  }

  /** Stages are waited for; nothing is read yet. */
  static async open(run: RunContext, planned: PlannedMount, stageLayers: StageLayers): Promise<RunMount> {
    const hasFiles = planned.type === "bind" || planned.type === "cache";
    return new RunMount(run, planned, hasFiles ? await sourceFiles(run, planned.from, stageLayers) : undefined);
  }

  /** Names the source within this run. */
  get source(): string {
    const files = this.#files;
    if (files === undefined) return "";
    return files.kind === "context" ? `context ${files.name}` : `layers ${chainIdOf(files.diffIds)}`;
  }

  /** A digest of the files that the command will see; `undefined` when there are none. @throws LAYER_COPY, CONTEXT_… */
  async digest(use: DigestUse): Promise<string | undefined> {
    const files = this.#files;
    if (files === undefined || this.#isEmpty(files)) return undefined;
    const { source } = this.planned as FileMount;
    if (files.kind !== "layers") return this.#digestFiles(files);
    const of = { kind: "mount", projection: { source } } as const;
    return rememberedDigest(this.#run, of, files, use, () => this.#digestFiles(files));
  }

  async #digestFiles(files: SourceFiles): Promise<string> {
    const selection = await this.#select(files);
    const unknown = selection.nodes.map(({ content }) => (content?.knownDigest() === undefined ? content : undefined));
    await this.#run.layers.prepareContents(unknown, this.#run);
    return digestSelections(selection.tree, [selection]);
  }

  /** Where the command sees it; empty for a secret that is a variable only, and for agents without a place. */
  get target(): string {
    return this.planned.target ?? "";
  }

  /** What `digest` is of, for explaining a miss; `undefined` when there are no files. @throws LAYER_COPY, CONTEXT_… */
  async stepFiles(): Promise<Iterable<StepFile> | undefined> {
    const files = this.#files;
    if (files === undefined || this.#isEmpty(files)) return undefined;
    return stepFiles([await this.#select(files)]);
  }

  /** The mount's files as layers and a path in them; a build context is packed into the store first. */
  async rootFiles(): Promise<{ readonly files: RootFiles; readonly path: string }> {
    const files = this.#files;
    if (files === undefined || this.#isEmpty(files)) return { files: { chainId: null, layers: [] }, path: "/" };
    const selection = await this.#select(files);
    if (files.kind === "layers") {
      return { files: rootFilesOf(files.diffIds), path: `/${textOf(selection.nodes[0]!.path)}` };
    }
    const edit = new FsEdit(emptyTree("the mount"));
    const destination = { path: CONTEXT_ROOT as ByteString, isDirectory: false };
    const nowSeconds = this.#run.times.epochSeconds ?? this.#run.times.nowSeconds;
    copySelection(edit, selection, destination, {
      owner: undefined,
      mode: undefined,
      nowSeconds,
      mergeDirectories: false,
    });
    const diffId = await sealEdit(this.#run, edit, { compression: undefined });
    return { files: rootFilesOf([diffId]), path: `/${CONTEXT_ROOT}` };
  }

  /** A cache without a seed, or a bind of the empty image. */
  #isEmpty(files: SourceFiles): boolean {
    const { type, source } = this.planned as FileMount;
    return files.kind === "layers" && files.diffIds.length === 0 && (source === "/" || type === "cache");
  }

  #select(files: SourceFiles): Promise<Selection> {
    const { source } = this.planned as FileMount;
    this.#selection ??= files.tree().then((tree) =>
      selectPath(tree, treePath(bytesOf(source)), {
        isContext: files.kind === "context",
        onSkipped: (message) => this.#run.onEvent({ type: "warning", message }),
      }),
    );
    return this.#selection;
  }
}

/** A file system by its layers, base layer first. */
export function rootFilesOf(layers: readonly DiffId[]): RootFiles {
  return { chainId: chainIdOf(layers) ?? null, layers };
}

/** A cache mount of a command. */
export interface CacheUse {
  readonly mount: CacheMount;
  /** A digest over what a new one begins with; `undefined` for nothing. */
  seed(): Promise<string | undefined>;
}

export interface ExecutorMounts {
  readonly mounts: readonly Mount[];
  readonly caches: readonly CacheUse[];
  /** Variables that come with them, whatever the image says. */
  readonly env: readonly string[];
  /** Variables that come with them unless the image has its own. */
  readonly defaults: readonly string[];
}

/**
 * The mounts of one command in their order, and the variables that come with them.
 * @throws OPTIONS_INVALID for a required secret or agent that the build was not given; what finding the sources throws
 */
export async function executorMounts(mounts: readonly RunMount[], execution: RunExecution): Promise<ExecutorMounts> {
  const found: Mount[] = [];
  const caches: CacheUse[] = [];
  const env: string[] = [];
  const defaults: string[] = [];
  let agents = 0;
  for (const mount of mounts) {
    const { planned } = mount;
    switch (planned.type) {
      case "bind": {
        const { files, path } = await mount.rootFiles();
        const { type, target, readOnly } = planned;
        found.push({ type, source: files, path, target, readOnly });
        break;
      }
      case "cache": {
        const { files, path } = await mount.rootFiles();
        const { type, id, target, readOnly, sharing, mode, uid, gid } = planned;
        const cache = { type, id, seed: files, path, target, readOnly, sharing, mode, uid, gid };
        found.push(cache);
        caches.push({ mount: cache, seed: () => mount.digest("record") });
        break;
      }
      case "tmpfs":
        found.push(planned);
        break;
      case "secret": {
        const { required, ...secret } = planned;
        if ((await execution.secret(planned.id)) !== undefined) found.push(secret);
        else if (required) {
          throw notGiven(`secret ${planned.id}: not found`, "secret", `--secret id=${planned.id},src=FILE`);
        } else if (planned.env !== undefined) {
          env.push(`${planned.env}=`);
        }
        break;
      }
      case "ssh": {
        const { required, target = `/run/buildkit/ssh_agent.${agents}`, ...rest } = planned;
        // Said also where no agent is forwarded, as BuildKit does.
        if (agents === 0) defaults.push(`SSH_AUTH_SOCK=${target}`);
        agents++;
        if (execution.sshSocket(planned.id) !== undefined) found.push({ ...rest, target });
        else if (required) throw notGiven(`unset ssh forward key ${planned.id}`, "ssh", `--ssh ${planned.id}`);
        break;
      }
      default:
        planned satisfies never;
    }
  }
  return { mounts: found, caches, env, defaults };
}

function notGiven(message: string, option: string, fix: string): OcibuildError<"OPTIONS_INVALID"> {
  return new OcibuildError("OPTIONS_INVALID", message, {
    details: { option },
    hint: `the command needs it: build with ${fix}`,
  });
}
