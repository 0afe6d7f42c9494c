/** The most memory that another process ever had (Linux). */
import type { ChildProcess } from "node:child_process";
import { readFileSync } from "node:fs";

const INTERVAL_MS = 20;

/** Looks until the process ends; resolves to its exit code and its peak, in MiB. */
export function peakOf(child: ChildProcess): Promise<{ readonly code: number | null; readonly peakMiB: number }> {
  let peakMiB = 0;
  const timer = setInterval(() => {
    peakMiB = Math.max(peakMiB, highWaterMiB(child.pid!));
  }, INTERVAL_MS);
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => {
      clearInterval(timer);
      resolve({ code, peakMiB });
    });
  });
}

function highWaterMiB(pid: number): number {
  try {
    return Number(/^VmHWM:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}
