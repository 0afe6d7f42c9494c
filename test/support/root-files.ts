/** Root file systems made of this machine's own programs: enough to be a base image without asking any network. */
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  constants,
  copyFileSync,
  existsSync,
  mkdirSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { delimiter, dirname, join } from "node:path";

/** Commands that containers of the tests call. */
const BUSYBOX_COMMANDS = [
  "sh",
  "cat",
  "cp",
  "env",
  "find",
  "id",
  "ls",
  "mount",
  "readlink",
  "sha256sum",
  "sleep",
  "stat",
  "true",
  "xargs",
];

/** Puts busybox with its usual names into the folder `root`, and users: `root`, `app` (1234:2345), `www` (33:44). */
export function writeBusybox(root: string): void {
  copyProgram(programPath("busybox"), "/bin/busybox", root);
  for (const name of BUSYBOX_COMMANDS) symlinkSync("busybox", join(root, "bin", name));
  for (const [name, mode] of [
    ["etc", 0o755],
    ["tmp", 0o1777],
    ["root", 0o700],
  ] as const) {
    mkdirSync(join(root, name));
    chmodSync(join(root, name), mode);
  }
  const users = ["root:x:0:0:root:/root:/bin/sh", "app:x:1234:2345::/srv:/bin/sh", "www:x:33:44::/:/bin/sh"];
  writeFileSync(join(root, "etc/passwd"), `${users.join("\n")}\n`);
  writeFileSync(join(root, "etc/group"), "root:x:0:\nstaff:x:50:\napp:x:2345:\nwww:x:44:app\n");
}

/** Puts the Node that runs this into the folder `root`, at `/usr/local/bin/node`. */
export function writeNode(root: string): void {
  copyProgram(realpathSync(process.execPath), "/usr/local/bin/node", root);
}

/** Copies a program and the libraries it is linked with, each to where its loader looks for it. */
function copyProgram(from: string, to: string, root: string): void {
  copy(from, join(root, to), 0o755);
  for (const library of librariesOf(from)) {
    if (!existsSync(join(root, library))) copy(realpathSync(library), join(root, library), 0o755);
  }
}

function copy(from: string, to: string, mode: number): void {
  mkdirSync(dirname(to), { recursive: true });
  copyFileSync(from, to, constants.COPYFILE_FICLONE);
  chmodSync(to, mode);
}

/** Absolute paths; none for a static program. */
function librariesOf(program: string): string[] {
  let text: string;
  try {
    text = execFileSync("ldd", [program], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  } catch {
    return [];
  }
  return text.split("\n").flatMap((line) => /(?:=> |^\s*)(\/\S+) \(0x/.exec(line)?.[1] ?? []);
}

function programPath(name: string): string {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  return realpathSync(folders.map((folder) => join(folder, name)).find((path) => existsSync(path))!);
}
