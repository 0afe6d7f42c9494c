/**
 * How the command gets its environment. The last programs of the host that run before it see it too, and some variables
 * would make them load code or texts that the image chose: those are set by the image's own `env`, behind the change of
 * the root.
 */
import { type ByteString, bytesOf } from "../../util/bytes.js";
import { executorUnsupported } from "./failures.js";
import type { RootView } from "./root-view.js";

export interface CommandEnvironment {
  /** Bytes of `NAME=value`, harmless to the programs of the host. */
  readonly direct: readonly ByteString[];
  /** Secrets: exported by the shell, so that they are in no process list. */
  readonly exported: readonly (readonly [string, ByteString])[];
  /** What goes before the command. */
  readonly prefix: readonly ByteString[];
}

const DANGEROUS =
  /^(?:LD_|GLIBC_|MALLOC_|GCONV_|GETCONF_|LOCPATH|NLSPATH|LANGUAGE|OUTPUT_CHARSET|TEXTDOMAIN|LIBMOUNT_|LIBSMARTCOLS_|LIBBLKID_|ASAN_|TZ|POSIXLY_|HOSTALIASES|RES_|LOCALDOMAIN|TMPDIR)/;
const LOCALE = /^(?:LANG|LC_[A-Z]+)=([A-Za-z0-9_.@-]*)$/;
const IS_LOCALE = /^(?:LANG|LC_)/;
const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_]*$/;

export function commandEnvironment(
  env: readonly string[],
  secrets: ReadonlyMap<string, ByteString>,
  view: RootView,
  executor: string,
): CommandEnvironment {
  const direct: ByteString[] = [];
  const behind: ByteString[] = [];
  const exported: [string, ByteString][] = [];
  const put = (line: ByteString): void => {
    (isHarmless(line) ? direct : behind).push(line);
  };
  for (const line of env) if (!secrets.has(line.slice(0, line.indexOf("=")))) put(bytesOf(line));
  for (const [name, value] of secrets) {
    if (value.includes("\0")) {
      throw executorUnsupported(executor, "secret", `secret for "${name}" has a NUL byte, which no variable can hold`);
    }
    if (IDENTIFIER.test(name) && isHarmless(`${name}=${value}`)) exported.push([name, value]);
    else put(`${bytesOf(name)}=${value}` as ByteString);
  }
  if (behind.length === 0) return { direct, exported, prefix: [] };
  return { direct, exported, prefix: [envOf(view, executor, behind[0]!), ...behind] };
}

function isHarmless(line: string): boolean {
  if (IS_LOCALE.test(line)) return LOCALE.test(line);
  return !DANGEROUS.test(line);
}

function envOf(view: RootView, executor: string, line: ByteString): ByteString {
  for (const path of ["/usr/bin/env", "/bin/env"] as ByteString[]) {
    const stat = view.resolve(path)?.stat;
    if (stat?.isFile() && (stat.mode & 0o111) !== 0) return path;
  }
  const name = line.slice(0, line.indexOf("="));
  throw executorUnsupported(
    executor,
    `environment ${name}`,
    `variable "${name}" can only be set by an "env" of the image, and it has none`,
  );
}
