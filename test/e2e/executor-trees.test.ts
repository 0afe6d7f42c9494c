/**
 * The chroot executor makes the next file system of what the last command left. Whatever commands do in whatever order,
 * it must be the one that overlayfs shows of the same layers.
 */
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { createChrootExecutor } from "../../src/executor/chroot/chroot-executor.js";
import { createNamespacesExecutor } from "../../src/executor/namespaces/namespaces-executor.js";
import { Lab, type LayerMember } from "../../src/testing/executor/lab.js";
import { type ByteString, textOf } from "../../src/util/bytes.js";
import { requireRoot } from "../support/ordinary-user.js";
import { makeOwnFolder, removeOwnFolder } from "../support/own-folder.js";
import { requireTool } from "../support/tools.js";

const TOOLS = ["unshare", "setpriv", "nsenter", "prlimit", "flock", "tar", "mknod", "mount", "busybox"] as const;
const STEPS = process.env["OCIBUILD_LONG"] === undefined ? 8 : 40;

/** All that there is, but for what is not of the image. */
const LIST = `cd /
skip() { for p in ./proc ./sys ./dev ./etc/hosts ./etc/resolv.conf; do echo "-path $p -prune -o"; done; }
find . $(skip) ! -path . -print | sort | while read -r f; do
  stat -c '%n %F %a %u %g %Y' "$f"
  if [ -h "$f" ]; then readlink "$f"; elif [ -f "$f" ]; then cat "$f" | /bin/busybox md5sum; fi
done`;

/** Numbers below the one asked for, the same for the same seed. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return Math.floor(state / 65_536) % below;
  };
}

function command(next: (below: number) => number): string {
  const name = (): string => "abcd"[next(4)]!;
  const path = (): string => `/w${Array.from({ length: 1 + next(3) }, () => `/${name()}`).join("")}`;
  // No pipes: writing to one waits for a reader.
  const operation = (): string => {
    const [one, other] = [path(), path()];
    const operations = [
      `mkdir -p ${one}`,
      `mkdir -p ${one}; echo ${next(1000)} > ${one}/${name()}`,
      `echo ${next(1000)} > ${one}`,
      `echo more >> ${one}/${name()}`,
      `rm -rf ${one}`,
      `rm -rf ${one}; mkdir -p ${one}`,
      `rm -rf ${one}; echo file > ${one}`,
      `mv ${one} ${other}`,
      `cp -a ${one} ${other}`,
      `ln -s ${other} ${one}`,
      `rm -rf ${one}; ln -s /etc ${one}`,
      `chmod ${next(2) === 0 ? 700 : 1777} ${one}`,
      `chown ${next(9)}:${next(9)} ${one}`,
      `touch -d @${1_000_000_000 + next(1000)} ${one}`,
    ];
    return operations[next(operations.length)]!;
  };
  return `(mkdir -p /w\n${Array.from({ length: 2 + next(6) }, operation).join("\n")}) 2>/dev/null; true`;
}

it.runIf(requireTool(...TOOLS) && requireRoot()).each([1, 2, 3])(
  "a tree that was used before is what its layers show (seed %i)",
  async (seed) => {
    const folder = makeOwnFolder("trees");
    onTestFinished(() => removeOwnFolder(folder));
    await using chroot = createChrootExecutor({ stateDir: join(folder, "chroot") });
    await using overlay = createNamespacesExecutor({ stateDir: join(folder, "overlay") });
    const next = numbers(seed);
    const lab = new Lab();
    let layers = [lab.base];
    for (let step = 0; step < STEPS; step++) {
      // Now and then a layer is not of the tree's own command, or a stage begins further down.
      const executor = next(4) === 0 ? overlay : chroot;
      if (next(6) === 0) layers = layers.slice(0, 1 + next(layers.length));
      const script = command(next);
      const { changes } = await lab.runOver(executor, lab.files(layers), { script });
      const members = [...changes].map(([path, { content, linkname, type, ...rest }]): LayerMember => {
        const entry = { ...rest, type, mtimeNanos: 0, path: textOf(path as ByteString), linkname: textOf(linkname) };
        return type === "file" ? { ...entry, content } : entry;
      });
      layers = [...layers, lab.layer(members)];
      const [ours, theirs] = [chroot, overlay].map((one) => lab.runOver(one, lab.files(layers), { script: LIST }));
      const { stdout, changes: none } = await ours!;
      expect(stdout, script).toBe((await theirs!).stdout);
      expect(none.size).toBe(0);
      expect(stdout).toContain("./w ");
    }
  },
);
