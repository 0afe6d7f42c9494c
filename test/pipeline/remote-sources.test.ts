import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openStore } from "../../src/cache/store.js";
import { RemoteSources } from "../../src/pipeline/remote-sources.js";
import { startFileServer } from "../support/file-server.js";
import { startHttpProxy } from "../support/http-proxy.js";
import { tempFolder } from "../support/temp-folder.js";

test("files of web servers come through the proxy that the environment names", async () => {
  await using server = await startFileServer({ "/file": "through the proxy" });
  await using proxy = await startHttpProxy({ names: { "web.example": Number(new URL(server.url).port) } });
  await using remote = new RemoteSources({
    store: await openStore(join(tempFolder(), "store")),
    env: { HTTP_PROXY: proxy.url },
    secret: async () => undefined,
    sshAgent: undefined,
    onEvent: () => {},
    nowMs: () => 0,
  });
  const { path } = await remote.fetch("http://web.example/file", undefined, {});
  expect(readFileSync(path, "utf8")).toBe("through the proxy");
  expect(proxy.requests).toEqual(["GET http://web.example/file"]);
});
