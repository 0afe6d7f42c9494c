/** What a folder that a program unpacked an image into holds, as GNU find shows it. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { tryProgram } from "./program.js";

export interface UnpackedFile {
  /** A letter as `find -printf %y` has it: `f`, `d`, `l`, `p`, … */
  readonly type: string;
  /** Octal digits. */
  readonly mode: string;
  /** `uid:gid`. */
  readonly owner: string;
  /** Seconds since 1970 with all digits that the file system keeps. */
  readonly mtime: string;
  /** Of symbolic links. */
  readonly target: string;
  /** Of files: sha256 in hex. */
  readonly content: string;
  /** The first path, in order, of the files that are one by hard links. */
  readonly sameAs: string;
}

const FIELDS = ["%P", "%y", "%m", "%U:%G", "%T@", "%l", "%i"] as const;

/** Paths below `folder` (bytes as latin1 text) → nodes, sorted by path. */
export async function unpackedFiles(folder: string): Promise<Map<string, UnpackedFile>> {
  const format = FIELDS.map((field) => `${field}\\0`).join("");
  const { code, stdout, stderr } = await tryProgram("find", [folder, "-mindepth", "1", "-printf", format]);
  if (code !== 0) throw new Error(`find ended with ${code}: ${stderr}`);
  const values = stdout.toString("latin1").split("\0");
  const rows: string[][] = [];
  for (let at = 0; at + FIELDS.length < values.length; at += FIELDS.length)
    rows.push(values.slice(at, at + FIELDS.length));
  rows.sort(([a = ""], [b = ""]) => (a < b ? -1 : 1));
  const files = new Map<string, UnpackedFile>();
  const byInode = new Map<string, string>();
  for (const [path = "", type = "", mode = "", owner = "", mtime = "", target = "", inode = ""] of rows) {
    if (!byInode.has(inode)) byInode.set(inode, path);
    const content = type === "f" ? contentOf(Buffer.from(`${folder}/${path}`, "latin1")) : "";
    files.set(path, { type, mode, owner, mtime, target, content, sameAs: byInode.get(inode)! });
  }
  return files;
}

function contentOf(path: Buffer): string {
  return createHash("sha256").update(readFileSync(path)).digest("hex");
}
