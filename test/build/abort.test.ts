import { readdirSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { memory, ociArchive, rootfsFolder, tar } from "../../src/index.js";
import { buildOnly, expectNoTemporaryFiles, fresh } from "../support/builds.js";
import { startFileServer } from "../support/file-server.js";
import { bytesFor } from "../support/registry.js";
import { LONG_TIMEOUT_MS, runs } from "../support/runs.js";
import { tarBytes } from "../support/tar-bytes.js";
import { tempFolder } from "../support/temp-folder.js";

const archive = gzipSync(tarBytes([{ path: "in/archive", content: bytesFor("archive", 700_000) }]));
const DOCKERFILE = `FROM scratch AS one
COPY big /big
FROM scratch AS two
ADD archive.tgz /unpacked/
FROM scratch
COPY --from=one / /one/
COPY --from=two / /two/
COPY --from=named / /named/
WORKDIR /w
`;

describe("an aborted build", () => {
  test(
    "at any event rejects with the reason and leaves no temporary file, in the store and beside its outputs",
    async () => {
      const events = await eventCount();
      expect(events).toBeGreaterThan(20);
      await fc.assert(
        fc.asyncProperty(fc.integer({ min: 0, max: events - 2 }), async (at) => {
          const folder = tempFolder();
          const abort = new AbortController();
          const reason = new Error(`at event ${at}`);
          let seen = 0;
          const building = build(folder, {
            signal: abort.signal,
            onEvent: () => {
              if (seen++ === at) abort.abort(reason);
            },
          });
          await expect(building).rejects.toBe(reason);
          expectNoTemporaryFiles(join(folder, "store"));
          // The archive and the folder are outputs one after the other: each is there whole, or not at all.
          const left = readdirSync(folder).filter(
            (name) => name !== "store" && name !== "out.tar" && name !== "rootfs",
          );
          expect(left).toEqual([]);
          // Nothing works on in the background.
          const after = seen;
          await new Promise((resolve) => setTimeout(resolve, 5));
          expect(seen).toBe(after);
          await build(folder, {});
        }),
        { numRuns: runs(5) },
      );
    },
    LONG_TIMEOUT_MS,
  );

  test("before it began does nothing at all", async () => {
    const folder = tempFolder();
    await expect(build(folder, { signal: AbortSignal.abort("no") })).rejects.toBe("no");
    expect(readdirSync(folder)).toEqual([]);
  });

  async function eventCount(): Promise<number> {
    return (await build(tempFolder(), {})).events.length;
  }

  function build(folder: string, options: Partial<Parameters<typeof buildOnly>[0]>): ReturnType<typeof buildOnly> {
    return buildOnly({
      root: join(folder, "store"),
      dockerfile: DOCKERFILE,
      files: { big: bytesFor("big", 2_200_000), "archive.tgz": archive },
      buildContexts: { named: memory({ n: "named" }) },
      outputs: [ociArchive(join(folder, "out.tar")), rootfsFolder(join(folder, "rootfs"))],
      ...options,
    });
  }
});

describe("a failed build", () => {
  test("ends what other stages do, and leaves nothing behind", async () => {
    const options = fresh({
      dockerfile:
        "FROM scratch AS slow\nCOPY big /big\nCOPY big /big2\nFROM scratch AS bad\nCOPY none /\nFROM scratch\nCOPY --from=slow / /\nCOPY --from=bad / /\n",
      files: { big: bytesFor("big", 8_000_000) },
    });
    const events: string[] = [];
    const building = buildOnly({ ...options, onEvent: (event) => events.push(event.type) });
    await expect(building).rejects.toMatchObject({ code: "LAYER_COPY", location: { line: 5 } });
    expectNoTemporaryFiles(options.root);
    const { length } = events;
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(events).toHaveLength(length);
  });

  test("at one of several URLs of an ADD does not go on with the others", async () => {
    let isSlow = false;
    let isClosed = false;
    await using server = await startFileServer({
      "/slow": (response) => {
        response.on("close", () => {
          isClosed = true;
        });
        response.writeHead(200).write("some");
        if (!isSlow) response.end();
      },
      "/bad": (response) => response.writeHead(isSlow ? 403 : 200).end(),
    });
    const options = fresh({ dockerfile: `FROM scratch\nADD ${server.url}/slow ${server.url}/bad /x/\n` });
    await buildOnly(options);
    isSlow = true;
    isClosed = false;
    await expect(buildOnly(options)).rejects.toMatchObject({ code: "CONTEXT_FETCH", location: { line: 2 } });
    expectNoTemporaryFiles(options.root);
    await expect.poll(() => isClosed).toBe(true);
  });

  test("while it reads a context from a stream closes the stream and removes what it kept of it", async () => {
    const { Readable } = await import("node:stream");
    const abort = new AbortController();
    const bytes = tarBytes([
      { path: "Dockerfile", content: "FROM scratch\nCOPY a /\n" },
      { path: "a", content: bytesFor("a", 2_000_000) },
    ]);
    const stream = Readable.from(
      (async function* () {
        for (let at = 0; at < bytes.length; at += 100_000) {
          if (at > 1_000_000) abort.abort("enough");
          yield bytes.subarray(at, at + 100_000);
        }
      })(),
    );
    const { files: _, ...options } = fresh({ context: tar(stream), signal: abort.signal });
    await expect(buildOnly(options)).rejects.toBe("enough");
    expect(stream.destroyed).toBe(true);
    expectNoTemporaryFiles(options.root);
  });
});
