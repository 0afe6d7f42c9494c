/** USER as ids: who a command runs as, by the image's own /etc/passwd and /etc/group, as container engines read them. */
import { OcibuildError } from "../../errors.js";
import type { FileTree } from "../../tree/file-tree.js";
import { resolveInTree } from "../../tree/resolve.js";
import { bytesOf } from "../../util/bytes.js";
import { readSmallFile } from "../copy/owner.js";

export interface RunUser {
  readonly uid: number;
  readonly gid: number;
  /** Supplementary groups; never the primary one. */
  readonly additionalGids: readonly number[];
  /** Of the user with this uid; `/` when the image knows none. */
  readonly home: string;
}

/** The files that `runUser` looks into: their contents have to be ready to be read. */
export const USER_FILES: readonly string[] = ["etc/passwd", "etc/group"];

const MAX_ID = 0x7fffffff;
const MAX_GROUPS = 65_536;

/**
 * Who `text` (`user[:group]`, names or numbers; empty for root) is in `tree`. A number that the image does not know is
 * taken as it is, with the group 0; a user brings its groups along unless one is named.
 * @throws LAYER_UNKNOWN_USER
 */
export function runUser(tree: FileTree, text: string): RunUser {
  const passwd = linesOf(tree, "etc/passwd");
  const group = linesOf(tree, "etc/group");
  const { uid, gid, additionalGids } = idsOf(text, passwd, group);
  const home = passwd?.find((fields) => numberOf(fields[2]) === uid)?.[5] ?? "";
  return { uid, gid, additionalGids, home: home === "" ? "/" : home };
}

type Lines = readonly (readonly string[])[] | undefined;

function idsOf(text: string, passwd: Lines, group: Lines): Omit<RunUser, "home"> {
  const [userText = "", groupText = ""] = splitOnce(text);
  const bothIds = [userText, groupText].map((part) => (part === "root" ? 0 : idOf(part, 0xffffffff)));
  if (bothIds[0] !== undefined && bothIds[1] !== undefined) {
    return { uid: bothIds[0], gid: bothIds[1], additionalGids: [] };
  }
  const wantedUid = userText === "" ? 0 : idOf(userText, MAX_ID);
  if (passwd === undefined) {
    if (text === "") return { uid: 0, gid: 0, additionalGids: [] };
    throw unknown(`unable to find user ${userText === "" ? "0" : userText}: invalid argument`, text, "/etc/passwd");
  }
  const user = passwd.find((fields) =>
    wantedUid === undefined ? fields[0] === userText : numberOf(fields[2]) === wantedUid,
  );
  if (user === undefined && wantedUid === undefined) {
    const fault = /^-?[0-9]+$/.test(userText)
      ? "uids and gids must be in range 0-2147483647"
      : "no matching entries in passwd file";
    throw unknown(`unable to find user ${userText}: ${fault}`, text, "/etc/passwd");
  }
  const uid = user === undefined ? wantedUid! : (numberOf(user[2]) ?? 0);
  const primary = user === undefined ? 0 : (numberOf(user[3]) ?? 0);
  if (groupText !== "") return { uid, gid: gidOf(groupText, group, text), additionalGids: [] };
  const name = user?.[0];
  const additional = new Set<number>();
  for (const fields of name === undefined ? [] : (group ?? [])) {
    const gid = numberOf(fields[2]);
    if (gid === undefined || gid === primary || additional.size >= MAX_GROUPS) continue;
    if (fields[3]?.split(",").includes(name!)) additional.add(gid);
  }
  return { uid, gid: primary, additionalGids: [...additional] };
}

function gidOf(groupText: string, group: Lines, text: string): number {
  const wanted = idOf(groupText, MAX_ID);
  if (wanted !== undefined) return wanted;
  const fields = group?.find((line) => line[0] === groupText);
  const gid = numberOf(fields?.[2]);
  if (gid !== undefined) return gid;
  throw unknown(`unable to find group ${groupText}: no matching entries in group file`, text, "/etc/group");
}

function unknown(message: string, name: string, file: string): OcibuildError<"LAYER_UNKNOWN_USER"> {
  return new OcibuildError("LAYER_UNKNOWN_USER", message, {
    details: { name },
    hint: `USER names who runs the command: name one of the image's ${file}, or give numbers as UID:GID`,
  });
}

/** The lines of a passwd-like file as fields; `undefined` when there is no such file. */
function linesOf(tree: FileTree, path: string): Lines {
  const file = bytesOf(path);
  if (tree.lstat(resolveInTree(tree, file))?.type !== "file") return undefined;
  return (readSmallFile(tree, file) ?? "").split("\n").map((line) => line.trim().split(":"));
}

/** A number of a file: what is not one reads as 0, as everywhere. */
function numberOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : (idOf(text.trim(), 0xffffffff) ?? 0);
}

function idOf(text: string, max: number): number | undefined {
  if (!/^[0-9]{1,10}$/.test(text)) return undefined;
  const id = Number(text);
  return id > max ? undefined : id;
}

function splitOnce(text: string): [string, string] {
  const colon = text.indexOf(":");
  return colon === -1 ? [text, ""] : [text.slice(0, colon), text.slice(colon + 1)];
}
