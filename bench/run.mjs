// Builds the same contexts with ocibuild and, turn by turn in the same minutes, with buildah (plus its archive export),
// and prints ratios of medians and peak memory. Absolute times say more about the machine than about the program.
//   npm run bench -- [--runs N] [--only tiny,many,run,big,base] [--no-buildah] [--dir FOLDER]
import { execFileSync } from "node:child_process";
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { measure, median } from "./measure.mjs";
import { comparePreparing } from "./prepare.mjs";
import { bigFile, commands, manyFiles, tiny } from "./workloads.mjs";

const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "3" },
    only: { type: "string", default: "tiny,many,run,big,base" },
    buildah: { type: "boolean", default: true },
    dir: { type: "string" },
  },
  allowNegative: true,
});
const cli = fileURLToPath(new URL("../dist/cli.js", import.meta.url));
const base = values.dir ?? mkdtempSync(join(tmpdir(), "ocibuild-bench-"));
const runs = Number(values.runs);

const WORKLOADS = {
  tiny: { title: "tiny (one file)", make: tiny },
  many: { title: "23,000 files, 220 MB", make: manyFiles, touch: "index.js" },
  run: { title: "five RUN steps", make: commands(5) },
  big: { title: "one text file, 1.5 GB", make: bigFile },
};

function hasBuildah() {
  try {
    execFileSync("buildah", ["--version"], { stdio: "ignore" });
    return values.buildah;
  } catch {
    return false;
  }
}

/** The two programs as functions of a context and a store folder; each ends with an OCI archive on disk. */
const tools = {
  ocibuild: (context, store) =>
    measure(process.execPath, [
      cli,
      "build",
      "--root",
      store,
      "--progress",
      "quiet",
      "-t",
      "bench",
      "-o",
      `type=oci,dest=${store}.tar`,
      context,
    ]),
  ...(hasBuildah() && {
    buildah: (context, store) => {
      const own = `--root ${store}/storage --runroot ${store}/run`;
      const script = `buildah ${own} build --layers --runtime runc --network host -q -t bench ${context} && buildah ${own} push -q bench oci-archive:${store}.tar`;
      return measure("sh", ["-c", script]);
    },
  }),
};

function clear(store) {
  if (existsSync(`${store}/storage`)) {
    execFileSync("buildah", ["--root", `${store}/storage`, "--runroot", `${store}/run`, "rmi", "-af"], {
      stdio: "ignore",
    });
  }
  for (const path of [store, `${store}.tar`]) rmSync(path, { recursive: true, force: true });
}

/** `runs` runs of every tool, turn by turn; `prepare` is called before each, outside of the measured time. */
async function compare(title, context, prepare) {
  const results = {};
  for (let run = 0; run < runs; run++) {
    for (const [name, tool] of Object.entries(tools)) {
      const store = join(base, `store-${name}`);
      prepare(store);
      results[name] = [...(results[name] ?? []), await tool(context, store)];
    }
  }
  const row = { title };
  for (const [name, all] of Object.entries(results)) {
    row[name] = {
      seconds: median(all.map((one) => one.seconds)),
      peakBytes: Math.max(...all.map((one) => one.peakBytes)),
    };
  }
  print(row);
}

function print({ title, ocibuild, buildah }) {
  const cells = [
    title,
    seconds(ocibuild),
    seconds(buildah),
    ratio(ocibuild, buildah),
    memory(ocibuild),
    memory(buildah),
  ];
  console.log(`| ${cells.join(" | ")} |`);
}

const seconds = (result) => (result === undefined ? "–" : `${result.seconds.toFixed(2)} s`);
const ratio = (one, other) => (other === undefined ? "–" : (one.seconds / other.seconds).toFixed(2));
const memory = (result) => (result === undefined ? "–" : `${Math.round(result.peakBytes / 2 ** 20)} MiB`);

const bare = [];
for (let run = 0; run < 5; run++) bare.push((await measure(process.execPath, ["-e", "0"])).seconds);
console.log(
  `bare node start: ${median(bare).toFixed(3)} s (median of 5); ${runs} runs each, medians; peak memory: the most of all runs\n`,
);
console.log("| workload | ocibuild | buildah | ratio | ocibuild peak | buildah peak |");
console.log("|---|---|---|---|---|---|");
for (const name of values.only.split(",")) {
  if (name === "base") {
    await comparePreparing(cli, base, runs);
    continue;
  }
  const { title, make, touch } = WORKLOADS[name];
  const context = join(base, `context-${name}`);
  if (!existsSync(join(context, "Dockerfile"))) {
    mkdirSync(context, { recursive: true });
    make(context);
    // Files younger than the time stamps' grain are read again by everybody who is careful.
    await new Promise((resolve) => setTimeout(resolve, 3000));
  }
  await compare(`${title}, cold`, context, clear);
  await compare(`${title}, unchanged`, context, () => {});
  if (touch !== undefined) {
    let count = 0;
    await compare(`${title}, one file changed`, context, () => appendFileSync(join(context, touch), `// ${count++}\n`));
  }
  for (const tool of Object.keys(tools)) clear(join(base, `store-${tool}`));
}
if (values.dir === undefined) rmSync(base, { recursive: true, force: true });
