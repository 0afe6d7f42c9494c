/** The command and its environment as a bundle states them. */
import { type ByteString, bytesOf } from "../../util/bytes.js";
import type { RunSpec } from "../contract.js";
import { executorUnsupported } from "../kit/failures.js";
import type { RootView } from "../kit/root-view.js";

export interface BundleProcess {
  readonly args: readonly string[];
  readonly env: readonly string[];
}

/** @throws EXECUTOR_UNSUPPORTED for a secret that JSON or a variable cannot hold */
export function bundleProcess(
  args: RunSpec["args"],
  given: readonly string[],
  secrets: ReadonlyMap<string, ByteString>,
  view: RootView,
  executor: string,
): BundleProcess {
  const env = given.filter((line) => !secrets.has(line.slice(0, line.indexOf("="))));
  for (const [name, value] of secrets) env.push(`${name}=${secretText(name, value, executor)}`);
  if (env.some((line) => line.startsWith("HOME=") && line !== "HOME=")) return { args, env };
  // Runtimes set HOME where it is missing or empty; the image's own env undoes that.
  const program = (["/usr/bin/env", "/bin/env"] as ByteString[]).find((path) => {
    const stat = view.resolve(path)?.stat;
    return stat?.isFile() && (stat.mode & 0o111) !== 0;
  });
  if (program === undefined || args[0].includes("=")) return { args, env };
  return { args: [program, ...(env.includes("HOME=") ? ["HOME="] : ["-u", "HOME"]), ...args], env };
}

function secretText(name: string, value: ByteString, executor: string): string {
  const text = Buffer.from(value, "latin1").toString("utf8");
  if (!value.includes("\0") && bytesOf(text) === value) return text;
  throw executorUnsupported(executor, "secret", `secret for "${name}" expected text of UTF-8 but got other bytes`);
}
