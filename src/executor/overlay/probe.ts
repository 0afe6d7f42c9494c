/** Whether this machine lets namespaces and overlays be made, found out by doing the least of it once. */
import { mkdirSync } from "node:fs";
import type { ExecutorProbe } from "../contract.js";
import { runChild } from "../kit/child.js";
import { runnablePlatforms } from "../kit/platforms.js";
import { installHint, systemProgram } from "../kit/programs.js";
import { unlessTried } from "../kit/trial-memory.js";
import { subordinateIds } from "../kit/user-ids.js";
import { isMachineRoot, isRoot, ownIdCount } from "../kit/user-namespace.js";

const PROGRAMS = ["sh", "setpriv", "unshare", "mount", "umount", "prlimit", "flock", "env", "tar", "mkfifo"] as const;
/** What an ordinary user needs or can use. */
const HELPERS = ["nsenter", "hostname", "newuidmap", "newgidmap"] as const;

/** For who is root of a user namespace with one id. */
const MORE_IDS = "the user namespace that this process is root of has no other id.";

export const NAMESPACES_TRIAL = "namespaces";

export async function probeNamespaces(stateDir: string, signal: AbortSignal | undefined): Promise<ExecutorProbe> {
  signal?.throwIfAborted();
  if (process.platform !== "linux") {
    return { usable: false, reason: `Namespaces are of Linux, and this is ${process.platform}.` };
  }
  const needed = [...PROGRAMS, ...(isRoot() ? [] : ["nsenter"]), ...(isMachineRoot() ? [] : ["hostname"])];
  const missing = needed.filter((name) => systemProgram(name) === undefined);
  if (missing.length > 0) {
    return { usable: false, reason: `The program "${missing[0]}" is missing.`, hint: installHint(missing) };
  }
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  const hasIds = isRoot() ? ownIdCount() > 1 : subordinateIds(process.getuid!()) !== undefined;
  const programs = [...PROGRAMS, ...HELPERS].flatMap((name) => systemProgram(name) ?? []);
  const problem = await unlessTried({ stateDir, trial: NAMESPACES_TRIAL, programs }, () => tryOut(stateDir, signal));
  if (problem !== undefined) return problem;
  const notes = [
    "RUN shares the network of the host: it reaches services on its loopback.",
    ...(hasIds
      ? []
      : [
          `Only root exists in RUN: ${isRoot() ? MORE_IDS : "give this user a range in /etc/subuid and /etc/subgid, and install uidmap."}`,
        ]),
  ];
  return {
    usable: true,
    note: notes.join(" "),
    capabilities: {
      boundary: "namespaces",
      platforms: runnablePlatforms(),
      mounts: ["bind", "cache", "tmpfs", "secret", "ssh", "file", "host"],
      networks: ["default", "none", "host"],
      securities: isMachineRoot() ? ["sandbox", "insecure"] : ["sandbox"],
      ids: hasIds ? "all" : "root",
      limits: true,
      interactive: ["stdin", "terminal", "keep"],
    },
  };
}

/** Numbers the steps, so that the code of the script's end says which one is not allowed here. */
const STEPS: readonly (readonly [code: number, reason: string, hint: string])[] = [
  [11, "/proc cannot be mounted here.", "In a container, run it with its /proc unmasked, or use another executor."],
  [
    12,
    "The store is on a file system that overlayfs cannot write to.",
    "Choose a store on ext4, xfs, btrfs or tmpfs with --root.",
  ],
  [
    13,
    "unshare, mount or setpriv lack options that are needed; BusyBox has its own.",
    installHint(["unshare", "mount"]),
  ],
];

async function tryOut(stateDir: string, signal?: AbortSignal): Promise<ExecutorProbe | undefined> {
  const script = [
    `cd "$1" || exit 12`,
    `"$2" -n -t proc proc /proc || exit 11`,
    // In memory, so that there is nothing to clean up; the store's own file system is tried by the second overlay.
    `"$2" -n -t tmpfs tmpfs /mnt && mkdir /mnt/l /mnt/n /mnt/m || exit 11`,
    `"$2" -n -t overlay -o "lowerdir=/mnt/l:/mnt/n$3" overlay /mnt/m || exit 12`,
    `"$4" --bounding-set=-all,+chown --inh-caps=-all -- "$5" --root=. --wd=/ --version >/dev/null 2>&1; exit 0`,
  ].join("\n");
  const program = (name: string): string => systemProgram(name)!;
  const { code, words } = await runChild(
    [
      program("setpriv"),
      "--pdeathsig=KILL",
      "--",
      program("unshare"),
      ...(isRoot() ? [] : ["--user", "--map-root-user"]),
      "--mount",
      "--pid",
      "--uts",
      "--ipc",
      "--fork",
      "--kill-child=KILL",
      "--propagation=private",
      "--",
      program("sh"),
      "-c",
      script,
      "sh",
      stateDir,
      program("mount"),
      isMachineRoot() ? "" : ",userxattr",
      program("setpriv"),
      program("unshare"),
    ],
    { signal },
  );
  if (code === 0) return undefined;
  const step = STEPS.find(([number]) => number === code);
  if (step !== undefined) return { usable: false, reason: `${step[1]} ${words}`.trim(), hint: step[2] };
  const hint = isRoot()
    ? "In a container, this takes CAP_SYS_ADMIN; use another executor there."
    : "Allow user namespaces: sysctl kernel.unprivileged_userns_clone=1, kernel.apparmor_restrict_unprivileged_userns=0.";
  return { usable: false, reason: `Namespaces cannot be made here: ${words || `ended with ${code}`}.`, hint };
}
