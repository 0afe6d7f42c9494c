/**
 * The ids of an ordinary user's containers: a user namespace that a small process holds open while the executor is in use,
 * so that the handshake with newuidmap is paid once.
 */
import { readFileSync } from "node:fs";
import { Child, collectText, runChild } from "./child.js";
import { executorFailed } from "./failures.js";
import type { IdSpace } from "./id-space.js";
import { requireProgram, systemProgram } from "./programs.js";

interface IdRange {
  readonly start: number;
  readonly count: number;
}

/** Opens the namespace. @throws EXECUTOR_FAILED */
export async function openUserIds(executor: string): Promise<IdSpace> {
  const uid = process.getuid!();
  const gid = process.getgid!();
  const ranges = subordinateIds(uid);
  const sh = requireProgram("sh", executor);
  const child = new Child(
    [
      requireProgram("setpriv", executor),
      "--pdeathsig=KILL",
      "--",
      requireProgram("unshare", executor),
      "--user",
      ...(ranges === undefined ? ["--map-root-user"] : []),
      "--",
      sh,
      "-c",
      "echo ready; read -r end",
    ],
    { stdio: ["pipe", "pipe", "pipe"] },
  );
  const words = collectText(child.process.stderr!);
  const ready = new Promise<boolean>((resolve) => {
    child.output().once("data", () => resolve(true));
    child.ended.then(
      () => resolve(false),
      () => resolve(false),
    );
  });
  const close = async (): Promise<void> => {
    child.ref(true);
    child.input().end();
    await child.ended.catch(() => undefined);
  };
  if (!(await ready)) {
    throw executorFailed(executor, `a user namespace could not be made: ${words()}`);
  }
  const pid = child.process.pid!;
  if (ranges !== undefined) {
    for (const [tool, id, range] of [
      ["newuidmap", uid, ranges.uids],
      ["newgidmap", gid, ranges.gids],
    ] as const) {
      const map = [pid, 0, id, 1, 1, range.start, range.count].map(String);
      const { code, words: said } = await runChild([requireProgram(tool, executor), ...map]);
      if (code === 0) continue;
      await close();
      throw executorFailed(executor, `${tool} ended with ${code}: ${said}`);
    }
  }
  // A build that has ended must not wait for the holder.
  child.ref(false);
  const enter = [requireProgram("nsenter", executor), `--user=/proc/${pid}/ns/user`, "--preserve-credentials", "--"];
  const count = ranges === undefined ? 0 : Math.min(ranges.uids.count, ranges.gids.count);
  return {
    ids: ranges === undefined ? "root" : "all",
    overlay: "user",
    key: ranges === undefined ? "single" : `from${ranges.uids.start}-${ranges.gids.start}-${count}`,
    maxId: count,
    command: (argv) => [...enter, ...argv],
    idInside: (hostId) => {
      if (hostId === uid) return 0;
      const start = ranges?.uids.start ?? 0;
      return hostId >= start && hostId < start + count ? hostId - start + 1 : 65534;
    },
    close,
  };
}

/** The first range of subordinate user and group ids; `undefined` when they or the tools for them are missing. */
export function subordinateIds(uid: number): { readonly uids: IdRange; readonly gids: IdRange } | undefined {
  if (systemProgram("newuidmap") === undefined || systemProgram("newgidmap") === undefined) return undefined;
  const names = [String(uid), ...userNames(uid)];
  const uids = firstRange("/etc/subuid", names);
  const gids = firstRange("/etc/subgid", names);
  return uids === undefined || gids === undefined ? undefined : { uids, gids };
}

function firstRange(file: string, names: readonly string[]): IdRange | undefined {
  for (const [name, start, count] of linesOf(file)) {
    if (!names.includes(name!) || !/^\d+$/.test(start ?? "") || !/^\d+$/.test(count ?? "")) continue;
    if (Number(count) > 0) return { start: Number(start), count: Number(count) };
  }
  return undefined;
}

function userNames(uid: number): string[] {
  return linesOf("/etc/passwd")
    .filter((fields) => fields[2] === String(uid))
    .map((fields) => fields[0]!);
}

function linesOf(file: string): string[][] {
  try {
    return readFileSync(file, "utf8")
      .split("\n")
      .map((line) => line.trim().split(":"));
  } catch {
    return [];
  }
}
