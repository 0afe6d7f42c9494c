import { mkdirSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { LogFiles } from "../../src/cache/log-files.js";
import { OUTPUT_LOG_LIMITS, OutputLog, type OutputLogLimits } from "../../src/cache/output-log.js";
import { PendingFile } from "../../src/cache/pending-file.js";
import { openStore, type Store } from "../../src/cache/store.js";
import { tempFolder } from "../support/temp-folder.js";

const DAY_MS = 24 * 3600 * 1000;

/** What is kept of `chunks`, and how often something was written to the file. */
function logged(chunks: readonly string[], limits: Partial<OutputLogLimits> = {}): { text: string; writes: number } {
  let writes = 0;
  const create = () => PendingFile.create(tempFolder(), { beforeWrite: () => writes++ });
  const log = new OutputLog(create, { ...OUTPUT_LOG_LIMITS, ...limits });
  for (const chunk of chunks) log.write(Buffer.from(chunk));
  const file = log.finish();
  const text = file === undefined ? "" : readFileSync(file.path, "utf8");
  file?.discard();
  return { text, writes };
}

const lines = (from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, index) => `line ${String(from + index).padStart(5, "0")}\n`);

async function opened(): Promise<{ store: Store; dir: string; warnings: string[] }> {
  const warnings: string[] = [];
  const root = join(tempFolder(), "store");
  const store = await openStore(root, { onWarning: (message) => warnings.push(message) });
  return { store, dir: join(root, "logs", "v1"), warnings };
}

describe("L7: the log of a command", () => {
  test("holds every byte in its order, whatever the pieces are", () => {
    const pieces = ["a", "", "b".repeat(9), "c".repeat(10), "d".repeat(35), "\n", "e".repeat(3)];
    expect(logged(pieces, { blockBytes: 10 }).text).toBe(pieces.join(""));
    expect(logged(lines(1, 20_000)).text).toBe(lines(1, 20_000).join(""));
  });

  test("is written once when it is short, and block by block when it is not", () => {
    expect(logged(lines(1, 100)).writes).toBe(1);
    expect(logged(lines(1, 1000), { blockBytes: 1100 }).writes).toBe(10);
    expect(logged([])).toEqual({ text: "", writes: 0 });
  });

  test("without end keeps its beginning and its last lines, and says what is missing", () => {
    const limits = { blockBytes: 64, firstBytes: 1100, lastBytes: 115 };
    const note = (left: number) =>
      `\n[${left} bytes left out here: a log keeps its first 1100 bytes and its last 115]\n`;
    const expected = [...lines(1, 100), note(11 * 890), ...lines(991, 1000)].join("");
    expect(logged(lines(1, 1000), limits).text).toBe(expected);
    // In one piece, and in pieces that end anywhere.
    expect(logged([lines(1, 1000).join("")], limits).text).toBe(expected);
    const all = lines(1, 1000).join("");
    const odd = Array.from({ length: Math.ceil(all.length / 37) }, (_, index) =>
      all.slice(37 * index, 37 * index + 37),
    );
    expect(logged(odd, limits).text).toBe(expected);
    // Nothing is missing as long as both together hold all of it.
    expect(logged(lines(1, 110), limits).text).toBe(lines(1, 110).join(""));
  });
});

describe("L7: the logs of a store", () => {
  test("have names that begin with the time and tell the step, and nobody else may read them", async () => {
    const { store, dir } = await opened();
    const log = store.logs.start("build/../x-2");
    log.write(Buffer.from("hello\n"));
    const path = log.keep()!;
    const time = statSync(path)
      .mtime.toISOString()
      .replace(/\.\d+|[-:]/g, "");
    const name = path.slice(dir.length + 1);
    expect(name).toMatch(/^\d{8}T\d{6}Z-build-\.\.-x-2-[0-9a-f]{8}\.log$/);
    expect(name.slice(0, 16)).toBe(time);
    expect(readFileSync(path, "utf8")).toBe("hello\n");
    if (process.platform !== "win32") {
      expect((statSync(path).mode & 0o777).toString(8)).toBe("600");
      expect((statSync(dir).mode & 0o777).toString(8)).toBe("700");
    }
    expect(store.logs.start("quiet").keep()).toBeUndefined();
    expect(store.inventory().items.map(({ kind }) => kind)).toContain("log");
    store.close();
  });

  test("are kept for a month, as long as there are not too many of them", async () => {
    const { store, dir } = await opened();
    mkdirSync(dir, { recursive: true });
    const now = Date.now();
    for (let age = 0; age < 300; age++) {
      const path = join(dir, `${String(age).padStart(3, "0")}.log`);
      writeFileSync(path, "x");
      const time = (now - (age < 280 ? age * 1000 : 40 * DAY_MS)) / 1000;
      utimesSync(path, time, time);
    }
    const log = store.logs.start("new");
    log.write(Buffer.from("new"));
    log.keep();
    const left = readdirSync(dir)
      .filter((name) => /^\d{3}\.log$/.test(name))
      .sort();
    expect(left).toEqual(Array.from({ length: 256 }, (_, age) => `${String(age).padStart(3, "0")}.log`));
    expect(readdirSync(dir)).toHaveLength(257);
    store.close();

    const other = await openStore(store.root);
    for (const name of left.slice(10)) utimesSync(join(dir, name), 1, 1);
    const next = other.logs.start("next");
    next.write(Buffer.from("next"));
    next.keep();
    expect(readdirSync(dir)).toHaveLength(12);
    other.close();
  });

  test("that cannot be written are one warning, and nothing is left of them", async () => {
    const { store, warnings } = await opened();
    writeFileSync(join(store.root, "logs"), "a file where a folder is expected");
    for (let time = 0; time < 2; time++) {
      const log = store.logs.start("step");
      log.write(Buffer.from("hello"));
      expect(log.keep()).toBeUndefined();
      log.write(Buffer.from("late"));
    }
    expect(warnings).toEqual([expect.stringContaining(`what commands print cannot be kept in "${store.root}`)]);
    expect(readdirSync(join(store.root, "tmp"))).toEqual([]);
    store.close();
  });

  test("of a store that is full are a warning", async () => {
    const warnings: string[] = [];
    const onWarning = (message: string) => warnings.push(message);
    const store = await openStore(join(tempFolder(), "store"), { limitBytes: 100_000, onWarning });
    const log = store.logs.start("step");
    for (let count = 0; count < 10; count++) log.write(Buffer.alloc(50_000));
    expect(log.keep()).toBeUndefined();
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/cannot be kept in .*: store ".*" expected to stay below/);
    expect(readdirSync(join(store.root, "tmp"))).toEqual([]);
    store.close();
  });

  test("of a store that goes with its build are not written", () => {
    const unused = (): never => {
      throw new Error("a file was made");
    };
    const folders = { images: "", tmp: "", createFile: unused, touch: unused, prepareImages: unused, warn: unused };
    const log = new LogFiles("", { ...folders, lost: unused }, false).start("step");
    log.write(Buffer.alloc(100_000));
    expect(log.keep()).toBeUndefined();
  });
});
