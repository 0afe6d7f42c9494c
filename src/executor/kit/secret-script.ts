/**
 * Secrets as variables. What a builder or an engine is told of a container's environment it writes to its disk, so the command's own
 * shell reads them from a file in memory.
 */

import { bytesOf } from "../../util/bytes.js";
import { executorUnsupported } from "./failures.js";
import type { IndexView } from "./layer-index.js";

/** Where the command finds them; /dev is a file system of the container's own. */
export const SECRETS_FILE = "/dev/ocibuild-secrets";

const SHELL = "/bin/sh";

/** Lines for a POSIX shell. @throws EXECUTOR_UNSUPPORTED for what no variable can hold */
export function secretScript(secrets: ReadonlyMap<string, Buffer>, executor: string): Buffer {
  const lines = [...secrets].map(([name, value]) => {
    if (value.includes(0) || !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
      throw executorUnsupported(executor, "secret", `secret for "${name}" cannot be a variable of a shell`);
    }
    return `export ${name}='${value.toString("latin1").replaceAll("'", "'\\''")}'\n`;
  });
  return Buffer.from(lines.join(""), "latin1");
}

/** `args` with a shell of the image before them, which ends by becoming them. @throws EXECUTOR_UNSUPPORTED without one */
export function withSecrets(args: readonly string[], view: IndexView, executor: string): readonly string[] {
  const path = view.resolve(bytesOf(SHELL));
  if (path === undefined || view.lookUp(path)?.type !== "file") {
    throw executorUnsupported(
      executor,
      "secret",
      `a secret as a variable needs "${SHELL}" in the image`,
      "Take the secret as a file: RUN --mount=type=secret,id=…,target=….",
    );
  }
  return [SHELL, "-c", '. "$0"; exec "$@"', SECRETS_FILE, ...args];
}
