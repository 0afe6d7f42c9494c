import { lstatSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { openLayout } from "../../src/cache/oci-layout.js";
import { decompress } from "../../src/compression/decompress.js";
import { memory, ociLayout, rootfsFolder, rootfsTar, tar } from "../../src/index.js";
import { indexTar } from "../../src/layers/layer-index.js";
import type { Image } from "../../src/oci/types.js";
import type { TarEntry } from "../../src/tar/entry.js";
import { buildOnly, fresh, type TestBuild } from "../support/builds.js";
import { writeLayout } from "../support/layouts.js";
import { runs } from "../support/runs.js";
import { type TarMember, tarBytes } from "../support/tar-bytes.js";
import { tempFolder } from "../support/temp-folder.js";

/** Values that programs lose: ids over 2^21 and 2^31, times before 1970 and after 2038 and 2242, every mode. */
const extreme = fc.record({
  mode: fc.constantFrom(0, 0o644, 0o4755, 0o2755, 0o1777, 0o7777),
  uid: fc.constantFrom(0, 1000, 262_144, 2_097_151, 2_097_152, 2 ** 31, 2 ** 32 - 2),
  gid: fc.constantFrom(0, 65_534, 2_097_152, 2 ** 32 - 2),
  mtimeSeconds: fc.constantFrom(0, 1, -1, -(2 ** 31), -(2 ** 33), 2 ** 31, 2 ** 33 - 1, 2 ** 33, 2 ** 34),
  mtimeNanos: fc.constantFrom(0, 1, 999_999_999),
  capability: fc.boolean(),
});
type Extreme = typeof extreme extends fc.Arbitrary<infer T> ? T : never;

const CAPABILITY = "security.capability" as never;
/** cap_net_raw=ep, with bytes that are no UTF-8. */
const CAPABILITY_VALUE = Buffer.from("0100000200200000000000ff0000fe0000000000", "hex");

function members(all: readonly Extreme[]): TarMember[] {
  return all.flatMap(({ capability, ...meta }, at) => [
    {
      path: `file${at}`,
      content: `content ${at}`,
      ...meta,
      xattrs: capability ? new Map([[CAPABILITY, CAPABILITY_VALUE]]) : undefined,
    },
    { path: `dir${at}`, type: "dir" as const, ...meta },
    { path: `link${at}`, type: "symlink" as const, linkname: `file${at}`, ...meta, mode: 0o777 },
    { path: `twin${at}`, type: "hardlink" as const, linkname: `file${at}`, ...meta },
  ]);
}

/** What a layer must say of an entry. Layers have whole seconds, as BuildKit's; nothing else may be lost. */
function kept(entry: TarEntry, { nanos }: { readonly nanos: boolean }): unknown {
  const { type, mode, uid, gid, mtimeSeconds, mtimeNanos, linkname, xattrs } = entry;
  const time = nanos ? `${mtimeSeconds}.${mtimeNanos}` : mtimeSeconds;
  return { type, mode, uid, gid, time, linkname, capability: xattrs?.get(CAPABILITY)?.toString("hex") };
}

/** The entries of an image's last layer, by path. */
async function lastLayer(layout: string, image: Image): Promise<Map<string, TarEntry>> {
  const { blobs } = await openLayout(layout);
  const { descriptor } = image.layers.at(-1)!;
  const { entries } = await indexTar(decompress(blobs.open(descriptor), descriptor.mediaType));
  return new Map(entries.map((entry) => [entry.path, entry]));
}

async function buildLayer(dockerfile: string, archive: Buffer, extra: object = {}): Promise<[TestBuild, string]> {
  const out = join(tempFolder(), "out");
  const built = await buildOnly(
    fresh({ dockerfile, files: { "a.tar": archive }, outputs: [ociLayout(out)], ...extra }),
  );
  return [built, out];
}

describe("U13: metadata is not lost", () => {
  test("on the way from an archive through ADD, COPY --from and a context tar into layers, whatever its values", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(extreme, { minLength: 1, maxLength: 4 }), async (all) => {
        const bytes = tarBytes(members(all));
        const expected = await entriesOf(bytes);
        const dockerfiles: [string, Buffer, object][] = [
          ["FROM scratch\nADD a.tar /\n", bytes, {}],
          ["FROM scratch\nADD a.tar /\n", gzipSync(bytes), {}],
          ["FROM scratch AS one\nADD a.tar /\nFROM scratch\nCOPY --from=one / /\n", bytes, {}],
          ["FROM scratch\nCOPY . /\n", bytes, { context: tar(Readable.from([bytes])) }],
        ];
        for (const [dockerfile, archive, extra] of dockerfiles) {
          const [built, out] = await buildLayer(dockerfile, archive, extra);
          const entries = await lastLayer(out, built.images[0]!);
          expect([...entries.keys()].toSorted()).toEqual([...expected.keys()].toSorted());
          for (const [path, entry] of expected) {
            const got = entries.get(path)!;
            // Which name of a file is the hard link is settled by the order of names.
            if (entry.type === "hardlink") expect(got.linkname).toBe(entry.linkname);
            else expect([path, kept(got, { nanos: false })]).toEqual([path, kept(entry, { nanos: false })]);
          }
        }
      }),
      { numRuns: runs(6) },
    );
  });

  test("on the way out as a root file system, nanoseconds included", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(extreme, { minLength: 1, maxLength: 4 }), async (all) => {
        // The layer of a base image: its entries are nobody's to change.
        const layout = writeLayout({ tars: [tarBytes(members(all))] });
        const archive = join(tempFolder(), "rootfs.tar");
        const options = { dockerfile: "FROM base\n", buildContexts: { base: `oci-layout://${layout}` } };
        await buildOnly(fresh({ ...options, outputs: [rootfsTar(archive)] }));
        const expected = await entriesOf(tarBytes(members(all)));
        const written = await entriesOf(readFileSync(archive));
        expect([...written.keys()].toSorted()).toEqual([...expected.keys()].toSorted());
        for (const [path, entry] of expected) {
          expect([path, kept(written.get(path)!, { nanos: true })]).toEqual([path, kept(entry, { nanos: true })]);
        }
      }),
      { numRuns: runs(6) },
    );
  });

  test("in a folder of this machine times before 1970 are what they are, and not now", async () => {
    const archive = tarBytes([{ path: "old", content: "x", mtimeSeconds: -86_400 }]);
    const folder = join(tempFolder(), "rootfs");
    await buildOnly(
      fresh({
        dockerfile: "FROM scratch\nADD a.tar /\n",
        files: { "a.tar": archive },
        outputs: [rootfsFolder(folder)],
      }),
    );
    expect(lstatSync(join(folder, "old")).mtimeMs).toBe(-86_400_000);
  });

  test("of a memory context a capability goes into the layer; of others' extended attributes nothing", async () => {
    const file = { content: "x", xattrs: { "security.capability": CAPABILITY_VALUE, "user.note": Buffer.from("n") } };
    const out = join(tempFolder(), "out");
    const context = memory({ f: file });
    const built = await buildOnly(
      fresh({ dockerfile: "FROM scratch\nCOPY f /\n", context, outputs: [ociLayout(out)] }),
    );
    const { xattrs } = (await lastLayer(out, built.images[0]!)).get("f")!;
    expect(xattrs).toEqual(new Map([[CAPABILITY, CAPABILITY_VALUE]]));
  });
});

async function entriesOf(bytes: Buffer): Promise<Map<string, TarEntry>> {
  return new Map((await indexTar([bytes])).entries.map((entry) => [entry.path, entry]));
}
