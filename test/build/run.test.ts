import { expect, test } from "vitest";
import { fakeExecutor } from "../../src/testing/fake-executor.js";
import { buildChecked, filesOf, fresh } from "../support/builds.js";

test("a command's changes become a layer, and built again it comes from the cache", async () => {
  const executor = fakeExecutor(() => [{ path: "out", content: "made\n", mtimeSeconds: 5 }]);
  const options = fresh({ dockerfile: "FROM scratch\nRUN make\n", executor });
  const first = await buildChecked(options);
  expect(await filesOf(first)).toEqual(["/out 644 0:0"]);
  expect((await first.readFile("out")).toString()).toBe("made\n");
  const again = await buildChecked(options);
  expect(again.digest).toBe(first.digest);
  expect(again.cached).toEqual(["RUN /bin/sh -c make"]);
  expect(executor.specs.length).toBe(1);
});
