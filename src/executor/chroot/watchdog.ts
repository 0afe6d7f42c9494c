/** A process that outlives this one by a moment: however it ends, commands end with it and secrets are emptied (K12, L1). */
import { Child } from "../kit/child.js";
import { requireProgram } from "../kit/programs.js";

/** Arguments: grep, what marks begin with, the folder of secrets. */
const SCRIPT = `
read -r end
while :; do
  found=
  for file in $("$1" -lsE "^Max realtime timeout +$2" /proc/[0-9]*/limits); do
    pid=\${file#/proc/}
    pid=\${pid%/limits}
    "$1" -qsE '^State:.[ZX]' "/proc/$pid/status" && continue
    kill -9 "$pid" 2>/dev/null && found=1
  done
  [ -n "$found" ] || break
done
for secret in "$3"/*; do
  [ -f "$secret" ] && : > "$secret"
done
`;

export class Watchdog implements AsyncDisposable {
  readonly #child: Child;

  constructor(executor: string, prefix: string, secrets: string) {
    const sh = requireProgram("sh", executor);
    const command = [sh, "-c", SCRIPT, "sh", requireProgram("grep", executor), prefix, secrets];
    this.#child = new Child(command, { stdio: ["pipe", "ignore", "ignore"] });
    // A build that has ended must not wait for it.
    this.#child.ref(false);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.ref(true);
    this.#child.input().end();
    await this.#child.ended.catch(() => undefined);
  }
}
