/**
 * What a step read, file by file, in a compact form beside its record: only for explaining later misses, the key holds
 * digests over all of it. Version 1; about 40 bytes for each file.
 */
import type { TreeNode } from "../tree/file-tree.js";
import { ByteRecordReader, ByteRecordWriter } from "../util/byte-records.js";
import type { ByteString } from "../util/bytes.js";

/** A file that a step read, with what of it is in the step's key. */
export interface StepFile {
  /** In its tree. */
  readonly path: ByteString;
  /** `hardlink` for a further name of a file before it. */
  readonly type: TreeNode["type"] | "hardlink";
  /** Permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /**
   * What else decides: of files the first 16 bytes of the content's sha256, of links the target (of hard links
   * the path of the file), of devices their numbers; empty where that is not known.
   */
  readonly content: ByteString;
  /** The first 8 bytes of a digest of the extended attributes; empty without any. */
  readonly xattrs: ByteString;
}

/** The files of one source of a step. */
export interface StepFileGroup {
  /** Tells the sources of a step apart where one path can be in several: the target of a mount, else empty. */
  readonly name: string;
  readonly files: Iterable<StepFile>;
}

export interface StepFiles {
  readonly groups: readonly { readonly name: string; readonly files: readonly StepFile[] }[];
  /** False when there were more files than are kept. */
  readonly isComplete: boolean;
}

/** Bytes kept of a content's sha256. */
export const CONTENT_BYTES = 16;
/** Most files of a step that are kept. */
const MAX_FILES = 200_000;
/** Most bytes of all paths together: shared starts make a few bytes long paths. */
const MAX_PATH_BYTES = 128 * 1024 * 1024;
const MAGIC = "ocibuild step files 1" as ByteString;
const TYPES: readonly StepFile["type"][] = ["file", "dir", "symlink", "fifo", "char", "block", "socket", "hardlink"];

/**
 * The bytes for the step `key`; `undefined` when there is no file. Paths share the start of the path before them.
 * @param mostFiles how many are kept
 */
export function encodeStepFiles(
  key: string,
  groups: Iterable<StepFileGroup>,
  mostFiles: number = MAX_FILES,
): Buffer | undefined {
  const writer = new ByteRecordWriter();
  writer.text(MAGIC);
  writer.text(key as ByteString);
  let count = 0;
  let isComplete = true;
  for (const { name, files } of groups) {
    writer.number(GROUP);
    writer.text(Buffer.from(name).toString("latin1") as ByteString);
    let before = "";
    for (const file of files) {
      if (count === mostFiles) {
        isComplete = false;
        break;
      }
      count++;
      writeFile(writer, file, before);
      before = file.path;
    }
  }
  writer.number(isComplete ? END : CUT);
  return count === 0 ? undefined : writer.finish();
}

/** What `encodeStepFiles` wrote for the step `key`; `undefined` for anything else. */
export function decodeStepFiles(key: string, bytes: Buffer): StepFiles | undefined {
  const reader = new ByteRecordReader(bytes, 0);
  if (reader.text() !== MAGIC || reader.text() !== key) return undefined;
  const groups: { name: string; files: StepFile[] }[] = [];
  let before = "";
  let count = 0;
  let pathBytes = 0;
  while (reader.isIntact) {
    const tag = reader.number();
    if (tag === END || tag === CUT)
      return reader.isAtEnd && reader.isIntact ? { groups, isComplete: tag === END } : undefined;
    if (tag === GROUP) {
      groups.push({ name: Buffer.from(reader.text(), "latin1").toString("utf8"), files: [] });
      before = "";
      continue;
    }
    const file = readFile(reader, tag - FILE, before);
    const group = groups.at(-1);
    if (file === undefined || group === undefined) return undefined;
    pathBytes += file.path.length;
    if (++count > MAX_FILES || pathBytes > MAX_PATH_BYTES) return undefined;
    group.files.push(file);
    before = file.path;
  }
  return undefined;
}

const END = 0;
const CUT = 1;
const GROUP = 2;
/** And above: a file whose path shares that many bytes, less this number, with the path before it. */
const FILE = 3;
const HAS_XATTRS = 8;

function writeFile(writer: ByteRecordWriter, file: StepFile, before: string): void {
  const { path, type, mode, uid, gid, content, xattrs } = file;
  let shared = 0;
  while (shared < before.length && shared < path.length && before.charCodeAt(shared) === path.charCodeAt(shared))
    shared++;
  writer.number(FILE + shared);
  writer.text(path.slice(shared) as ByteString);
  writer.number(mode * 16 + TYPES.indexOf(type) + (xattrs === "" ? 0 : HAS_XATTRS));
  writer.number(uid);
  writer.number(gid);
  writer.text(content);
  if (xattrs !== "") writer.text(xattrs);
}

function readFile(reader: ByteRecordReader, shared: number, before: string): StepFile | undefined {
  const path = `${before.slice(0, shared)}${reader.text()}` as ByteString;
  const flags = reader.number();
  const type = TYPES[flags & 7];
  const file = {
    path,
    mode: Math.floor(flags / 16),
    uid: reader.number(),
    gid: reader.number(),
    content: reader.text(),
    xattrs: (flags & HAS_XATTRS) === 0 ? ("" as ByteString) : reader.text(),
  };
  return type === undefined ? undefined : { ...file, type };
}
