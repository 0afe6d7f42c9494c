import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isOcibuildError } from "../../src/errors.js";
import { familiarName, formatReference, nameOf, parseReference } from "../../src/oci/reference.js";

interface Row {
  readonly ref: string;
  readonly registry?: string;
  readonly repository?: string;
  readonly tag?: string;
  readonly digest?: string;
  readonly normalized?: string;
  readonly familiar?: string;
  readonly error?: string;
}

const table = JSON.parse(
  readFileSync(new URL("../fixtures/conformance/tables/references.json", import.meta.url), "utf8"),
) as { rows: Row[] };

function errorOf(text: string): unknown {
  try {
    return parseReference(text);
  } catch (error) {
    return error;
  }
}

describe("R11: references of the conformance table", () => {
  it.each(table.rows.filter((row) => row.error === undefined))("reads $ref as Docker does", (row) => {
    const reference = parseReference(row.ref);
    expect(reference).toEqual({
      registry: row.registry ?? "",
      repository: row.repository,
      ...(row.tag === undefined ? {} : { tag: row.tag }),
      ...(row.digest === undefined ? {} : { digest: row.digest }),
    });
    expect(formatReference(reference)).toBe(row.normalized);
    // Docker leaves the tag out of its short form when it was not written.
    const written = row.ref.includes(reference.tag ?? "@");
    expect(written ? familiarName(reference) : familiarName(reference).replace(/:latest$/, "")).toBe(row.familiar);
  });

  it.each(table.rows.filter((row) => row.error !== undefined))("refuses $ref with Docker's words", (row) => {
    const error = errorOf(row.ref);
    expect(isOcibuildError(error, "REFERENCE_INVALID")).toBe(true);
    expect((error as Error).message).toContain(row.error);
  });
});

describe("R11: what must never become a URL", () => {
  it.each([
    "../etc/passwd",
    "reg.io/../x",
    "reg.io/a/../../x",
    "reg.io/a/./x",
    "reg.io/%2f/x",
    "reg.io/a%2fb",
    "reg.io/a?b=c",
    "reg.io/a#b",
    "reg.io/a\\b",
    "reg.io/a\0b",
    "reg.io/a\r\nHost: x/b",
    "user@reg.io/a",
    "user:secret@reg.io/a",
    "reg.io@evil.io/a",
    "[::1%25eth0]/a",
    "[::1]x/a",
    "[]/a",
    "reg.io:80:90/a",
    "reg.io:-1/a",
    "reg.io:0x50/a",
    "reg.io /a",
    "reg.io/a:..",
    "reg.io/a:x%2fy",
    "reg.io/a@sha256:../../../etc/passwd",
    `reg.io/a@sha256:${"0".repeat(63)}/`,
    "reg.io/а", // Cyrillic
    "reg.io/a".padEnd(10_240, "a"),
    `${"a".repeat(10_240)}/b`,
    `reg.io/${"a/".repeat(5_000)}a`,
    `reg.io/${"a-".repeat(400)}!`,
    `${"a.".repeat(400)}!/b`,
  ])("refuses dangerous text %#", (text) => {
    expect(isOcibuildError(errorOf(text), "REFERENCE_INVALID")).toBe(true);
  });

  it("throws nothing but REFERENCE_INVALID on any text, and gives only URL-safe parts", () => {
    const alphabet = fc.constantFrom(
      ..."ab1A.:/@-_[]%?# \\\u00fc\n",
      "sha256:",
      "docker.io",
      "0".repeat(64),
      "localhost",
    );
    fc.assert(
      fc.property(fc.array(alphabet, { maxLength: 14 }), (parts) => {
        const result = errorOf(parts.join(""));
        if (result instanceof Error) {
          expect(isOcibuildError(result, "REFERENCE_INVALID")).toBe(true);
          return;
        }
        const { registry, repository, tag, digest } = result as ReturnType<typeof parseReference>;
        expect(registry).toMatch(/^(\[[0-9a-fA-F:]+\]|[a-zA-Z0-9.-]*)(:[0-9]+)?$/);
        expect(repository).toMatch(/^[a-z0-9._/-]+$/);
        expect(repository).not.toMatch(/\.\.|\/\/|^\/|\/$/);
        expect(tag ?? "x").toMatch(/^\w[\w.-]*$/);
        expect(digest ?? "sha256:0").toMatch(/^sha(256|512):[0-9a-f]+$/);
      }),
      { numRuns: 2000 },
    );
  });
});

describe("parseReference and formatReference", () => {
  const component = fc.stringMatching(/^[a-z0-9]{1,6}((\.|_|__|-{1,3})[a-z0-9]{1,4}){0,2}$/);
  const reference = fc
    .record({
      registry: fc.constantFrom("docker.io", "localhost", "localhost:5000", "R.Example:80", "[::1]:5000", "10.0.0.1"),
      path: fc.array(component, { minLength: 1, maxLength: 4 }),
      tag: fc.option(fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}$/), { nil: undefined }),
      digest: fc.option(fc.stringMatching(/^[0-9a-f]{64}$/), { nil: undefined }),
    })
    .map(({ registry, path, tag, digest }) => ({
      text: `${registry}/${path.join("/")}${tag === undefined ? "" : `:${tag}`}${digest === undefined ? "" : `@sha256:${digest}`}`,
    }));

  it("reads back what it wrote, in the full and in the short form", () => {
    fc.assert(
      fc.property(reference, ({ text }) => {
        const parsed = parseReference(text);
        expect(parseReference(formatReference(parsed))).toEqual(parsed);
        expect(parseReference(familiarName(parsed))).toEqual(parsed);
      }),
    );
  });

  it("names the repository without tag and digest", () => {
    expect(nameOf(parseReference("app:1"))).toBe("docker.io/library/app");
    expect(nameOf(parseReference("my_registry.io/app:1"))).toBe("my_registry.io/app");
  });

  it("says what to do about the usual slips", () => {
    expect(errorOf("https://reg.io/app")).toMatchObject({ hint: expect.stringContaining("scheme") });
    expect(errorOf(" app")).toMatchObject({ hint: expect.stringContaining("white space") });
    expect(errorOf("App")).toMatchObject({ hint: expect.stringContaining("lower case") });
  });
});
