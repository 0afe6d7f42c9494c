/** Which layers go over the wire, seen by an engine that is a server of the test's own. */
import { createServer } from "node:http";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { Engine } from "../../../src/executor/docker/engine.js";
import { EngineImages } from "../../../src/executor/docker/engine-images.js";
import { type EngineLayer, memoryLayer } from "../../../src/executor/kit/tar-parts.js";
import { hexOf } from "../../../src/oci/digest.js";
import { readArchive } from "../../../src/tar/archive.js";
import { tempFolder } from "../../support/temp-folder.js";

const PLATFORM = { os: "linux", architecture: "amd64" };
const SIGNAL = new AbortController().signal;

/** Keeps images by name and layers by digest, and refuses images with layers that it has not got. */
async function engineDouble() {
  const socketPath = join(tempFolder(), "s");
  const images = new Map<string, { readonly Labels: Readonly<Record<string, string>> }>();
  const layers = new Set<string>();
  /** Of each load, the layers that came. */
  const loads: string[][] = [];
  const server = createServer(async (request, response) => {
    const path = request.url!.split("?")[0]!;
    if (request.method === "POST" && path === "/images/load") {
      const files = new Map<string, Buffer>();
      for await (const { name, body } of readArchive(request)) {
        const chunks: Buffer[] = [];
        for await (const chunk of body) chunks.push(Buffer.from(chunk));
        files.set(name, Buffer.concat(chunks));
      }
      const [{ Config, RepoTags, Layers }] = JSON.parse(files.get("manifest.json")!.toString());
      const came = (Layers as string[]).filter((layer) => files.has(layer));
      loads.push(came.map((layer) => layer.slice("blobs/sha256/".length)));
      for (const layer of came) layers.add(layer);
      if ((Layers as string[]).every((layer) => layers.has(layer))) {
        images.set(RepoTags[0], { Labels: JSON.parse(files.get(Config)!.toString()).config.Labels });
        response.end('{"stream":"Loaded"}');
      } else response.end('{"error":"a layer is missing"}');
    } else if (path === "/images/json") {
      const list = [...images].map(([name, { Labels }]) => ({ Id: name, RepoTags: [name], Created: 0, Labels }));
      response.end(JSON.stringify(list));
    } else {
      const name = decodeURIComponent(path.slice("/images/".length, -"/json".length));
      response.statusCode = images.has(name) ? 200 : 404;
      response.end("{}");
    }
  });
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  const engine = new Engine({ peer: { origin: "http://engine", socketPath }, shown: socketPath });
  onTestFinished(async () => {
    await engine.close();
    server.close();
  });
  return { engine, images, layers, loads, made: () => new EngineImages(engine, "2020-01-01T00:00:00Z") };
}

function layer(text: string): EngineLayer {
  return memoryLayer(Buffer.from(text));
}

const [A, B, C] = [layer("a"), layer("b"), layer("c")] as const;
const hexes = (...layers: readonly EngineLayer[]): string[] => layers.map(({ diffId }) => hexOf(diffId));

test("an image is sent once, and of a longer one only what is new, to later executors too", async () => {
  const { made, loads } = await engineDouble();
  const images = made();
  const name = await images.ensure([A, B], PLATFORM, SIGNAL);
  expect(await images.ensure([A, B], PLATFORM, SIGNAL)).toBe(name);
  await images.ensure([A, B, C], PLATFORM, SIGNAL);
  expect(loads).toEqual([hexes(A, B), hexes(C)]);
  const later = made();
  await later.ensure([A, B], PLATFORM, SIGNAL);
  await later.ensure([A, C], PLATFORM, SIGNAL);
  expect(loads.slice(2)).toEqual([hexes(C)]);
});

test("an engine that has lost a layer gets all of them", async () => {
  const { made, loads, layers } = await engineDouble();
  await made().ensure([A, B], PLATFORM, SIGNAL);
  layers.clear();
  await made().ensure([A, B, C], PLATFORM, SIGNAL);
  expect(loads).toEqual([hexes(A, B), hexes(C), hexes(A, B, C)]);
});

test("who forgets an image looks again", async () => {
  const { made, loads, images: kept } = await engineDouble();
  const images = made();
  const name = await images.ensure([A], PLATFORM, SIGNAL);
  kept.clear();
  await images.ensure([A], PLATFORM, SIGNAL);
  await images.forget(name);
  await images.ensure([A], PLATFORM, SIGNAL);
  expect(loads).toEqual([hexes(A), hexes(A)]);
});

test("an engine that takes nothing is an error with its words", async () => {
  const { made, images } = await engineDouble();
  images.set = () => images;
  await expect(made().ensure([A], PLATFORM, SIGNAL)).rejects.toMatchObject({
    code: "EXECUTOR_FAILED",
    message: expect.stringContaining("Loaded"),
  });
});
