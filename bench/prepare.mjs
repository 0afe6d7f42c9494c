// How long a base image takes to become a folder that commands run over, beside GNU tar with the same archive.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { measure, median } from "./measure.mjs";

/** Debian as debootstrap makes it, as an archive. */
function debian(context) {
  const root = `${context}-root`;
  execFileSync("debootstrap", ["--variant=minbase", "stable", root], { stdio: "ignore" });
  // Whole seconds, as in the layers of registries.
  const fields = ["--format=pax", "--numeric-owner", "--clamp-mtime", "--mtime=2026-01-01"];
  execFileSync("tar", [
    "-cf",
    join(context, "base.tar"),
    ...fields,
    "--pax-option=delete=atime,delete=ctime",
    "-C",
    root,
    ".",
  ]);
  rmSync(root, { recursive: true });
  writeFileSync(join(context, "Dockerfile"), "FROM scratch AS base\nADD base.tar /\nFROM base AS run\nRUN true\n");
}

function hasDebootstrap() {
  try {
    execFileSync("debootstrap", ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/**
 * Prints a row: a build of one RUN over a base that was never used less the same build again, and GNU tar. Every run
 * unpacks into a place of its own, and nothing is removed meanwhile: file systems are slow to make files where many went.
 */
export async function comparePreparing(cli, base, runs) {
  if (process.getuid() !== 0 || !hasDebootstrap()) {
    console.log("\npreparing a Debian base: skipped, it takes root and debootstrap");
    return;
  }
  const context = join(base, "context-base");
  if (!existsSync(join(context, "Dockerfile"))) {
    mkdirSync(context, { recursive: true });
    debian(context);
  }
  const store = join(base, "store-base");
  const build = async (...more) =>
    (await measure(process.execPath, [cli, "build", "--root", store, "--progress", "quiet", ...more, context])).seconds;
  await build("-t", "bench");
  const [ours, theirs] = [[], []];
  for (let run = 0; run < runs; run++) {
    renameSync(join(store, "executors", "overlay", "layers"), join(base, `layers-${run}`));
    const first = await build("--no-cache-filter", "run");
    ours.push(first - (await build("--no-cache-filter", "run")));
    const target = join(base, `tar-${run}`);
    mkdirSync(target);
    const args = ["-xf", join(context, "base.tar"), "--numeric-owner", "--xattrs", "--xattrs-include=*", "-C", target];
    theirs.push((await measure("tar", args)).seconds);
  }
  for (const name of readdirSync(base)) {
    if (/^(?:layers|tar)-\d+$|^store-base$/.test(name)) rmSync(join(base, name), { recursive: true });
  }
  const [own, other] = [median(ours), median(theirs)];
  console.log("\n| workload | ocibuild | GNU tar | ratio |\n|---|---|---|---|");
  console.log(
    `| preparing a Debian base for RUN | ${own.toFixed(2)} s | ${other.toFixed(2)} s | ${(own / other).toFixed(2)} |`,
  );
}
