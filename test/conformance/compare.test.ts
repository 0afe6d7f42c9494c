import { describe, expect, test } from "vitest";
import type { ExpectedEntry, ExpectedImage } from "./cases.js";
import { type Actual, type ActualImage, compareCase, messageAgrees } from "./compare.js";

const FILE: ExpectedEntry = { path: "a", type: "file", mode: "0644", uid: 0, gid: 0, size: 1, sha256: "12" };

const WANTED: ExpectedImage = {
  base: "scratch",
  architecture: "amd64",
  os: "linux",
  config: { Cmd: ["x"], ArgsEscaped: true },
  history: [{ created_by: "COPY a /a # buildkit", comment: "buildkit.dockerfile.v0" }],
  layers: [[FILE]],
  rootfs: [{ ...FILE, text: "x" }],
};

const GOT: ActualImage = {
  architecture: "arm64",
  os: "linux",
  config: { Cmd: ["x"], ArgsEscaped: true },
  history: [{ created_by: "COPY a /a", comment: "ocibuild", created: "2024-01-01T00:00:00Z" }],
  layers: [[{ ...FILE, mtime: "2024-01-01T00:00:00Z" }]],
  rootfs: [{ ...FILE, mtime: "2024-01-01T00:00:00Z" }],
};

const OPTIONS = { hostArchitecture: "arm64", rewordedMessage: undefined };

function aspects(wanted: ExpectedImage, got: ActualImage, options: { readonly platform?: string } = {}): string[] {
  const actual: Actual = { result: "ok", images: [got] };
  const { disagreements } = compareCase({ expected: { result: "ok", ...wanted }, options }, actual, OPTIONS);
  return disagreements.map(({ aspect }) => aspect);
}

describe("compareCase", () => {
  test("lets times, comments and markers differ where a case does not pin them", () => {
    expect(aspects(WANTED, GOT)).toEqual([]);
  });

  test("compares the architecture with this machine's, or with what the case asks for", () => {
    expect(aspects(WANTED, { ...GOT, architecture: "amd64" })).toEqual(["architecture"]);
    expect(aspects(WANTED, { ...GOT, architecture: "amd64" }, { platform: "linux/amd64" })).toEqual([]);
  });

  test.each<[string, Partial<ActualImage>]>([
    ["config", { config: { Cmd: ["y"], ArgsEscaped: true } }],
    ["argsEscaped", { config: { Cmd: ["x"] } }],
    ["author", { author: "me" }],
    ["variant", { variant: "v8" }],
    ["history", { history: [{ created_by: "COPY a /a", empty_layer: true }] }],
    ["layers", { layers: [[]] }],
  ])("sees a difference in %s", (aspect, change) => {
    expect(aspects(WANTED, { ...GOT, ...change })).toEqual([aspect]);
  });

  test.each<[string, readonly ExpectedEntry[]]>([
    ["a missing entry", []],
    ["a further entry", [FILE, { ...FILE, path: "b" }]],
    ["another mode", [{ ...FILE, mode: "0600" }]],
    ["another owner", [{ ...FILE, uid: 1 }]],
    ["other bytes", [{ ...FILE, sha256: "34" }]],
    ["attributes", [{ ...FILE, xattrs: { "user.a": "" } }]],
    ["a link", [{ ...FILE, links: ["a", "b"] }]],
    ["a removed path", [FILE, { path: "b", removed: true }]],
  ])("sees %s in the file system", (_, rootfs) => {
    expect(aspects(WANTED, { ...GOT, rootfs })).toEqual(["rootfs"]);
  });

  test("compares a time that the case pins", () => {
    const pinned = { ...WANTED, rootfs: [{ ...FILE, mtime: "2001-01-01T00:00:00Z" }] };
    expect(aspects(pinned, GOT)).toEqual(["rootfs"]);
  });

  test("sees a success where there should be a failure, and another line", () => {
    const expected = { result: "error", message: "no *", line: 2 } as const;
    const compare = (actual: Actual): string[] =>
      compareCase({ expected, options: {} }, actual, OPTIONS).disagreements.map(({ aspect }) => aspect);
    expect(compare({ result: "ok", images: [] })).toEqual(["result"]);
    expect(compare({ result: "error", message: "no file", line: 3 })).toEqual(["line"]);
    expect(compare({ result: "error", message: "nothing", line: 2 })).toEqual(["message"]);
  });
});

test("a message agrees when it contains the expected text, stars stand for any text, and who noticed does not matter", () => {
  expect(messageAgrees("open *: no such file", 'line 3: open "x": no such file or directory')).toBe(true);
  expect(messageAgrees("b * a", "a b")).toBe(false);
  const prefix = "failed to compute cache key: failed to calculate checksum of ref *: ";
  expect(messageAgrees(`${prefix}"/a": not found`, '"/a": not found: there is no "a"')).toBe(true);
  expect(messageAgrees(`${prefix}"/a": not found`, '"/b": not found')).toBe(false);
});
