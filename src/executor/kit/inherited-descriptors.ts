/**
 * Descriptors that whoever started this process left open and that programs we start would inherit (L3). Node marks only
 * the lowest ones to be closed; there is no way to close the others in a child, but one to put /dev/null in their place.
 */
import { openSync, readdirSync, readFileSync } from "node:fs";

const CLOSE_ON_EXEC = 0o2000000;

let covered: (readonly [fd: number, cover: number])[] | undefined;

/** `stdio` for a child, with descriptors that it must not see covered. */
export function withoutInherited<T>(stdio: readonly T[]): (T | number | "ignore")[] {
  covered ??= inherited();
  const all: (T | number | "ignore")[] = [...stdio];
  for (const [fd, cover] of covered) {
    while (all.length < fd) all.push("ignore");
    if (fd >= stdio.length) all[fd] = cover;
  }
  return all;
}

function inherited(): [number, number][] {
  const found: number[] = [];
  try {
    for (const name of readdirSync("/proc/self/fd")) {
      const fd = Number(name);
      if (fd > 2 && !isClosedOnExec(name)) found.push(fd);
    }
  } catch {
    return [];
  }
  if (found.length === 0) return [];
  const cover = openSync("/dev/null", "r");
  return found.map((fd) => [fd, cover]);
}

function isClosedOnExec(name: string): boolean {
  try {
    const flags = /^flags:\s*([0-7]+)/m.exec(readFileSync(`/proc/self/fdinfo/${name}`, "latin1"))?.[1];
    return flags === undefined || (Number.parseInt(flags, 8) & CLOSE_ON_EXEC) !== 0;
  } catch {
    return true;
  }
}
