/** A folder that exists for one test. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

/** Makes an empty folder that is removed when the running test has finished; returns its absolute path. */
export function tempFolder(): string {
  const dir = mkdtempSync(join(tmpdir(), "ocibuild-test-"));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}
