import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isOcibuildError } from "../../src/errors.js";
import { digestOf } from "../../src/oci/digest.js";
import {
  choosePlatform,
  formatPlatform,
  hostPlatform,
  matchPlatform,
  parsePlatform,
  parsePlatforms,
  samePlatform,
} from "../../src/oci/platform.js";
import type { Descriptor, Platform } from "../../src/oci/types.js";

interface Answer {
  readonly targetplatform: string;
  readonly image: Platform;
}
interface Row extends Partial<Answer> {
  readonly platform: string;
  readonly platforms?: Answer[];
  readonly error?: string;
}

const table = JSON.parse(
  readFileSync(new URL("../fixtures/conformance/tables/platforms.json", import.meta.url), "utf8"),
) as { rows: Row[] };

/** The table was made on this machine. */
const BUILDER: Platform = { os: "linux", architecture: "amd64" };

function errorOf(run: () => unknown): unknown {
  try {
    return run();
  } catch (error) {
    return error;
  }
}

describe("platforms of the conformance table", () => {
  it.each(table.rows.filter((row) => row.error === undefined))("reads $platform as BuildKit does", (row) => {
    const answers = row.platforms ?? [row as Answer];
    const platforms = parsePlatforms(row.platform, BUILDER);
    expect(platforms).toEqual(answers.map((answer) => answer.image));
    expect(platforms.map(formatPlatform)).toEqual(answers.map((answer) => answer.targetplatform));
  });

  it.each(table.rows.filter((row) => row.error !== undefined))("refuses $platform", (row) => {
    expect(
      isOcibuildError(
        errorOf(() => parsePlatform(row.platform, BUILDER)),
        "PLATFORM_INVALID",
      ),
    ).toBe(true);
  });
});

describe("parsePlatform", () => {
  it("fills in the host's architecture and variant for a system alone, and Linux for an architecture alone", () => {
    const host: Platform = { os: "linux", architecture: "arm", variant: "v6" };
    expect(parsePlatform("linux", host)).toEqual(host);
    expect(parsePlatform("arm64", host)).toEqual({ os: "linux", architecture: "arm64" });
  });

  it("reads back what formatPlatform wrote", () => {
    const word = fc.stringMatching(/^[a-z0-9_-]{1,8}$/);
    fc.assert(
      fc.property(
        word,
        word,
        fc.option(word),
        fc.option(fc.stringMatching(/^[0-9.]{1,8}$/)),
        (os, arch, variant, version) => {
          const platform = parsePlatform(
            `${os}${version === null ? "" : `(${version})`}/${arch}${variant === null ? "" : `/${variant}`}`,
          );
          expect(parsePlatform(formatPlatform(platform))).toEqual(platform);
        },
      ),
    );
  });

  it("throws nothing but PLATFORM_INVALID on any text", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(..."aA1/(). *_-,\n") }), (text) => {
        const result = errorOf(() => parsePlatform(text));
        expect(!(result instanceof Error) || isOcibuildError(result, "PLATFORM_INVALID")).toBe(true);
      }),
    );
  });

  it("knows Node's names of architectures", () => {
    expect(hostPlatform("x64")).toEqual({ os: "linux", architecture: "amd64" });
    expect(hostPlatform("ia32")).toEqual({ os: "linux", architecture: "386" });
    expect(hostPlatform("arm")).toEqual({ os: "linux", architecture: "arm", variant: "v7" });
  });
});

describe("matchPlatform", () => {
  const match = (available: string, wanted: string): number | undefined =>
    matchPlatform(parsePlatform(available), parsePlatform(wanted));

  it.each([
    ["linux/arm/v7", ["linux/arm/v7", "linux/arm/v6", "linux/arm/v5"], ["linux/arm/v8", "linux/arm64", "linux/amd64"]],
    [
      "linux/arm64",
      ["linux/arm64/v8", "linux/arm/v8", "linux/arm/v7", "linux/arm/v5"],
      ["linux/arm64/v9", "linux/arm64/v8.1"],
    ],
    [
      "linux/arm64/v9.1",
      ["linux/arm64/v9.1", "linux/arm64/v9", "linux/arm64/v8.6", "linux/arm64", "linux/arm/v8"],
      ["linux/arm64/v9.2", "linux/arm64/v8.7"],
    ],
    [
      "linux/amd64/v3",
      ["linux/amd64/v3", "linux/amd64/v2", "linux/amd64", "linux/386"],
      ["linux/amd64/v4", "linux/arm64"],
    ],
    ["linux/amd64", ["linux/amd64", "linux/386"], ["linux/amd64/v2", "windows/amd64"]],
    ["linux/riscv64", ["linux/riscv64"], ["linux/riscv64/x", "linux/amd64"]],
    ["windows(10.0.17763.1)/amd64", ["windows(10.0.17763.99)/amd64", "windows/386"], ["windows(10.0.20348)/amd64"]],
    ["linux(5)/amd64", ["linux(4)/amd64"], []],
  ])("serves %s with %j, best first, and not with %j", (wanted, good, bad) => {
    const distances = good.map((available) => match(available, wanted));
    expect(distances).not.toContain(undefined);
    expect(distances).toEqual([...distances].sort((a, b) => a! - b!));
    expect(new Set(distances).size).toBe(good.length);
    expect(bad.map((available) => match(available, wanted))).toEqual(bad.map(() => undefined));
  });

  it("takes an absurd variant in no time", () => {
    expect(match("linux/amd64", "linux/amd64/v2000000000")).toBeUndefined();
  });

  it("wants no feature that was not promised, win32k apart", () => {
    const windows: Platform = { os: "windows", architecture: "amd64" };
    expect(matchPlatform({ ...windows, "os.features": ["win32k"] }, windows)).toBe(0);
    expect(matchPlatform({ ...windows, "os.features": ["sse4"] }, windows)).toBeUndefined();
    expect(matchPlatform({ ...windows, "os.features": ["sse4"] }, { ...windows, "os.features": ["sse4"] })).toBe(0);
  });
});

describe("choosePlatform", () => {
  const entry = (name: string, platform?: Platform): Descriptor => ({
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    digest: digestOf(name),
    size: 1,
    ...(platform === undefined ? {} : { platform }),
  });
  const amd64 = parsePlatform("linux/amd64");

  it("D5: takes the first of several entries for the same platform, whatever follows", () => {
    const first = entry("first", amd64);
    expect(choosePlatform([entry("x", parsePlatform("linux/386")), first, entry("again", amd64)], amd64, "app")).toBe(
      first,
    );
  });

  it("D5: takes an entry without a platform only where nothing else suits", () => {
    const bare = entry("bare");
    expect(choosePlatform([bare, entry("386", parsePlatform("linux/386"))], amd64, "app").platform?.architecture).toBe(
      "386",
    );
    expect(choosePlatform([bare, entry("s390x", parsePlatform("linux/s390x"))], amd64, "app")).toBe(bare);
  });

  it("D5: says what is there when nothing suits, without the attestations", () => {
    const manifests = [
      entry("a", parsePlatform("linux/arm64")),
      entry("b", parsePlatform("linux/arm64")),
      entry("c", parsePlatform("windows(10.0.1)/amd64")),
      entry("d", { os: "unknown", architecture: "unknown" }),
    ];
    const error = errorOf(() => choosePlatform(manifests, amd64, "r.example/app:1"));
    expect(error).toMatchObject({
      code: "PLATFORM_NOT_FOUND",
      message: 'image "r.example/app:1" has no manifest for platform "linux/amd64"',
      hint: "It is there for linux/arm64, windows(10.0.1)/amd64.",
    });
  });

  it("compares platforms in their canonical spelling", () => {
    expect(samePlatform({ os: "Linux", architecture: "aarch64", variant: "v8" }, parsePlatform("linux/arm64"))).toBe(
      true,
    );
    expect(samePlatform(amd64, parsePlatform("linux/amd64/v2"))).toBe(false);
  });
});
