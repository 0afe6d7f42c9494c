/** `ocibuild prune`: removes what the store can do without, beside builds that go on. */
import { createInterface } from "node:readline/promises";
import type { ItemKind, StoreItem } from "../../cache/keeping/inventory.js";
import type { Store } from "../../cache/store.js";
import { parseSize } from "../../dockerfile/size.js";
import { type Command, defineCommand } from "../command.js";
import { EXIT_DONE } from "../exit-codes.js";
import { formatBytes } from "../human-units.js";
import type { Io } from "../io.js";
import { optionError } from "../option-error.js";
import { flag, list, text } from "../options/define-options.js";
import { formatColumns, openCommandStore, ROOT } from "./common.js";
import { EXECUTOR, openKept, readChoice } from "./engine-keep.js";
import { readFilters, typeOf } from "./filters.js";

/** All that can be made again, and what commands printed. */
const CACHE: readonly ItemKind[] = ["layer", "blob", "unpacked", "record", "context", "download", "git", "log"];

const command: Command = defineCommand({
  name: "prune",
  usage: "[OPTIONS]",
  description:
    "Removes from the store what can be made again, least recently used first: layers, records, unpacked layers, copies of " +
    "files from elsewhere; and the logs of commands. Images and cache mounts stay, and so does what running builds use.",
  options: {
    all: flag({ short: "a", help: "Cache mounts and images without a tag as well" }),
    filter: list({
      placeholder: "key=value",
      help: "Only what was not used for so long, or is of a type: until=24h, type=regular",
    }),
    force: flag({ short: "f", help: "Do not ask" }),
    keepStorage: text({ placeholder: "bytes", help: "The same as --reserved-space" }),
    reservedSpace: text({ placeholder: "bytes", help: "Leave so much of what could be removed" }),
    maxUsedSpace: text({ placeholder: "bytes", help: "Stop when the store takes no more, for example 10GB" }),
    minFreeSpace: text({ placeholder: "bytes", help: "Stop when so much of the disk is free" }),
    verbose: flag({ help: "List each thing that goes" }),
    executor: EXECUTOR,
    root: ROOT,
  },
  operands: { min: 0, max: 0 },
  async run(io, request) {
    const { all, filter, force, verbose } = request;
    if (request.executor !== undefined) return pruneEngine(io, request.executor, request);
    const { kinds, unusedForMs } = readFilters(filter);
    const reservedBytes = size("--reserved-space", request.reservedSpace ?? request.keepStorage);
    const maxUsedBytes = size("--max-used-space", request.maxUsedSpace);
    const minFreeBytes = size("--min-free-space", request.minFreeSpace);
    const what = all
      ? "everything but tagged images, cache mounts included"
      : "everything that can be made again (not images, not cache mounts)";
    if (!force && !(await isConfirmed(io, what))) return EXIT_DONE;
    const store = await openCommandStore(io, request.root);
    if (all && kinds === undefined) await dropUntagged(store, unusedForMs);
    const { removed, freedBytes } = store.prune({
      kinds: kinds ?? (all ? [...CACHE, "cache-mount"] : CACHE),
      ...(unusedForMs === undefined ? {} : { unusedForMs }),
      ...(reservedBytes === undefined ? {} : { reservedBytes }),
      ...(maxUsedBytes === undefined ? {} : { maxUsedBytes }),
      ...(minFreeBytes === undefined ? {} : { minFreeBytes }),
    });
    store.close();
    printRemoved(io, verbose ? removed : [], freedBytes);
    return EXIT_DONE;
  },
});
export default command;

interface EngineRequest extends Readonly<Record<Sizes | "root", string | undefined>> {
  readonly all: boolean;
  readonly filter: readonly string[];
  readonly force: boolean;
  readonly verbose: boolean;
}
type Sizes = "keepStorage" | "reservedSpace" | "maxUsedSpace" | "minFreeSpace";

async function pruneEngine(io: Io, executor: string, request: EngineRequest): Promise<number> {
  const { all, filter, force, verbose } = request;
  const choice = readChoice(filter, all ? ["unpacked", "cache-mount"] : ["unpacked"]);
  await using kept = await openKept(io, executor, {
    "--root": request.root,
    "--keep-storage": request.keepStorage,
    "--reserved-space": request.reservedSpace,
    "--max-used-space": request.maxUsedSpace,
    "--min-free-space": request.minFreeSpace,
  });
  const what = all ? "cache mounts included" : "not cache mounts";
  if (!force && !(await isConfirmed(io, `all that the executor keeps in the engine (${what})`))) return EXIT_DONE;
  const { removed, freedBytes } = await kept.prune(choice);
  printRemoved(io, verbose ? removed : [], freedBytes);
  return EXIT_DONE;
}

type Removed = Pick<StoreItem, "id" | "kind" | "sizeBytes">;

function printRemoved(io: Io, removed: readonly Removed[], freedBytes: number): void {
  if (removed.length > 0) {
    const rows = removed.map(({ id, kind, sizeBytes }) => [id, typeOf(kind), formatBytes(sizeBytes)]);
    io.stdout.write(formatColumns([["ID", "TYPE", "SIZE"], ...rows]));
  }
  io.stdout.write(`Total:\t${formatBytes(freedBytes)}\n`);
}

/** Images without a tag that no container needs are not listed any more; their blobs are then what anybody's are. */
async function dropUntagged(store: Store, unusedForMs: number | undefined): Promise<void> {
  const { statSync } = await import("node:fs");
  const isInUse = store.use.inUse();
  const now = store.use.nowMs() ?? 0;
  const { ContainerStore } = await import("../../images/containers/container-store.js");
  const { pinOf } = await import("../../images/remove-image.js");
  const { groupStored } = await import("../../images/stored-images.js");
  const pins = new ContainerStore(store).pins();
  await store.images.remove(async (images) => {
    const needed = (await groupStored(store, images)).filter((image) => pinOf(image, pins) !== undefined);
    const kept = new Set(needed.flatMap(({ entries }) => entries.map((entry) => entry.descriptor.digest)));
    const drop = images.flatMap(({ reference, descriptor }) => {
      if (reference !== undefined || kept.has(descriptor.digest)) return [];
      const used = statSync(store.blobs.pathOf(descriptor.digest), { throwIfNoEntry: false })?.mtimeMs ?? 0;
      const stays = isInUse(used) || (unusedForMs !== undefined && now - used < unusedForMs);
      return stays ? [] : [descriptor.digest];
    });
    return { untag: [], drop, free: [] };
  });
}

function size(option: string, written: string | undefined): number | undefined {
  if (written === undefined) return undefined;
  const bytes = parseSize(written);
  if (bytes !== undefined) return bytes;
  throw optionError(option, `"${option} ${written}" expected a size`, "For example 10GB.");
}

async function isConfirmed(io: Io, what: string): Promise<boolean> {
  io.stdout.write(`WARNING! This will remove ${what}. Are you sure you want to continue? [y/N] `);
  const lines = createInterface({ input: io.stdin() });
  try {
    for await (const line of lines) return /^y(es)?$/i.test(line.trim());
    return false;
  } finally {
    lines.close();
  }
}
