/** `ocibuild du`: what the store takes on the disk, as the disk says it. */
import { type Command, defineCommand } from "../command.js";
import { EXIT_DONE } from "../exit-codes.js";
import { formatBytes } from "../human-units.js";
import { flag, list } from "../options/define-options.js";
import { formatColumns, openCommandStore, ROOT } from "./common.js";
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
    root: ROOT,
  },
  operands: { min: 0, max: 0 },
  async run(io, { filter, verbose, root }) {
    const { kinds, unusedForMs } = readFilters(filter);
    const store = await openCommandStore(io, root);
    const { items, totalBytes, unreadable } = store.inventory();
    const isInUse = store.use.inUse();
    const now = store.use.nowMs() ?? Number.POSITIVE_INFINITY;
    const chosen = items
      .filter(({ kind }) => kinds === undefined || kinds.includes(kind))
      .filter(({ lastUsedMs }) => unusedForMs === undefined || now - lastUsedMs >= unusedForMs);
    const canGo = chosen.filter(({ isCache, lastUsedMs }) => isCache && !isInUse(lastUsedMs));
    const sum = (list: typeof items): number => list.reduce((total, { sizeBytes }) => total + sizeBytes, 0);
    if (verbose) {
      const rows = [...chosen]
        .sort((a, b) => b.sizeBytes - a.sizeBytes)
        .map((item) => [
          item.id,
          typeOf(item.kind),
          canGo.includes(item) ? "true" : "false",
          formatBytes(item.sizeBytes),
          item.kind === "other" ? "" : new Date(item.lastUsedMs).toISOString().replace(/\..*/, "Z"),
        ]);
      io.stdout.write(`${formatColumns([["ID", "TYPE", "RECLAIMABLE", "SIZE", "LAST ACCESSED"], ...rows])}\n`);
    } else {
      const kindsHere = [...new Set(chosen.map(({ kind }) => kind))].sort();
      const rows = kindsHere.map((kind) => {
        const of = (list: typeof items) => list.filter((item) => item.kind === kind);
        return [kind, String(of(chosen).length), formatBytes(sum(of(chosen))), formatBytes(sum(of(canGo)))];
      });
      io.stdout.write(`${formatColumns([["KIND", "COUNT", "SIZE", "RECLAIMABLE"], ...rows])}\n`);
    }
    io.stdout.write(`Reclaimable:\t${formatBytes(sum(canGo))}\n`);
    io.stdout.write(`Total:\t\t${formatBytes(filter.length === 0 ? totalBytes : sum(chosen))}\n`);
    for (const folder of unreadable) io.stderr.write(`WARNING: "${folder}" cannot be read and is not counted\n`);
    store.close();
    return EXIT_DONE;
  },
});
export default command;
