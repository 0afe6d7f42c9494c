/**
 * `npm run fuzz -- [--target NAME] [--seconds N] [--seed N] [--replay FILE]`
 *
 * Every target gets `--seconds` (60). A run with the same seed tries the same inputs. Inputs that break something are
 * written to `node_modules/.cache/fuzz/`; `--replay` runs one of them again. Exits with 1 when anything broke.
 */
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { fuzz } from "./engine.js";
import { createRandom } from "./random.js";
import type { Target } from "./target.js";
import { expandTarget } from "./targets/expand.js";
import { ignoreTarget } from "./targets/ignore.js";
import { jsonTarget } from "./targets/json.js";
import { dockerfiles, editTarget, parserTarget } from "./targets/parser.js";
import { referenceTarget } from "./targets/reference.js";
import { tarTarget } from "./targets/tar.js";

const TARGETS: ReadonlyMap<string, () => Target> = new Map([
  ["parser", () => parserTarget(dockerfiles())],
  ["edit", () => editTarget(dockerfiles())],
  ["expand", expandTarget],
  ["reference", referenceTarget],
  ["ignore", ignoreTarget],
  ["json", jsonTarget],
  ["tar", tarTarget],
]);

const FINDINGS = "node_modules/.cache/fuzz";

const { values } = parseArgs({
  options: {
    target: { type: "string", multiple: true },
    seconds: { type: "string", default: "60" },
    seed: { type: "string", default: String(Math.floor(Math.random() * 2 ** 32)) },
    replay: { type: "string" },
  },
});
const names = values.target ?? [...TARGETS.keys()];
const unknown = names.find((name) => !TARGETS.has(name));
if (unknown !== undefined) {
  console.error(`"${unknown}" is no target: ${[...TARGETS.keys()].join(", ")}`);
  process.exit(2);
}
if (values.replay === undefined) fuzzAll();
else replay(values.replay);

function fuzzAll(): void {
  const seed = Number(values.seed);
  let total = 0;
  let broken = 0;
  for (const name of names) {
    const target = TARGETS.get(name)!();
    const report = fuzz(target, {
      seed,
      seconds: Number(values.seconds),
      onFinding: ({ input, error }) => {
        const file = save(target, input);
        console.error(
          `${name}: ${error}\n  input: ${file}\n  again: npm run fuzz -- --target ${name} --replay ${file}`,
        );
      },
    });
    total += report.executions;
    broken += report.findings.length;
    const perSecond = Math.round(report.executions / report.seconds);
    console.log(
      `${name.padEnd(10)} ${report.executions.toLocaleString("en").padStart(12)} executions  ${perSecond
        .toLocaleString("en")
        .padStart(8)}/s  ${String(report.kinds).padStart(6)} kinds  slowest ${report.slowestMs.toFixed(1)} ms  ${
        report.findings.length
      } findings`,
    );
  }
  console.log(`seed ${seed}: ${total.toLocaleString("en")} executions, ${broken} findings`);
  process.exitCode = broken > 0 ? 1 : 0;
}

function replay(file: string): void {
  const [name = "parser"] = names;
  const target = TARGETS.get(name)!();
  const input = readFileSync(file, target.isBinary ? "latin1" : "utf16le");
  console.log(target.run(input, createRandom(Number(values.seed))));
}

/** Texts are kept as UTF-16, which holds what UTF-8 cannot. */
function save(target: Target, input: string): string {
  mkdirSync(FINDINGS, { recursive: true });
  const bytes = Buffer.from(input, target.isBinary ? "latin1" : "utf16le");
  const file = `${FINDINGS}/${target.name}-${createHash("sha256").update(bytes).digest("hex").slice(0, 12)}`;
  writeFileSync(file, bytes);
  return file;
}
