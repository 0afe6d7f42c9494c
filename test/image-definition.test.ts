import { describe, expect, it } from "vitest";
import { image, memory } from "../src/index.js";
import { tempFolder } from "./support/temp-folder.js";

describe("image()", () => {
  it("is the Dockerfile that it shows", () => {
    const definition = image("node:24", { platform: "$BUILDPLATFORM" })
      .arg({ VERSION: "1.0" })
      .workdir("/app")
      .copy(["package.json", "package-lock.json"], "./", { chown: "node:node" })
      .run("npm ci", { mounts: ["type=cache,target=/root/.npm"] })
      .env({ NODE_ENV: "production", GREETING: "hello world", PRICE: { literal: "$5" } })
      .expose(8080, "9090/udp")
      .cmd(["node", "."]);
    expect(definition.toDockerfile()).toMatchInlineSnapshot(`
      "FROM --platform=$BUILDPLATFORM node:24
      ARG VERSION=1.0
      WORKDIR /app
      COPY --chown=node:node package.json package-lock.json ./
      RUN --mount=type=cache,target=/root/.npm npm ci
      ENV NODE_ENV=production GREETING="hello world" PRICE=\\$5
      EXPOSE 8080 9090/udp
      CMD ["node", "."]
      "
    `);
  });

  it("is not changed by what is made of it", () => {
    const base = image("scratch").env({ A: "1" });
    base.env({ B: "2" });
    expect(base.toDockerfile()).not.toContain("B=");
  });

  it("makes stages of the definitions that it reads, each once and before it", () => {
    const tools = image("scratch").file("/bin/tool", "tool");
    const build = image(tools).copy("src", "/src");
    const app = image("scratch").copy("/src", "/app", { from: build }).copy("/bin/tool", "/t", { from: tools });
    expect(app.toDockerfile().match(/^FROM .*/gm)).toEqual([
      "FROM scratch AS stage-0",
      "FROM stage-0 AS stage-1",
      "FROM scratch",
    ]);
  });

  it("builds, with files of any bytes", async () => {
    const root = tempFolder();
    const bytes = Buffer.from([0, 255, 10, 13, 36]);
    const definition = image("scratch")
      .file("/app/v.json", "{}")
      .file("/app/$odd name", bytes, { chmod: "0600" })
      .copy("a.txt", "/app/")
      .label({ "a.b": 'with "quotes" and $' });
    const built = await definition.build({ root, context: memory({ "a.txt": "A" }), reproducible: true });
    expect((await built.readFile("/app/v.json")).toString()).toBe("{}");
    expect(await built.readFile("/app/$odd name")).toEqual(bytes);
    expect((await built.readFile("/app/a.txt")).toString()).toBe("A");
    const again = await definition.build({ root, context: memory({ "a.txt": "A" }), reproducible: true });
    expect(again.digest).toBe(built.digest);
  });

  it("refuses a file without a name and unknown options", async () => {
    expect(() => image("scratch").file("/app/", "x")).toThrow(/expected the path of a file/);
    await expect(image("scratch").build({ tagz: ["a"] } as never)).rejects.toMatchObject({
      code: "OPTIONS_UNKNOWN_KEY",
    });
  });
});
