import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { credentialFile } from "../../src/registry/credential-file.js";
import type { Credentials } from "../../src/registry/credentials.js";
import { dockerCredentials } from "../../src/registry/docker-config.js";
import { login, logout, registryName, saveCredentials } from "../../src/registry/login.js";
import type { AccessMode } from "../../src/testing/registry/access.js";
import { answerStatus } from "../../src/testing/registry/faults.js";
import { startRegistry } from "../../src/testing/registry/registry.js";
import { testClient } from "../support/registry.js";
import { tempFolder } from "../support/temp-folder.js";

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const ME: Credentials = { kind: "basic", username: "me", password: "pässword" };
const USERS = { me: "pässword" };

async function setUp(access: AccessMode): Promise<{
  readonly registry: Awaited<ReturnType<typeof startRegistry>>;
  readonly client: ReturnType<typeof testClient>;
}> {
  const registry = await startRegistry({ access });
  const client = testClient();
  cleanups.push(registry.close, client.close);
  return { registry, client };
}

function contentOf(path: string): unknown {
  return JSON.parse(readFileSync(path, "utf8"));
}

/** A helper that keeps what it is given in a file, as `{ server: { Username, Secret } }`. */
function fileHelper(folder: string): NodeJS.ProcessEnv {
  const path = join(folder, "docker-credential-keep");
  writeFileSync(
    path,
    `#!${process.execPath}
const { readFileSync, writeFileSync } = require("node:fs");
const file = ${JSON.stringify(join(folder, "kept.json"))};
const kept = (() => { try { return JSON.parse(readFileSync(file)); } catch { return {}; } })();
const input = readFileSync(0, "utf8");
const none = () => { process.stdout.write("credentials not found in native keychain"); process.exit(1); };
switch (process.argv[2]) {
  case "store": { const { ServerURL, ...rest } = JSON.parse(input); kept[ServerURL] = rest; break; }
  case "erase": if (!(input in kept)) none(); delete kept[input]; break;
  case "get": if (!(input in kept)) none(); process.stdout.write(JSON.stringify({ ServerURL: input, ...kept[input] })); break;
}
writeFileSync(file, JSON.stringify(kept));
`,
  );
  chmodSync(path, 0o755);
  return { ...process.env, PATH: `${folder}${delimiter}${process.env["PATH"]}` };
}

describe("login", () => {
  test("saves what a registry with basic authentication takes, as docker does", async () => {
    const { registry, client } = await setUp({ kind: "basic", users: USERS });
    const path = join(tempFolder(), "new", "config.json");
    const saved = await login(client, registry.host, ME, { file: credentialFile(path) });
    expect(saved).toEqual({ key: registry.host, path, identityToken: false });
    const auth = Buffer.from("me:pässword").toString("base64");
    expect(readFileSync(path, "utf8")).toBe(
      `{\n\t"auths": {\n\t\t"${registry.host}": {\n\t\t\t"auth": "${auth}"\n\t\t}\n\t}\n}\n`,
    );
    expect(await dockerCredentials({ configFile: path }).get(registry.host)).toEqual(ME);
    if (process.platform !== "win32") expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test("keeps an identity token instead of the password where the token server gives one", async () => {
    const { registry, client } = await setUp({ kind: "bearer", users: USERS, givesIdentityTokens: true });
    const path = join(tempFolder(), "config.json");
    const saved = await login(client, registry.host, ME, { file: credentialFile(path) });
    expect(saved.identityToken).toBe(true);
    expect(readFileSync(path, "utf8")).not.toContain(Buffer.from("me:pässword").toString("base64"));
    const known = await dockerCredentials({ configFile: path }).get(registry.host);
    expect(known).toEqual({ kind: "identity-token", token: expect.stringMatching(/^identity-/) });
    expect(contentOf(path)).toMatchObject({
      auths: { [registry.host]: { auth: Buffer.from("me:").toString("base64") } },
    });
    // It is one that the token server takes.
    await login(client, registry.host, known!, { file: credentialFile(path) });
  });

  test.each<AccessMode>([
    { kind: "basic", users: USERS },
    { kind: "bearer", users: USERS },
  ])("a wrong password is an error with the registry's words, and nothing is saved ($kind)", async (access) => {
    const { registry, client } = await setUp(access);
    const path = join(tempFolder(), "config.json");
    const wrong: Credentials = { kind: "basic", username: "me", password: "canary-wrong" };
    const error: unknown = await login(client, registry.host, wrong, { file: credentialFile(path) }).catch(
      (e: unknown) => e,
    );
    expect(error).toMatchObject({
      code: "REGISTRY_UNAUTHORIZED",
      message: expect.stringMatching(/authentication required|incorrect/),
    });
    expect(JSON.stringify(error) + String(error)).not.toContain("canary-wrong");
    expect(readdirSync(dirname(path))).toEqual([]);
  });

  test("a registry that asks nobody keeps any credentials, as with docker", async () => {
    const { registry, client } = await setUp({ kind: "open" });
    const path = join(tempFolder(), "config.json");
    await login(client, registry.host, ME, { file: credentialFile(path) });
    expect(await dockerCredentials({ configFile: path }).get(registry.host)).toEqual(ME);
  });

  test("R5: is tried again when the registry is busy", async () => {
    const { registry, client } = await setUp({ kind: "basic", users: USERS });
    registry.fail({ path: "/v2/", times: 1, action: answerStatus(503) });
    await login(client, registry.host, ME, { file: credentialFile(join(tempFolder(), "config.json")) });
  });
});

describe("the file", () => {
  const file = (content: string, name = "config.json"): string => {
    const path = join(tempFolder(), name);
    writeFileSync(path, content, { mode: 0o644 });
    return path;
  };

  test("keeps everything else, byte for byte", async () => {
    const before = `{
  "proxies": {"default": {"httpProxy": "http://p"}},   "detachKeys": "ctrl-e,e",
  "n": 12345678901234567890,
  "auths": { "other.example": { "auth": "b3RoZXI6eA==" , "email": "e" } }
}`;
    const path = file(before);
    await saveCredentials("r.example", ME, { file: credentialFile(path) });
    const after = readFileSync(path, "utf8");
    const added = /,\n {4}"r\.example": \{\n {6}"auth": "[^"]+"\n {4}\}/;
    expect(after).toMatch(added);
    expect(after.replace(added, "")).toBe(before);
    expect(await logout("r.example", { file: credentialFile(path) })).toBe(true);
    expect(readFileSync(path, "utf8")).toBe(before);
  });

  test.skipIf(process.platform === "win32")(
    "is readable by its owner only, whatever it was; no other file is left",
    async () => {
      const path = file("{}");
      await saveCredentials("r.example", ME, { file: credentialFile(path) });
      expect(statSync(path).mode & 0o777).toBe(0o600);
      expect(readdirSync(dirname(path))).toEqual(["config.json"]);
    },
  );

  test.skipIf(process.platform === "win32")(
    "behind a link, or a chain of them, is replaced; the links stay",
    async () => {
      const folder = tempFolder();
      mkdirSync(join(folder, "real"));
      symlinkSync("middle.json", join(folder, "config.json"));
      symlinkSync("real/there.json", join(folder, "middle.json"));
      await saveCredentials("r.example", ME, { file: credentialFile(join(folder, "config.json")) });
      expect(lstatSync(join(folder, "config.json")).isSymbolicLink()).toBe(true);
      expect(lstatSync(join(folder, "middle.json")).isSymbolicLink()).toBe(true);
      expect(contentOf(join(folder, "real", "there.json"))).toHaveProperty("auths");
      symlinkSync("loop.json", join(folder, "loop.json"));
      await expect(
        saveCredentials("r.example", ME, { file: credentialFile(join(folder, "loop.json")) }),
      ).rejects.toMatchObject({ code: "REGISTRY_CREDENTIALS" });
    },
  );

  test.each(["{", "[]", '{"auths": []}', '{"auths": {"a": 1}}', "null"])("%s is refused and stays", async (content) => {
    const path = file(content);
    await expect(saveCredentials("r.example", ME, { file: credentialFile(path) })).rejects.toMatchObject({
      code: "REGISTRY_CREDENTIALS",
    });
    expect(readFileSync(path, "utf8")).toBe(content);
  });

  test("Docker Hub has its old key in docker's file and its name in podman's", async () => {
    const docker = file("{}");
    const podman = file("{}", "auth.json");
    for (const path of [docker, podman]) await saveCredentials("", ME, { file: credentialFile(path) });
    expect(contentOf(docker)).toEqual({ auths: { "https://index.docker.io/v1/": { auth: expect.any(String) } } });
    expect(contentOf(podman)).toEqual({ auths: { "docker.io": { auth: expect.any(String) } } });
    for (const path of [docker, podman]) {
      expect(await dockerCredentials({ configFile: path }).get("docker.io")).toEqual(ME);
      expect(await logout("index.docker.io", { file: credentialFile(path) })).toBe(true);
      expect(contentOf(path)).toEqual({ auths: {} });
    }
  });

  test.skipIf(process.platform === "win32").each(["credsStore", "credHelpers"])(
    "R13: %s get the credentials, the file does not",
    async (kind) => {
      const folder = tempFolder();
      const env = fileHelper(folder);
      const path = join(folder, "config.json");
      const setting = kind === "credsStore" ? { credsStore: "keep" } : { credHelpers: { "r.example": "keep" } };
      writeFileSync(path, JSON.stringify({ ...setting, auths: { "r.example": { auth: "b2xkOm9sZA==" } } }));
      const target = { file: credentialFile(path), env };
      expect(await saveCredentials("r.example", ME, target)).toMatchObject({ helper: "keep" });
      expect(contentOf(path)).toEqual({ ...setting, auths: { "r.example": {} } });
      expect(contentOf(join(folder, "kept.json"))).toEqual({ "r.example": { Username: "me", Secret: "pässword" } });
      expect(await dockerCredentials({ configFile: path, env }).get("r.example")).toEqual(ME);
      expect(await logout("r.example", target)).toBe(true);
      expect(contentOf(path)).toEqual({ ...setting, auths: {} });
      expect(contentOf(join(folder, "kept.json"))).toEqual({});
      expect(await logout("r.example", target)).toBe(false);
    },
  );

  test.skipIf(process.platform === "win32")("R13: a helper that fails keeps the file as it was", async () => {
    const folder = tempFolder();
    const path = join(folder, "config.json");
    const content = JSON.stringify({ credsStore: "not-installed", auths: {} });
    writeFileSync(path, content);
    const error: unknown = await saveCredentials("r.example", ME, { file: credentialFile(path) }).catch(
      (e: unknown) => e,
    );
    expect(error).toMatchObject({ code: "REGISTRY_CREDENTIALS", details: { helper: "not-installed" } });
    expect(JSON.stringify(error) + String(error)).not.toContain("pässword");
    expect(readFileSync(path, "utf8")).toBe(content);
  });
});

describe("parts of a registry", () => {
  test("have credentials of their own in auth.json and config.json, the longest path first", async () => {
    const path = join(tempFolder(), "auth.json");
    const entry = (user: string): object => ({ auth: Buffer.from(`${user}:x`).toString("base64") });
    writeFileSync(
      path,
      JSON.stringify({
        auths: {
          "r.example": entry("all"),
          "r.example/team": entry("team"),
          "r.example/team/app": entry("app"),
          "docker.io/me": entry("hub"),
        },
      }),
    );
    const store = dockerCredentials({ configFile: path });
    const user = async (registry: string, repository?: string): Promise<unknown> => {
      const known = await store.get(registry, repository === undefined ? {} : { repository });
      return known?.kind === "basic" ? known.username : known;
    };
    expect(await user("r.example", "team/app")).toBe("app");
    expect(await user("r.example", "team/app/deeper")).toBe("app");
    expect(await user("r.example", "team/application")).toBe("team");
    expect(await user("r.example", "other")).toBe("all");
    expect(await user("r.example")).toBe("all");
    expect(await user("docker.io", "me/x")).toBe("hub");
    expect(await user("docker.io", "you/x")).toBeUndefined();
  });
});

describe("registryName", () => {
  test.each([
    ["", "docker.io"],
    ["docker.io", "docker.io"],
    ["https://index.docker.io/v1/", "docker.io"],
    ["registry-1.docker.io", "docker.io"],
    ["r.example:5000", "r.example:5000"],
    ["https://r.example:5000/v2/", "r.example:5000"],
    ["[::1]:5000", "[::1]:5000"],
  ])("%j is %s", (text, name) => {
    expect(registryName(text)).toBe(name);
  });

  test.each(["a b", "user@host", "host:99999", "/path", "https://"])("%j is none", (text) => {
    expect(() => registryName(text)).toThrow(expect.objectContaining({ code: "OPTIONS_INVALID" }));
  });
});
