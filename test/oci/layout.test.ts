import { describe, expect, it } from "vitest";
import { digestOf } from "../../src/oci/digest.js";
import {
  CONTAINERD_NAME,
  checkLayoutFile,
  encodeLayoutIndex,
  findEntry,
  LAYOUT_BYTES,
  layoutBlobPath,
  namedEntries,
  parseLayoutIndex,
  REF_NAME,
  replaceEntries,
} from "../../src/oci/layout.js";
import { MEDIA_TYPES } from "../../src/oci/media-types.js";
import { parseReference } from "../../src/oci/reference.js";
import type { Descriptor } from "../../src/oci/types.js";

const image = (name: string): Descriptor => ({ mediaType: MEDIA_TYPES.oci.manifest, digest: digestOf(name), size: 10 });
const named = (name: string, ...names: string[]): Descriptor[] => namedEntries(image(name), names.map(parseReference));

describe("OCI layout documents", () => {
  it("name an image once for each name, as BuildKit does", () => {
    expect(named("a", "app:1", "r.example/x:2").map((entry) => entry.annotations)).toEqual([
      { [CONTAINERD_NAME]: "docker.io/library/app:1", [REF_NAME]: "1" },
      { [CONTAINERD_NAME]: "r.example/x:2", [REF_NAME]: "2" },
    ]);
    expect(named("a")).toEqual([image("a")]);
  });

  it("read back what they wrote", async () => {
    const entries = [...named("a", "app:1"), ...named("b")];
    expect((await parseLayoutIndex(encodeLayoutIndex(entries), "here")).manifests).toEqual(entries);
    expect(() => checkLayoutFile(LAYOUT_BYTES, "here")).not.toThrow();
  });

  it("let a name move, and an unnamed image stand once", () => {
    const before = [...named("a", "app:1", "app:2"), ...named("c")];
    const after = replaceEntries(before, named("b", "app:1"));
    expect(after.map((entry) => [entry.annotations?.[REF_NAME], entry.digest])).toEqual([
      ["2", digestOf("a")],
      [undefined, digestOf("c")],
      ["1", digestOf("b")],
    ]);
    expect(replaceEntries(before, named("c"))).toHaveLength(3);
  });

  it("find an image by whole name, tag or digest, or the only one", async () => {
    const index = { schemaVersion: 2 as const, manifests: [...named("a", "app:1"), ...named("b", "app:2")] };
    for (const wanted of ["1", "docker.io/library/app:1", digestOf("a")]) {
      expect(findEntry(index, wanted, "here").digest).toBe(digestOf("a"));
    }
    expect(() => findEntry(index, "3", "here")).toThrow('here has no image "3"');
    expect(() => findEntry(index, undefined, "here")).toThrow("here holds 2 images, expected one");
    const two = { schemaVersion: 2 as const, manifests: [...named("a", "app:1"), ...named("b", "other:1")] };
    expect(() => findEntry(two, "1", "here")).toThrow('"1" names 2 images in here');
    const same = { schemaVersion: 2 as const, manifests: named("a", "app:1", "app:2") };
    expect(findEntry(same, undefined, "here").digest).toBe(digestOf("a"));
  });

  it.each([
    "",
    "{}",
    "[]",
    '{"imageLayoutVersion":"2.0.0"}',
    '{"imageLayoutVersion":1}',
    '{"imageLayoutVersion":"1.0.0","imageLayoutVersion":"1.0.0"}',
  ])("refuse the marker %j", (text) => {
    expect(() => checkLayoutFile(Buffer.from(text), "here")).toThrow(/oci-layout of here is not valid/);
  });

  it("put blobs where the specification has them", () => {
    expect(layoutBlobPath(digestOf("a"))).toMatch(/^blobs\/sha256\/[0-9a-f]{64}$/);
  });
});
