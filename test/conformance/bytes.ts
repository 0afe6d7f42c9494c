/** The bytes of files that cases describe: text, base64, or an archive with exactly the headers it lists. */
import { execFileSync } from "node:child_process";
import zlib from "node:zlib";
import { isZstdAvailable } from "../../src/compression/compression.js";
import { haveTool } from "../support/tools.js";
import { END, meta, octal, padded, rawHeader, records } from "../tar/raw-archive.js";
import type { ArchiveMember, CaseBytes } from "./cases.js";

/** A case needs something that this machine does not have. */
export class MissingRequirement extends Error {}

const TYPES = { file: "0", hardlink: "1", symlink: "2", char: "3", block: "4", dir: "5", fifo: "6" } as const;

/** @throws MissingRequirement when nothing here can compress an archive in its format */
export function caseBytes(file: CaseBytes): Buffer {
  if (file.tar !== undefined) return compressed(Buffer.concat([...file.tar.map(archived), END]), file.compression);
  if (file.base64 !== undefined) return Buffer.from(file.base64, "base64");
  return Buffer.from(file.content ?? "");
}

function archived(member: ArchiveMember): Buffer {
  const type = member.type ?? "file";
  const content = Buffer.from(member.content ?? "");
  const mtime = member.mtime === undefined ? 0 : Date.parse(member.mtime) / 1000;
  const pax: (readonly [string, string])[] = Object.entries(member.xattrs ?? {}).map(([name, value]) => [
    `SCHILY.xattr.${name}`,
    Buffer.from(value, "base64").toString("latin1"),
  ]);
  const isOctal = Number.isInteger(mtime) && mtime >= 0;
  if (!isOctal) pax.push(["mtime", String(mtime)]);
  const header = rawHeader({
    name: Buffer.from(member.path).toString("latin1"),
    type: TYPES[type],
    mode: `${(member.mode ?? (type === "dir" ? "0755" : "0644")).padStart(7, "0")}\0`,
    uid: octal(member.uid ?? 0, 7),
    gid: octal(member.gid ?? 0, 7),
    size: octal(content.length, 11),
    mtime: octal(isOctal ? mtime : 0, 11),
    link: Buffer.from(member.target ?? "").toString("latin1"),
    major: octal(member.major ?? 0, 7),
    minor: octal(member.minor ?? 0, 7),
  });
  return Buffer.concat([...(pax.length > 0 ? [meta("x", records(pax))] : []), header, padded(content)]);
}

function compressed(bytes: Buffer, compression: CaseBytes["compression"]): Buffer {
  if (compression === undefined) return bytes;
  if (compression === "gzip") return zlib.gzipSync(bytes);
  if (compression === "zstd" && !isZstdAvailable()) throw new MissingRequirement("this Node has no zstd");
  if (!haveTool(compression)) throw new MissingRequirement(`${compression} is not on PATH`);
  return execFileSync(compression, ["-c"], { input: bytes });
}
