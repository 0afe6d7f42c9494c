/**
 * Who owns a temporary file or a lock: this process, named so that others can tell whether it still runs.
 *
 * The name holds pid, start time, boot id and pid namespace. Where /proc is missing only the pid can be asked for.
 */
import { randomBytes } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";

/** `unknown`: the owner lives where we cannot look (another pid namespace, machine or boot). */
export type OwnerState = "alive" | "dead" | "unknown";

interface ProcessOwner {
  readonly pid: number;
  /** Clock ticks after boot; "0" where unknown. */
  readonly start: string;
  readonly boot: string;
  /** Number of the pid namespace. */
  readonly space: string;
}

const NAME = /^(\d{1,10})-(\d{1,20})-([0-9a-f]{1,32})-(\d{1,20})-[0-9a-f]{16}(?:\.[a-z]+)?$/;

let ownProcess: ProcessOwner | undefined;

function self(): ProcessOwner {
  ownProcess ??= {
    pid: process.pid,
    start: startOf("self") ?? "0",
    boot:
      readProc("sys/kernel/random/boot_id")
        .replace(/[^0-9a-f]/g, "")
        .slice(0, 32) || "0",
    space: readNamespace(),
  };
  return ownProcess;
}

/** Names the running boot of this machine, or `undefined` where the system does not tell. */
export function bootId(): string | undefined {
  return self().boot === "0" ? undefined : self().boot;
}

/** A new unpredictable file name that tells its owner: this process. */
export function ownedName(): string {
  const { pid, start, boot, space } = self();
  return `${pid}-${start}-${boot}-${space}-${randomBytes(8).toString("hex")}`;
}

/** Whether the process that made `name` (by `ownedName`, a suffix like `.damaged` allowed) still runs. */
export function ownerState(name: string): OwnerState {
  const match = NAME.exec(name);
  if (match === null) return "unknown";
  const [, pid, start, boot, space] = match;
  const me = self();
  if (boot !== me.boot || space !== me.space) return "unknown";
  if (start === "0") return isRunning(Number(pid)) ? "alive" : "dead";
  return startOf(pid!) === start ? "alive" : "dead";
}

/** The pid in a name made by `ownedName`, for messages. */
export function ownerPid(name: string): string {
  return NAME.exec(name)?.[1] ?? "unknown";
}

/** Start time of a process in clock ticks, `undefined` when it is gone (or a zombie, or /proc is not there). */
function startOf(pid: string): string | undefined {
  const stat = readProc(`${pid}/stat`);
  // The command name may hold anything, so the fields are counted from the last parenthesis: state is the third field.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields[0] === "Z" || fields[0] === "X" ? undefined : fields[19];
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}

function readProc(name: string): string {
  try {
    return readFileSync(`/proc/${name}`, "latin1");
  } catch {
    return "";
  }
}

function readNamespace(): string {
  try {
    return /\d+/.exec(readlinkSync("/proc/self/ns/pid"))?.[0] ?? "0";
  } catch {
    return "0";
  }
}
