import { describe, expect, it } from "vitest";
import { OcibuildError } from "../../src/errors.js";
import { problemOf } from "../support/plan.js";

describe("a name that is neither stage nor image", () => {
  const text = "FROM busybox AS build\nFROM scratch\nCOPY --from=biuld / /\n";

  it("is told with the stage that was meant, when the registry knows no such image", async () => {
    const error = await problemOf(text);
    expect(error.message).toContain("(did you mean build?)");
    expect(error.location?.line).toBe(3);
  });

  it("is told with the stage that was meant, when the registry cannot be asked", async () => {
    const error = await problemOf(text, {
      onResolve: (reference) => {
        if (reference === "busybox") return;
        const details = { method: "HEAD", url: "https://registry.example/v2/", retryable: true };
        throw new OcibuildError("REGISTRY_REQUEST", "no answer", { details, hint: "check the network" });
      },
    });
    expect(error).toMatchObject({ code: "REGISTRY_REQUEST", message: "no answer" });
    expect(error.hint).toBe('"biuld" is no stage, so it is taken for an image: did you mean the stage "build"?');
  });

  it("says which variables FROM can use, when the name is made of one", async () => {
    const error = await problemOf("FROM busybox\nARG V=1\nFROM busybox:$V\n");
    expect(error.message).toContain('failed to parse stage name "busybox:"');
    expect(error.hint).toContain("ARGs above the first FROM");
    expect((await problemOf("FROM Busybox\n")).hint).not.toContain("ARG");
  });
});
