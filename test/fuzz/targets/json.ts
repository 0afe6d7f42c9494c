/** The decoder for documents that others wrote. */
import { decodeStrictJson } from "../../../src/util/strict-json.js";
import { answer, check, type Target } from "../target.js";

const MANIFEST = JSON.stringify({
  schemaVersion: 2,
  mediaType: "application/vnd.oci.image.manifest.v1+json",
  config: { mediaType: "application/vnd.oci.image.config.v1+json", digest: `sha256:${"0".repeat(64)}`, size: 2 },
  layers: [{ digest: `sha256:${"a".repeat(64)}`, size: 1e3, annotations: { "a\u00e9": '\\"' } }],
});

export function jsonTarget(): Target {
  return {
    name: "json",
    corpus: [MANIFEST, "[]", "{}", "null", "-0.5e-7", '"\\ud83d\\ude00"', '[1,true,"x",{"a":[]}]', "\xef\xbb\xbf{}"],
    dictionary: [
      ...'{ } [ ] , : " \\ null true false 1e999 -0 0.1 1E+2 "__proto__": "a":1 \\u0000 \\ud800 \\udc00 "constructor":'.split(
        " ",
      ),
      ...["[".repeat(70), '{"a":'.repeat(40), "9007199254740993", " ", "\n", "\xff", "\xc3\xa9", "\xed\xa0\x80"],
    ],
    maxLength: 2000,
    isBinary: true,
    run(input) {
      const bytes = Buffer.from(input, "latin1");
      return answer(["DOCUMENT_INVALID"], () => {
        const value = decodeStrictJson(bytes, { document: "fuzz", maxBytes: 1500 });
        const plain = JSON.parse(bytes.toString("utf8")) as unknown;
        check(sorted(value) === sorted(plain), () => `read ${sorted(value)}`);
        return `ok ${typeof value} ${sorted(value)
          .replace(/"[^"]*"/g, "s")
          .replace(/[-0-9.e+]+/g, "n")
          .slice(0, 60)}`;
      });
    },
  };
}

/** The text of a value, whatever prototype its objects have. */
function sorted(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === "object" && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).map(([key, each]) => [`k${key}`, each]))
      : inner,
  );
}
