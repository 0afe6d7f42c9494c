/** Image references. */
import { readFileSync } from "node:fs";
import { familiarName, formatReference, parseReference, type Reference } from "../../../src/oci/reference.js";
import { answer, check, type Target } from "../target.js";

export function referenceTarget(): Target {
  const table = JSON.parse(
    readFileSync(new URL("../fixtures/conformance/tables/references.json", import.meta.url), "utf8"),
  ) as { readonly rows: readonly { readonly ref: string }[] };
  return {
    name: "reference",
    corpus: table.rows.map(({ ref }) => ref),
    dictionary: [
      ..."docker.io/ index.docker.io/ library/ localhost localhost:5000/ [::1]:5000/ @sha256: @sha512: :latest :".split(
        " ",
      ),
      ...["0".repeat(64), "a".repeat(32), "/", "..", "%2f", "__", "---", "@", "[", "]", "xn--", "A", "ü", " "],
    ],
    maxLength: 1200,
    run: (text) =>
      answer(["REFERENCE_INVALID"], () => {
        const reference = parseReference(text);
        const { registry, repository, tag, digest } = reference;
        check(/^(\[[0-9a-fA-F:]+\]|[a-zA-Z0-9.-]*)(:[0-9]+)?$/.test(registry), () => `registry ${registry}`);
        check(/^[a-z0-9._/-]+$/.test(repository) && !/\.\.|\/\/|^\/|\/$/.test(repository), () => `path ${repository}`);
        check(/^\w[\w.-]{0,127}$/.test(tag ?? "x"), () => `tag ${tag}`);
        check(
          /^sha(256:[0-9a-f]{64}|512:[0-9a-f]{128})$/.test(digest ?? `sha256:${"0".repeat(64)}`),
          () => `${digest}`,
        );
        check(tag !== undefined || digest !== undefined, () => "neither tag nor digest");
        const same = (other: Reference): boolean => JSON.stringify(other) === JSON.stringify(reference);
        check(same(parseReference(formatReference(reference))), () => "the full form reads as something else");
        check(same(parseReference(familiarName(reference))), () => "the short form reads as something else");
        return `${registry.includes(":")} ${registry === "docker.io"} ${registry === ""} ${tag === "latest"} ${digest?.length} ${repository.split("/").length}`;
      }),
  };
}
