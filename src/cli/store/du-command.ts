/** `ocibuild du`: what the store takes on the disk, as the disk says it. */
import type { ItemKind } from "../../cache/keeping/inventory.js";
import { type Command, defineCommand } from "../command.js";
import { EXIT_DONE } from "../exit-codes.js";
import { formatBytes } from "../human-units.js";
import type { Io } from "../io.js";
import { flag, list } from "../options/define-options.js";
import { formatColumns, openCommandStore, ROOT } from "./common.js";
import { EXECUTOR, openKept, readChoice } from "./engine-keep.js";
import { readFilters, typeOf } from "./filters.js";

const command: Command = defineCommand({
  name: "du",
  usage: "[OPTIONS]",
  description:
    "Shows what the store takes on the disk, and how much of it can go: everything but images and cache mounts can be " +
    "made again. What running builds use is not counted as reclaimable.",
  options: {
    filter: list({
      placeholder: "key=value",
      help: "Only what was not used for so long, or is of a type: until=24h, type=exec.cachemount",
    }),
    verbose: flag({ help: "List each thing" }),
    executor: EXECUTOR,
    root: ROOT,
  },
  operands: { min: 0, max: 0 },
  async run(io, { executor, filter, verbose, root }) {
    if (executor !== undefined) return showEngine(io, executor, { filter, verbose, root });
    const { kinds, unusedForMs } = readFilters(filter);
    const store = await openCommandStore(io, root);
    const { items, totalBytes, unreadable } = store.inventory();
    const isInUse = store.use.inUse();
    const now = store.use.nowMs() ?? Number.POSITIVE_INFINITY;
    const chosen = items
      .filter(({ kind }) => kinds === undefined || kinds.includes(kind))
      .filter(({ lastUsedMs }) => unusedForMs === undefined || now - lastUsedMs >= unusedForMs);
    const rows = chosen.map(({ id, kind, sizeBytes, isCache, lastUsedMs }) => {
      const time = kind === "other" ? undefined : lastUsedMs;
      return { id, kind, sizeBytes, canGo: isCache && !isInUse(lastUsedMs), timeMs: time };
    });
    show(io, rows, verbose ? "LAST ACCESSED" : undefined, filter.length === 0 ? totalBytes : undefined);
    for (const folder of unreadable) io.stderr.write(`WARNING: "${folder}" cannot be read and is not counted\n`);
    store.close();
    return EXIT_DONE;
  },
});
export default command;

async function showEngine(
  io: Io,
  executor: string,
  request: { readonly filter: readonly string[]; readonly verbose: boolean; readonly root: string | undefined },
): Promise<number> {
  const choice = readChoice(request.filter, ["unpacked", "cache-mount"]);
  await using kept = await openKept(io, executor, { "--root": request.root });
  const rows = (await kept.list(choice)).map(({ id, kind, sizeBytes, createdMs, isInUse }) => {
    return { id, kind, sizeBytes, canGo: kind !== "cache-mount" && !isInUse, timeMs: createdMs };
  });
  show(io, rows, request.verbose ? "CREATED" : undefined);
  return EXIT_DONE;
}

interface Row {
  readonly id: string;
  readonly kind: ItemKind;
  readonly sizeBytes: number;
  readonly canGo: boolean;
  readonly timeMs: number | undefined;
}

/** Thing by thing where a title for their times is given, else kind by kind. */
function show(io: Io, items: readonly Row[], timeTitle: string | undefined, totalBytes: number = sum(items)): void {
  const canGo = items.filter((item) => item.canGo);
  if (timeTitle !== undefined) {
    const rows = [...items]
      .sort((a, b) => b.sizeBytes - a.sizeBytes)
      .map((item) => [
        item.id,
        typeOf(item.kind),
        item.canGo ? "true" : "false",
        formatBytes(item.sizeBytes),
        item.timeMs === undefined ? "" : new Date(item.timeMs).toISOString().replace(/\..*/, "Z"),
      ]);
    io.stdout.write(`${formatColumns([["ID", "TYPE", "RECLAIMABLE", "SIZE", timeTitle], ...rows])}\n`);
  } else {
    const kinds = [...new Set(items.map(({ kind }) => kind))].sort();
    const rows = kinds.map((kind) => {
      const of = items.filter((item) => item.kind === kind);
      return [kind, String(of.length), formatBytes(sum(of)), formatBytes(sum(of.filter((item) => item.canGo)))];
    });
    io.stdout.write(`${formatColumns([["KIND", "COUNT", "SIZE", "RECLAIMABLE"], ...rows])}\n`);
  }
  io.stdout.write(`Reclaimable:\t${formatBytes(sum(canGo))}\n`);
  io.stdout.write(`Total:\t\t${formatBytes(totalBytes)}\n`);
}

function sum(items: readonly Row[]): number {
  return items.reduce((total, { sizeBytes }) => total + sizeBytes, 0);
}
