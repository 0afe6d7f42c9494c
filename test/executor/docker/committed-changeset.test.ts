/** What a container changed by way of an image, from an engine that is a server of the test's own. */
import { createServer } from "node:http";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { committedChangeset } from "../../../src/executor/docker/committed-changeset.js";
import { Engine } from "../../../src/executor/docker/engine.js";
import { EngineImages } from "../../../src/executor/docker/engine-images.js";
import { Helpers } from "../../../src/executor/docker/helper.js";
import { IndexView } from "../../../src/executor/kit/layer-index.js";
import { tempFolder } from "../../support/temp-folder.js";

/** Answers the first commits with `refusals`; the image of the next one has no layer that is new. */
async function committing(refusals: readonly string[]) {
  const socketPath = join(tempFolder(), "s");
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const path = request.url!.split("?")[0]!;
    asked.push(`${request.method} ${path}`);
    request.resume();
    const refusal = path === "/commit" ? refusals[asked.length - 1] : undefined;
    if (refusal !== undefined) response.statusCode = 500;
    if (path.endsWith("/get")) response.end(Buffer.alloc(1024));
    else response.end(JSON.stringify(refusal === undefined ? { Id: "i1" } : { message: refusal }));
  });
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  const engine = new Engine({ peer: { origin: "http://engine", socketPath }, shown: socketPath });
  onTestFinished(async () => {
    await engine.close();
    server.close();
  });
  const helpers = new Helpers(engine, new EngineImages(engine, ""), { os: "linux", architecture: "amd64" });
  const parts = { helpers, id: "c1", view: new IndexView([]), limitBytes: 1000, signal: new AbortController().signal };
  const read = async (): Promise<number> => {
    let bytes = 0;
    for await (const chunk of committedChangeset(parts, [])) bytes += chunk.length;
    return bytes;
  };
  return { read, asked };
}

const LOST = "CommitFailure: creating image: layer not known";

test("a commit whose layer another one's end took away is made again", async () => {
  const { read, asked } = await committing([LOST, LOST]);
  expect(await read()).toBe(1024);
  const commit = "POST /commit";
  expect(asked).toEqual([commit, commit, commit, "GET /images/i1/get", "DELETE /images/i1"]);
});

test("a commit that is refused again and again, or for another reason, is an error", async () => {
  await expect((await committing(Array(9).fill(LOST))).read()).rejects.toThrow("layer not known");
  const { read, asked } = await committing(["no space left on device"]);
  await expect(read()).rejects.toThrow("no space left");
  expect(asked).toHaveLength(1);
});
