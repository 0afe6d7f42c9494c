/**
 * What runs the commands of RUN. Core settles what they mean (shell, user, environment, working directory); an executor
 * only executes, and gives back what changed. `docs/design/executor.md` is the contract in words; `executorConformance`
 * of `ocibuild/testing` is the contract as cases that anybody's executor can be held against.
 */
import type { ChainId, DiffId } from "../oci/digest.js";
import type { Platform } from "../oci/types.js";

export interface Executor extends AsyncDisposable {
  /** `namespaces`, `runc`, …: what `--executor` calls it. */
  readonly name: string;
  /** Looks whether it can work here, without leaving a trace. Asked before anything is prepared for a command. */
  probe(options?: { readonly signal?: AbortSignal }): Promise<ExecutorProbe>;
  /**
   * Runs one command. A command that fails is an outcome; only what keeps it from running is an error.
   * Aborting ends the whole process tree, undoes every mount, removes temporary files, and rejects with the reason.
   * @throws EXECUTOR_FAILED, EXECUTOR_UNSUPPORTED; the signal's reason
   */
  run(spec: RunSpec, io: RunIO): Promise<RunOutcome>;
  /** The content of cache mounts, for who carries it to other machines; missing where nobody gets at it. */
  readonly caches?: ExecutorCaches;
}

/**
 * What is in the caches that commands see by mounts of type `cache`. The content of a cache is a PAX tar like that of a layer,
 * with container-side ids and raw xattrs, the top directory first, without devices and sockets; names that begin with `.wh.`
 * are names like others.
 */
export interface ExecutorCaches {
  /**
   * The content of the cache that `mount` means, as it is at one moment: no command has it meanwhile.
   * @throws EXECUTOR_FAILED, the signal's reason
   */
  read(mount: CacheMount, options: CacheReadOptions): Promise<CacheContent>;
  /**
   * Makes the cache that `mount` means of the tar that `open` gives, when there is none yet or nothing is in it: only then is
   * `open` called, once, while nobody else fills it. The tar is untrusted. When it breaks off, or is not fit to be unpacked,
   * the cache is as it was. Returns whether it was filled; `undefined` of `open` leaves it alone.
   * @throws EXECUTOR_FAILED, LAYER_INVALID, TAR_…, what `open` and its tar throw; the signal's reason
   */
  fill(
    mount: CacheMount,
    open: () => Promise<AsyncIterable<Buffer> | undefined>,
    options: { readonly signal: AbortSignal },
  ): Promise<boolean>;
}

export interface CacheReadOptions {
  /** A larger one is not read. */
  readonly limitBytes: number;
  /** How long other commands that have it are waited for. */
  readonly waitMs: number;
  readonly signal: AbortSignal;
}

export type CacheContent =
  /** There is no such cache here, or nothing is in it. */
  | { readonly state: "none" }
  /** Others had it for longer than was to be waited. */
  | { readonly state: "in-use" }
  | { readonly state: "too-large"; readonly sizeBytes: number }
  /** Read to its end, or left; leaving it lets others go on. */
  | { readonly state: "there"; readonly tar: AsyncIterable<Buffer> };

export type ExecutorProbe =
  | { readonly usable: true; readonly capabilities: ExecutorCapabilities; readonly note?: string }
  /** `reason` is a sentence; `hint` says which setting or package is missing. */
  | { readonly usable: false; readonly reason: string; readonly hint?: string };

export interface ExecutorCapabilities {
  /** What keeps the command from the host: a container with seccomp, namespaces alone, an engine elsewhere, nothing. */
  readonly boundary: "container" | "namespaces" | "engine" | "none";
  /** Platforms whose programs run here, the machine's own first. */
  readonly platforms: readonly Platform[];
  readonly mounts: readonly Mount["type"][];
  readonly networks: readonly RunSpec["network"][];
  readonly securities: readonly RunSpec["security"][];
  /** Whether files may belong to any id; `root` where no subordinate ids are there and only uid 0 exists. */
  readonly ids: "all" | "root";
  /** Whether `ulimits` and `shmSizeBytes` are honoured. */
  readonly limits: boolean;
  /** What a command cannot count on here; nothing where it is not said. */
  readonly lacks?: readonly Lack[];
  /** Names of variables that commands get where `env` has none of the name; none unless given. */
  readonly addedVariables?: readonly string[];
  /** Whether a command can have groups besides its own that are not those of the image's files; true unless given. */
  readonly additionalGroups?: boolean;
  /** Whether all that a command prints comes, however much and fast; true unless given. */
  readonly wholeOutput?: boolean;
  /** What containers need and builds do not: nothing of it unless it is here. */
  readonly interactive?: readonly Interaction[];
}

/** `stdin`: `RunIO.stdin` is honoured; `terminal`: `RunIO.terminal`; `keep`: `RunSpec.keepsFailed`. */
export type Interaction = "stdin" | "terminal" | "keep";

/**
 * What an executor that mounts nothing and makes no namespace does not give. Core refuses the last four to builds that
 * ask for them by name; the first two every command has to do without, so the executor's note and documents must tell.
 *
 * - `proc`: /proc and /sys are empty folders, and /dev/stdin and /dev/fd are not there
 * - `read-only`: what is written to a read-only mount is not refused, but dropped
 * - `hostname`: /etc/hosts has the host name, the kernel has the machine's
 * - `secret-files`: secrets as files, which would be on a disk; as variables they are there
 * - `tmpfs-size`: a limit for what is written to a tmpfs mount
 * - `shm-size`: a limit for /dev/shm
 */
export type Lack = "proc" | "read-only" | "hostname" | "secret-files" | "tmpfs-size" | "shm-size";

/** Pure JSON: an executor may send it to another process or machine. */
export interface RunSpec {
  readonly rootfs: RootFiles;
  readonly platform: Platform;
  readonly args: readonly [string, ...string[]];
  /** `NAME=value`, the whole environment. */
  readonly env: readonly string[];
  /** Absolute; exists in the root file system. */
  readonly cwd: string;
  readonly user: { readonly uid: number; readonly gid: number; readonly additionalGids: readonly number[] };
  /** In the order they are mounted. Mount points that are missing are made outside of the changeset. */
  readonly mounts: readonly Mount[];
  readonly network: "default" | "none" | "host";
  readonly security: "sandbox" | "insecure";
  readonly hostname: string;
  /** Lines for /etc/hosts. */
  readonly hosts: readonly { readonly address: string; readonly name: string }[];
  readonly shmSizeBytes: number | undefined;
  readonly ulimits: readonly { readonly name: string; readonly soft: number; readonly hard: number }[];
  /** The changeset may not be larger; an executor fails rather than fill the disk. */
  readonly changesetLimitBytes: number;
  /** Whether the changeset of a command that fails is wanted as well. */
  readonly keepsFailed?: boolean;
}

/** A file system by its layers. `chainId` names it: what an executor has prepared under that name it may use again. */
export interface RootFiles {
  /** `null` for the empty file system. */
  readonly chainId: ChainId | null;
  /** Base layer first. */
  readonly layers: readonly DiffId[];
}

export type Mount =
  | {
      readonly type: "bind";
      readonly source: RootFiles;
      /** A file or directory in `source`; absolute. */
      readonly path: string;
      readonly target: string;
      /** When false the command may write, and what it writes is dropped. */
      readonly readOnly: boolean;
    }
  | {
      readonly type: "cache";
      /** Equal ids of equal seeds are one cache. Any text: an executor must not use it as a path. */
      readonly id: string;
      readonly seed: RootFiles;
      readonly path: string;
      readonly target: string;
      readonly readOnly: boolean;
      readonly sharing: "shared" | "private" | "locked";
      /** Of a new cache's top directory. */
      readonly mode: number;
      readonly uid: number;
      readonly gid: number;
    }
  | { readonly type: "tmpfs"; readonly target: string; readonly sizeBytes: number | undefined }
  | {
      readonly type: "secret";
      /** For `RunIO.readSecret`. */
      readonly id: string;
      /** A file in memory, never on disk; `undefined` for `env` alone. */
      readonly target: string | undefined;
      /** Name of a variable that gets the secret. */
      readonly env: string | undefined;
      readonly mode: number;
      readonly uid: number;
      readonly gid: number;
    }
  | {
      readonly type: "ssh";
      /** For `RunIO.sshSocket`. */
      readonly id: string;
      /** Where the agent's socket is; SSH_AUTH_SOCK names it, unless the environment has its own. */
      readonly target: string;
      readonly mode: number;
      readonly uid: number;
      readonly gid: number;
    }
  /** A file or folder of this machine, which the command sees as it is and may change. Only for containers. */
  | {
      readonly type: "host";
      /** Absolute; exists. */
      readonly source: string;
      readonly target: string;
      readonly readOnly: boolean;
    }
  /** A program from a heredoc. */
  | { readonly type: "file"; readonly target: string; readonly content: string; readonly mode: number };

export type CacheMount = Mount & { readonly type: "cache" };

/** The live side of a run. */
export interface RunIO {
  readonly signal: AbortSignal;
  /** The uncompressed tar of a layer, verified while it is read. */
  openLayer(diffId: DiffId, options?: LayerReading): AsyncIterable<Buffer>;
  readSecret(id: string): Promise<Buffer>;
  /** Path of an agent's socket on this machine. */
  sshSocket(id: string): string;
  /** What the command prints, as it comes; an executor waits for the promise before it reads on. */
  onOutput(stream: "stdout" | "stderr", chunk: Buffer): void | Promise<void>;
  /** What the command reads; nothing unless given. */
  readonly stdin?: AsyncIterable<Uint8Array>;
  /** The command gets a terminal, which is shown on this one; all it prints comes to `onOutput` as `stdout`. */
  readonly terminal?: RunTerminal;
}

/** How an executor reads a layer. */
export interface LayerReading {
  /** It is done with a chunk when it asks for the one after the next, so that the memory may be used again: faster. */
  readonly recycles?: boolean;
}

/** A terminal of this machine. */
export interface RunTerminal {
  /** Descriptor that it is read from. */
  readonly input: number;
  /** Calls `handler` when its size has changed; returns what ends that. */
  onResize(handler: () => void): () => void;
}

export type RunOutcome =
  | {
      readonly exitCode: 0;
      /**
       * What changed, as a layer: a PAX tar with container-side ids, raw xattrs and OCI whiteouts. Untrusted: core checks and
       * normalises it. Read to its end, or left; leaving it releases what is behind it.
       */
      readonly changeset: AsyncIterable<Buffer>;
    }
  | {
      readonly exitCode: number;
      /** Name of the signal that ended it, where known: `SIGKILL`. */
      readonly signal?: string;
      /** `null` unless `RunSpec.keepsFailed` asks for it. */
      readonly changeset: AsyncIterable<Buffer> | null;
    };
