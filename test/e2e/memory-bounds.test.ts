/** Hostile archives through whole builds, in a process of its own whose memory is looked at (U10). */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { bundleScript, runScript } from "../support/child.js";
import { writeLayout } from "../support/layouts.js";
import { tarBytes } from "../support/tar-bytes.js";
import { tempFolder } from "../support/temp-folder.js";
import { writeFiles } from "../support/write-files.js";
import { END, meta, octal, rawHeader, records } from "../tar/raw-archive.js";

const LIMIT_KIB = 256 * 1024;
const FILE = rawHeader({ name: "file" });

/** Made lazily: they are large. */
const HOSTILE: readonly (readonly [what: string, code: string, make: () => Buffer])[] = [
  [
    "an extended header of 2 GiB",
    "TAR_LIMIT",
    () => Buffer.concat([rawHeader({ type: "x", size: octal(2 ** 31, 11) }), Buffer.alloc(1 << 20)]),
  ],
  [
    "a long name of 2 GiB",
    "TAR_LIMIT",
    () => Buffer.concat([rawHeader({ type: "L", size: octal(2 ** 31, 11) }), Buffer.alloc(1 << 20)]),
  ],
  [
    "a million sparse regions",
    "TAR_UNSUPPORTED",
    () =>
      Buffer.concat([
        meta(
          "x",
          records([
            ["GNU.sparse.map", "1,1,".repeat(200_000)],
            ["GNU.sparse.name", "x"],
          ]),
        ),
        FILE,
        END,
      ]),
  ],
  [
    "attributes of 200 MB in all",
    "TAR_LIMIT",
    () => {
      const one = Buffer.concat([meta("x", records([["SCHILY.xattr.user.v", "v".repeat(1_000_000)]])), FILE]);
      return Buffer.concat([...Array.from({ length: 200 }, () => one), END]);
    },
  ],
  [
    "names of 90 MB in all",
    "TAR_LIMIT",
    () =>
      Buffer.concat(
        Array.from({ length: 1500 }, (_, at) => tarBytes([{ path: `${at}${"n".repeat(60_000)}` }]).subarray(0, -1024)),
      ),
  ],
];

describe("U10: memory stays below 256 MiB and the archive is refused", () => {
  test.each(HOSTILE)("with %s, as a base layer, in ADD and as the build context", async (_, code, make) => {
    const dir = tempFolder();
    const script = await bundleScript("test/support/build-script.ts", dir);
    const bytes = make();
    const context = join(dir, "context");
    writeFiles(context, { "a.tar.gz": gzipSync(bytes, { level: 1 }) });
    writeFileSync(join(dir, "context.tar"), bytes);
    const layout = writeLayout({ tars: [bytes] });
    const ways = {
      base: { context, dockerfile: "FROM base\nWORKDIR /w\n", buildContexts: { base: `oci-layout://${layout}` } },
      copy: {
        context,
        dockerfile: "FROM scratch\nCOPY --from=base / /\n",
        buildContexts: { base: `oci-layout://${layout}` },
      },
      add: { context, dockerfile: "FROM scratch\nADD a.tar.gz /\n" },
      context: { context: { kind: "tar", file: join(dir, "context.tar") }, dockerfile: "FROM scratch\nCOPY . /\n" },
    };
    for (const [name, way] of Object.entries(ways)) {
      const options = join(dir, "options.json");
      writeFileSync(options, JSON.stringify({ ...way, root: join(dir, `store-${name}`), platforms: ["linux/amd64"] }));
      const { stdout } = await runScript(script, [options]);
      expect([name, /code (.*)/.exec(stdout)?.[1]]).toEqual([name, code]);
      expect(Number(/rss (\d+)/.exec(stdout)?.[1])).toBeLessThan(LIMIT_KIB);
    }
  });
});
