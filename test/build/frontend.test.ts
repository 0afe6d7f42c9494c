import { expect, test } from "vitest";
import { isOcibuildError } from "../../src/index.js";
import { startRegistry } from "../../src/testing/registry/registry.js";
import { buildChecked, buildOnly, fresh } from "../support/builds.js";

test("C5: no request is made for the frontend that `# syntax=` or BUILDKIT_SYNTAX names", async () => {
  await using registry = await startRegistry();
  const frontend = `${registry.host}/evil/frontend:1`;
  const dockerfile = `# syntax=${frontend}\nFROM scratch\nCOPY a /\n`;
  const buildArgs = { BUILDKIT_SYNTAX: frontend };
  await buildChecked(fresh({ dockerfile, files: { a: "" }, buildArgs, pull: true }));
  expect(registry.connections).toBe(0);
});

test("C5: a feature of another frontend is an error that names it, and the frontend is not asked", async () => {
  await using registry = await startRegistry();
  const dockerfile = `# syntax=${registry.host}/x\nFROM scratch\nINCLUDE other\n`;
  const failure: unknown = await buildOnly(fresh({ dockerfile })).then(
    () => "it was built",
    (error: unknown) => error,
  );
  expect(failure).toSatisfy((error) => isOcibuildError(error, "DOCKERFILE_INVALID"));
  expect((failure as Error).message).toContain("unknown instruction: INCLUDE");
  expect(registry.connections).toBe(0);
});
