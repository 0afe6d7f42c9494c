import {
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test as everywhere, expect } from "vitest";
import { Furniture } from "../../../src/executor/chroot/furniture.js";
import { listTree } from "../../../src/executor/chroot/tree-list.js";
import { bytesOf, fsPath } from "../../../src/util/bytes.js";
import { tempFolder } from "../../support/temp-folder.js";

/** Elsewhere nothing can be kept open by its path alone. */
const test = everywhere.runIf(process.platform === "linux");

const LONG_AGO = 1_000_000_000;

/** A tree with /etc/hosts, all of it old, and furniture for it. */
function furnished() {
  const folder = tempFolder();
  const root = join(folder, "root");
  const at = (path: string): string => join(root, path);
  mkdirSync(at("etc"), { recursive: true });
  writeFileSync(at("etc/hosts"), "the image's");
  for (const path of ["etc/hosts", "etc", ""]) utimesSync(at(path), LONG_AGO, LONG_AGO);
  mkdirSync(join(folder, "run"));
  const furniture = new Furniture("chroot", join(folder, "run"), bytesOf(root));
  const put = (path: string, content = "ours"): Promise<void> =>
    furniture.put(bytesOf(path), "file", (place) => writeFileSync(fsPath(place), content));
  const list = () => listTree(bytesOf(root), furniture.has.bind(furniture));
  const mtime = (path: string): number => lstatSync(at(path)).mtimeMs / 1000;
  return { folder, at, furniture, put, list, mtime };
}

test("L4: what was there comes back, times of directories and all", async () => {
  const { at, furniture, put, list, mtime } = furnished();
  await put("/etc/hosts");
  await put("/made/for/it");
  expect([readFileSync(at("etc/hosts"), "utf8"), readFileSync(at("made/for/it"), "utf8")]).toEqual(["ours", "ours"]);
  expect([mtime("etc"), mtime("")]).toEqual([LONG_AGO, LONG_AGO]);
  const after = list();
  expect([...after.keys()]).toEqual(["", "etc", "made", "made/for"]);
  furniture.takeOut(after, new Set());
  expect(readFileSync(at("etc/hosts"), "utf8")).toBe("the image's");
  expect(readdirSync(at(""))).toEqual(["etc"]);
  expect([mtime("etc"), mtime(""), mtime("etc/hosts")]).toEqual([LONG_AGO, LONG_AGO, LONG_AGO]);
});

test("a piece may stand in another, and on another", async () => {
  const { at, furniture, put, list } = furnished();
  await put("/etc/new");
  await furniture.put(bytesOf("/etc"), "dir", (place) => void mkdirSync(fsPath(place)));
  await put("/etc/hosts", "inside");
  expect(readdirSync(at("etc"))).toEqual(["hosts"]);
  furniture.takeOut(list(), new Set());
  expect(readdirSync(at("etc"))).toEqual(["hosts"]);
  expect(readFileSync(at("etc/hosts"), "utf8")).toBe("the image's");
});

test("L4: a piece is left out wherever the command has moved or linked it, and its number is not given away", async () => {
  const { at, furniture, put, list } = furnished();
  await put("/etc/hosts");
  linkSync(at("etc/hosts"), at("linked"));
  renameSync(at("etc/hosts"), at("moved"));
  for (let count = 0; count < 50; count++) writeFileSync(at(`new${count}`), "");
  rmSync(at("linked"));
  expect([...list().keys()].filter((path) => !path.startsWith("new"))).toEqual(["", "etc"]);
  expect([...list().keys()].filter((path) => path.startsWith("new"))).toHaveLength(50);
  furniture.takeOut(list(), new Set());
  expect(readFileSync(at("etc/hosts"), "utf8")).toBe("the image's");
});

test("X1: a link in the place of a directory leads nobody out of the tree", async () => {
  const { folder, at, furniture, put, list } = furnished();
  const outside = join(folder, "outside");
  mkdirSync(outside);
  writeFileSync(join(outside, "hosts"), "the machine's");
  await put("/etc/hosts");
  await put("/made/hosts");
  for (const name of ["etc", "made"]) {
    rmSync(at(name), { recursive: true });
    symlinkSync(outside, at(name));
  }
  furniture.takeOut(list(), new Set());
  expect(readFileSync(join(outside, "hosts"), "utf8")).toBe("the machine's");
  expect(readdirSync(outside)).toEqual(["hosts"]);
  expect(furniture.lost).toEqual(["etc/hosts"]);
});

test("a directory of ours in which the command works stays, and nothing else of ours", async () => {
  const { at, furniture, put, list } = furnished();
  await put("/made/for/it");
  writeFileSync(at("made/own"), "");
  furniture.takeOut(list(), new Set([bytesOf("made")]));
  expect(readdirSync(at("made"))).toEqual(["own"]);
});

test("takes out what was put in when not everything could be", async () => {
  const { at, furniture, put } = furnished();
  await put("/etc/hosts");
  const failing = furniture.put(bytesOf("/etc/other"), "file", () => {
    throw new Error("no room");
  });
  await expect(failing).rejects.toThrow("no room");
  furniture.takeOut();
  expect(readFileSync(at("etc/hosts"), "utf8")).toBe("the image's");
  expect(existsSync(at("etc/other"))).toBe(false);
});

test.each([
  ["/etc/hosts", "dir", "expected a directory of the image but got none"],
  ["/etc", "file", "expected a file of the image but got a directory"],
  ["/etc/hosts/in", "dir", "is below"],
  ["/", "dir", 'nothing can be mounted on "/"'],
] as const)("refuses a %s that is to be a %s", async (path, kind, message) => {
  const { furniture } = furnished();
  await expect(furniture.put(bytesOf(path), kind, () => undefined)).rejects.toThrow(message);
});
