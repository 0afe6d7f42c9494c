/** Whether this machine lets the executor work, found out by doing the least of it once. */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { ExecutorProbe, Lack } from "../contract.js";
import { runChild } from "../kit/child.js";
import { runnablePlatforms } from "../kit/platforms.js";
import { installHint, systemProgram } from "../kit/programs.js";
import { isRoot } from "../kit/user-namespace.js";
import { markArgument } from "./marked-processes.js";
import { isInMemory } from "./secret-files.js";

const PROGRAMS = [
  "sh",
  "setpriv",
  "nsenter",
  "prlimit",
  "flock",
  "env",
  "tar",
  "cp",
  "grep",
  "mkfifo",
  "mknod",
] as const;

const NOTE =
  "It is no boundary: commands share processes, network and kernel with everything in this container and can leave " +
  "their folder, so run trusted Dockerfiles only. /proc and /sys are empty, and read-only mounts can be written to " +
  "(what is written is dropped).";

export async function probeChroot(stateDir: string, signal: AbortSignal | undefined): Promise<ExecutorProbe> {
  signal?.throwIfAborted();
  if (process.platform !== "linux") {
    return { usable: false, reason: `Programs of images are for Linux, and this is ${process.platform}.` };
  }
  if (!isRoot()) {
    return {
      usable: false,
      reason: "Only root may change the root folder of a command.",
      hint: 'Run the container as root; an ordinary user outside of containers has the executor "namespaces".',
    };
  }
  const missing = PROGRAMS.filter((name) => systemProgram(name) === undefined);
  if (missing.length > 0) {
    return { usable: false, reason: `The program "${missing[0]}" is missing.`, hint: installHint(missing) };
  }
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  const problem = await tryOut(stateDir, signal);
  if (problem !== undefined) return problem;
  const always: readonly Lack[] = ["proc", "read-only", "hostname", "tmpfs-size", "shm-size"];
  return {
    usable: true,
    note: NOTE,
    capabilities: {
      boundary: "none",
      platforms: runnablePlatforms(),
      mounts: ["bind", "cache", "tmpfs", "secret", "ssh", "file"],
      networks: ["default", "host"],
      securities: ["sandbox"],
      ids: "all",
      limits: true,
      lacks: isInMemory(stateDir) ? always : [...always, "secret-files"],
    },
  };
}

/** Numbers the steps, so that the code of the script's end says which one is not allowed here. */
const STEPS: readonly (readonly [code: number, reason: string, hint: string])[] = [
  [
    11,
    "The store is on a file system from which no program can be started.",
    "Choose a store that is not mounted noexec with --root.",
  ],
  [
    12,
    "Device nodes like /dev/null cannot be made in the store.",
    "Give the container CAP_MKNOD, as Docker does by default, and choose a store that is not mounted nodev with --root.",
  ],
  [13, "Files cannot be given to other users.", "Run as root of a container that has more than one user id."],
  [14, "Programs lack options that are needed; BusyBox has its own.", installHint(["cp", "tar", "prlimit", "grep"])],
  [
    15,
    "The root folder of a command cannot be changed.",
    "Give the container CAP_SYS_CHROOT, as Docker does by default.",
  ],
];

const SCRIPT = `
cd "$1" || exit 11
"$2" -L "$3" sh && ./sh -c : || exit 11
"$4" null c 1 3 && echo > null || exit 12
"$5" 12345:12345 null || exit 13
"$2" -a --reflink=auto -- null copy || exit 14
"$6" --create --xattrs --verbatim-files-from --files-from=/dev/null >/dev/null || exit 14
"$7" --pid $$ "$8" && "$9" -q "^Max realtime timeout " /proc/self/limits || exit 14
"\${10}" --clear-groups --inh-caps=-all --bounding-set=-all,+sys_chroot -- "\${11}" --root=. --wd=. -- /is-not-there
[ $? = 127 ] || exit 15
`;

async function tryOut(stateDir: string, signal?: AbortSignal): Promise<ExecutorProbe | undefined> {
  const folder = mkdtempSync(join(stateDir, "probe-"));
  try {
    const program = (name: string): string => systemProgram(name) ?? name;
    const mark = markArgument("99999999999999999");
    const args = [
      folder,
      ...["cp", "sh", "mknod", "chown", "tar", "prlimit"].map(program),
      mark,
      ...["grep", "setpriv", "nsenter"].map(program),
    ];
    const { code, words } = await runChild([program("sh"), "-c", SCRIPT, "sh", ...args], { signal });
    if (code === 0) return undefined;
    const [, reason, hint] = STEPS.find(([number]) => number === code) ?? [0, `The trial ended with ${code}.`, ""];
    return { usable: false, reason: `${reason} ${words}`.trim(), ...(hint === "" ? {} : { hint }) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
