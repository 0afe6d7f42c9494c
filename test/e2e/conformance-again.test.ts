import { expect, test } from "vitest";
import { STRICT } from "../conformance/compare.js";
import { EXCEPTIONS } from "../conformance/exceptions.js";
import { runCases } from "../conformance/score.js";

// What is only reported may differ: a record of another case can have brought in a layer with other times.
test("every conformance case, built again, comes from the cache as the same image and agrees strictly", async () => {
  const results = await runCases({ mode: "again" });
  const strict: readonly string[] = STRICT;
  const differences = results.flatMap(({ id, disagreements }) =>
    disagreements
      .filter(({ aspect }) => strict.includes(aspect) && EXCEPTIONS.get(id)?.aspects.includes(aspect) !== true)
      .map((disagreement) => ({ id, ...disagreement })),
  );
  expect(differences).toEqual([]);
});
