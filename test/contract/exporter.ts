/** What every exporter of images promises, run for each of them. */
import { describe, expect, it } from "vitest";
import { isOcibuildError } from "../../src/errors.js";
import type { BlobReader } from "../../src/oci/blobs.js";
import type { Digest } from "../../src/oci/digest.js";
import type { Descriptor } from "../../src/oci/types.js";
import type { BuildResult, Exporter } from "../../src/output/exporter.js";
import { validateImage } from "../../src/testing/validate-image.js";
import { buildResult, HELLO, type ImageSpec } from "../support/images.js";
import { tempFolder } from "../support/temp-folder.js";

/** One place that an exporter writes to. */
export interface ExporterTarget {
  readonly exporter: Exporter;
  /** Everything that an outsider can see there, in a form that can be compared. */
  snapshot(): Promise<unknown>;
  /** What was written, as blobs, and what `name` means there. */
  read(name: string): Promise<{ readonly blobs: BlobReader; readonly descriptor: Descriptor }>;
}

export interface ExporterContract {
  readonly name: string;
  /** A fresh target; `dir` is an empty folder of the test's own. */
  target(dir: string): Promise<ExporterTarget>;
  readonly severalPlatforms: boolean;
  /** Whether an image without names can be written. */
  readonly unnamed: boolean;
}

const NAMES = ["r.example/app:1", "r.example/app:latest", "other.example/team/app:1.2"];
const TWO: readonly ImageSpec[] = [
  { layers: [HELLO, [{ path: "a", content: "amd64" }]] },
  { platform: "linux/arm64", layers: [HELLO, [{ path: "a", content: "arm64" }]] },
];

/** `blobs`, except that reading `digest` fails in the middle, as a verified reader does. */
function failingAt(blobs: BlobReader, digest: Digest, error: unknown): BlobReader {
  return {
    has: (blob, options) => blobs.has(blob, options),
    open: async function* (blob, options) {
      for await (const chunk of blobs.open(blob, options)) {
        if (blob.digest !== digest) yield chunk;
        else {
          yield chunk.subarray(0, 1);
          throw error;
        }
      }
    },
  };
}

const rootOf = (result: BuildResult): Descriptor => result.index?.descriptor ?? result.images[0]!.descriptor;

export function exporterContract(contract: ExporterContract): void {
  describe(`exporter contract: ${contract.name}`, () => {
    const cases: [string, readonly ImageSpec[]][] = [
      ["one image", [{}]],
      ["Docker's media types", [{ mediaTypes: "docker" }]],
      ["uncompressed layers", [{ compression: "uncompressed" }]],
      ["no layers", [{ layers: [] }]],
      ["the same layer twice", [{ layers: [HELLO, HELLO] }]],
    ];
    if (contract.severalPlatforms) cases.push(["two platforms", TWO]);

    it.each(cases)("writes %s under every name, so that all of it validates", async (_, specs) => {
      const target = await contract.target(tempFolder());
      const { result, blobs } = await buildResult(specs, NAMES);
      const exported = await target.exporter.export(result, blobs);
      expect(exported.descriptor.digest).toBe(rootOf(result).digest);
      expect(exported.names).toEqual(NAMES);
      expect(exported.warnings).toEqual([]);
      for (const name of NAMES) {
        const found = await target.read(name);
        expect(found.descriptor).toMatchObject({ digest: rootOf(result).digest, size: rootOf(result).size });
        const report = await validateImage(found.blobs, found.descriptor);
        expect(report.images.map(({ config }) => config)).toEqual(result.images.map(({ config }) => config));
      }
    });

    it(
      contract.severalPlatforms ? "needs an index for several images" : "refuses several platforms and names them",
      async () => {
        const dir = tempFolder();
        const target = await contract.target(dir);
        const before = await target.snapshot();
        const { result, blobs } = await buildResult(TWO, NAMES);
        const { index: _, ...withoutIndex } = result;
        const refused = target.exporter.export(contract.severalPlatforms ? withoutIndex : result, blobs);
        await expect(refused).rejects.toMatchObject({ code: "OUTPUT_INVALID" });
        if (!contract.severalPlatforms) await expect(refused).rejects.toThrow("linux/amd64, linux/arm64");
        expect(await target.snapshot()).toEqual(before);
      },
    );

    it(contract.unnamed ? "writes an image without a name" : "refuses an image without a name", async () => {
      const target = await contract.target(tempFolder());
      const { result, blobs } = await buildResult([{}], []);
      const exported = target.exporter.export(result, blobs);
      if (contract.unnamed) expect((await exported).names).toEqual([]);
      else await expect(exported).rejects.toMatchObject({ code: "OUTPUT_INVALID" });
    });

    it("is deterministic and may be repeated", async () => {
      const { result, blobs } = await buildResult(contract.severalPlatforms ? TWO : [{}], NAMES);
      const one = await contract.target(tempFolder());
      const other = await contract.target(tempFolder());
      await one.exporter.export(result, blobs);
      await other.exporter.export(result, blobs);
      const once = await one.snapshot();
      expect(await other.snapshot()).toEqual(once);
      await one.exporter.export(result, blobs);
      expect(await one.snapshot()).toEqual(once);
    });

    it("D1: leaves nothing behind when a blob turns out wrong, wherever that is noticed", async () => {
      const { result, blobs } = await buildResult(contract.severalPlatforms ? TWO : [TWO[0]!], NAMES);
      for (const layer of new Set(
        result.images.flatMap((image) => image.layers.map(({ descriptor }) => descriptor.digest)),
      )) {
        const target = await contract.target(tempFolder());
        const before = await target.snapshot();
        const error = Object.assign(new Error("not these bytes"), { code: "EIO" });
        const failed = await target.exporter
          .export(result, failingAt(blobs, layer, error))
          .catch((reason: unknown) => reason);
        expect(failed).toBeInstanceOf(Error);
        expect(failed === error || isOcibuildError(failed)).toBe(true);
        expect(await target.snapshot()).toEqual(before);
      }
    });

    it("stops with the signal's reason and leaves nothing behind, whichever blob it is at", async () => {
      const { result, blobs } = await buildResult([TWO[0]!], NAMES);
      const opened: Digest[] = [];
      for (let at = 0; at < 2; at++) {
        const target = await contract.target(tempFolder());
        const before = await target.snapshot();
        const abort = new AbortController();
        const reason = new Error("stop");
        let reads = 0;
        const aborting: BlobReader = {
          has: (blob, options) => blobs.has(blob, options),
          open: async function* (blob, options) {
            if (reads++ === at) abort.abort(reason);
            opened.push(blob.digest);
            yield* blobs.open(blob, options);
          },
        };
        await expect(target.exporter.export(result, aborting, { signal: abort.signal })).rejects.toBe(reason);
        expect(await target.snapshot()).toEqual(before);
      }
      expect(opened.length).toBeGreaterThan(0);
      const target = await contract.target(tempFolder());
      const reason = new Error("before it began");
      await expect(target.exporter.export(result, blobs, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    });
  });
}
