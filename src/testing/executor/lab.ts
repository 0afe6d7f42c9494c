/** Runs commands in an executor over layers made in memory, for its conformance suite. */
import { existsSync, readFileSync } from "node:fs";
import type { Executor, ExecutorCapabilities, RootFiles, RunIO, RunSpec } from "../../executor/contract.js";
import { chainIdOf, type DiffId, digestOf } from "../../oci/digest.js";
import type { TarEntry } from "../../tar/entry.js";
import { encodeHeader, headerSizeBound, paddingOf } from "../../tar/header.js";
import { readTar } from "../../tar/reader.js";
import { bytesOf } from "../../util/bytes.js";

/** A member of a layer: a file with `content` unless `type` says otherwise. */
export interface LayerMember extends Partial<Omit<TarEntry, "path" | "linkname" | "size">> {
  readonly path: string;
  readonly linkname?: string;
  readonly content?: string | Buffer;
}

/** An entry of a changeset with what is in it. */
export interface ChangedEntry extends TarEntry {
  readonly content: Buffer;
}

export interface LabResult {
  readonly exitCode: number;
  readonly signal: string | undefined;
  readonly stdout: string;
  readonly stderr: string;
  /** By path, in the changeset's order; empty when the command failed. */
  readonly changes: ReadonlyMap<string, ChangedEntry>;
}

export interface LabRun extends Partial<Omit<RunSpec, "rootfs" | "args">> {
  /** On top of BusyBox. */
  readonly layers?: readonly (readonly LayerMember[])[];
  /** For `/bin/sh -c`. */
  readonly script?: string;
  readonly args?: readonly [string, ...string[]];
  readonly secrets?: Readonly<Record<string, Buffer>>;
  readonly sshSocket?: string;
  readonly signal?: AbortSignal;
  readonly onOutput?: RunIO["onOutput"];
}

const APPLETS =
  "awk base64 basename cat chgrp chmod chown cp cut dd df dirname du echo env expr false find grep hostname id kill ln ls mkdir mkfifo mknod mount mv nc od printenv ps pwd readlink rm rmdir sed setsid sh sleep sort stat tail test touch tr true tty umount uname wc which".split(
    " ",
  );
const PATH = "PATH=/bin:/usr/bin";

export class Lab {
  readonly #layers = new Map<DiffId, Buffer>();
  /** Layers that executors asked for, in order. */
  readonly opened: DiffId[] = [];
  readonly base: DiffId;

  constructor() {
    this.base = this.layer(busyboxMembers());
  }

  /** Keeps a layer with `members` in their order. */
  layer(members: readonly LayerMember[]): DiffId {
    const bytes = tarOf(members);
    const diffId = digestOf(bytes) as string as DiffId;
    this.#layers.set(diffId, bytes);
    return diffId;
  }

  /** The tar that is given out for `diffId`, replaced by what `change` makes of it; returns the one before. */
  change(diffId: DiffId, change: (tar: Buffer) => Buffer): Buffer {
    const before = this.#layers.get(diffId)!;
    this.#layers.set(diffId, change(before));
    return before;
  }

  files(layers: readonly DiffId[]): RootFiles {
    return { chainId: chainIdOf(layers) ?? null, layers };
  }

  /** Base and `layers` as a file system. */
  rootfs(...layers: readonly (readonly LayerMember[])[]): RootFiles {
    return this.files([this.base, ...layers.map((members) => this.layer(members))]);
  }

  async capabilities(executor: Executor): Promise<ExecutorCapabilities> {
    const probe = await executor.probe();
    if (!probe.usable) throw new Error(probe.reason);
    return probe.capabilities;
  }

  async run(executor: Executor, run: LabRun): Promise<LabResult> {
    return this.runOver(executor, this.rootfs(...(run.layers ?? [])), run);
  }

  async runOver(executor: Executor, rootfs: RootFiles, run: LabRun): Promise<LabResult> {
    const { layers: _, script, args, secrets, sshSocket, signal, onOutput, ...rest } = run;
    const output = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
    const spec: RunSpec = {
      platform: hostPlatform(),
      args: args ?? ["/bin/sh", "-c", script ?? "true"],
      env: [PATH],
      cwd: "/",
      user: { uid: 0, gid: 0, additionalGids: [] },
      mounts: [],
      network: "default",
      security: "sandbox",
      hostname: "buildkitsandbox",
      hosts: [],
      shmSizeBytes: undefined,
      ulimits: [],
      changesetLimitBytes: 2 ** 40,
      ...rest,
      rootfs,
    };
    const outcome = await executor.run(JSON.parse(JSON.stringify(spec)) as RunSpec, {
      signal: signal ?? new AbortController().signal,
      openLayer: (diffId) => this.#open(diffId),
      readSecret: async (id) => {
        const secret = secrets?.[id];
        if (secret === undefined) throw new Error(`no secret "${id}"`);
        return secret;
      },
      sshSocket: () => sshSocket ?? "/nowhere",
      onOutput: onOutput ?? ((stream, chunk) => void output[stream].push(Buffer.from(chunk))),
    });
    const changes = outcome.changeset === null ? new Map<string, ChangedEntry>() : await readChanges(outcome.changeset);
    return {
      exitCode: outcome.exitCode,
      signal: "signal" in outcome ? outcome.signal : undefined,
      stdout: Buffer.concat(output.stdout).toString("utf8"),
      stderr: Buffer.concat(output.stderr).toString("utf8"),
      changes,
    };
  }

  async *#open(diffId: DiffId): AsyncGenerator<Buffer> {
    const bytes = this.#layers.get(diffId);
    if (bytes === undefined) throw new Error(`no layer ${diffId}`);
    this.opened.push(diffId);
    for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536);
  }
}

/** The entries of a tar, by path. */
export async function readChanges(chunks: AsyncIterable<Buffer>): Promise<Map<string, ChangedEntry>> {
  const changes = new Map<string, ChangedEntry>();
  let entry: TarEntry | undefined;
  let parts: Buffer[] = [];
  await readTar(chunks, {
    entry: (next) => {
      entry = next;
      parts = [];
    },
    data: (chunk) => void parts.push(Buffer.from(chunk)),
    end: () => void changes.set(entry!.path, { ...entry!, content: Buffer.concat(parts) }),
  });
  return changes;
}

/** The archive with `members` in their order. */
export function tarOf(members: readonly LayerMember[]): Buffer {
  const parts: Buffer[] = [];
  for (const { path, linkname, content, ...rest } of members) {
    const bytes = Buffer.from(content ?? "");
    const entry: TarEntry = {
      type: "file",
      mode: rest.type === "dir" ? 0o755 : 0o644,
      uid: 0,
      gid: 0,
      mtimeSeconds: 1_600_000_000,
      mtimeNanos: 0,
      devMajor: 0,
      devMinor: 0,
      xattrs: undefined,
      ...rest,
      path: bytesOf(path),
      linkname: bytesOf(linkname ?? ""),
      size: bytes.length,
    };
    const header = Buffer.alloc(headerSizeBound(entry));
    parts.push(header.subarray(0, encodeHeader(entry, header, 0)), bytes, Buffer.alloc(paddingOf(bytes.length)));
  }
  return Buffer.concat([...parts, Buffer.alloc(1024)]);
}

function busyboxMembers(): LayerMember[] {
  const path = ["/bin/busybox", "/usr/bin/busybox"].find((one) => existsSync(one));
  if (path === undefined) throw new Error('the suite needs a static "busybox" (Debian: busybox-static)');
  return [
    { path: "bin", type: "dir" },
    { path: "bin/busybox", content: readFileSync(path), mode: 0o755 },
    ...APPLETS.map((name): LayerMember => ({ path: `bin/${name}`, type: "symlink", linkname: "busybox", mode: 0o777 })),
    { path: "etc", type: "dir" },
    { path: "etc/passwd", content: "root:x:0:0::/root:/bin/sh\ndaemon:x:1:1::/:/bin/sh\n" },
    { path: "tmp", type: "dir", mode: 0o1777 },
    { path: "var", type: "dir" },
    { path: "var/lib", type: "dir" },
    { path: "var/lib/a", content: "a" },
    { path: "var/lib/b", content: "b" },
  ];
}

function hostPlatform(): RunSpec["platform"] {
  const architectures: Readonly<Record<string, string>> = { x64: "amd64", ia32: "386" };
  return { os: "linux", architecture: architectures[process.arch] ?? process.arch };
}
