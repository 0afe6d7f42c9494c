/**
 * A folder that programs with mounts, sockets and ids of their own work in, and that is gone afterwards whatever they
 * left there.
 */
import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** An empty folder with a short name (sockets have a limit of 107 bytes), which everybody can enter. */
export function makeOwnFolder(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `oe-${name}-`));
  chmodSync(folder, 0o755);
  return folder;
}

/** Removes the folder and everything mounted below it. */
export function removeOwnFolder(folder: string): void {
  for (const point of mountsBelow(folder).reverse()) {
    try {
      execFileSync("umount", [point], { stdio: "ignore" });
    } catch {
      // Removing then says what is in the way.
    }
  }
  rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
}

/** Mount points at or below `folder`, in the order in which they were mounted. */
function mountsBelow(folder: string): string[] {
  let table: string;
  try {
    table = readFileSync("/proc/self/mountinfo", "utf8");
  } catch {
    return [];
  }
  return table
    .split("\n")
    .map((line) =>
      (line.split(" ")[4] ?? "").replaceAll(/\\([0-7]{3})/g, (_, octal) =>
        String.fromCharCode(Number.parseInt(octal, 8)),
      ),
    )
    .filter((point) => point === folder || point.startsWith(`${folder}/`));
}
