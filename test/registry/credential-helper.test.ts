import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { askCredentialHelper } from "../../src/registry/credential-helper.js";
import { dockerCredentials } from "../../src/registry/docker-config.js";

let folder = "";
let env: NodeJS.ProcessEnv = {};

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "ocibuild-helpers-"));
  env = { ...process.env, PATH: `${folder}${delimiter}${process.env["PATH"]}`, HELPER_FOLDER: folder };
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Writes a helper that is a Node program; `body` has its input in `input` and its argument in `verb`. */
function helper(name: string, body: string): string {
  const path = join(folder, `docker-credential-${name}`);
  const program = `#!${process.execPath}
const verb = process.argv[2];
let input = "";
process.stdin.on("data", (chunk) => { input += chunk; }).on("end", () => { ${body} });
`;
  writeFileSync(path, program);
  chmodSync(path, 0o755);
  return name;
}

function config(content: unknown): string {
  const path = join(mkdtempSync(join(folder, "config-")), "config.json");
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
  return path;
}

const SAY = 'process.stdout.write(JSON.stringify({ ServerURL: input, Username: "me", Secret: verb + " " + input }));';

// Scripts are not started by name on Windows.
describe.skipIf(process.platform === "win32")("askCredentialHelper", () => {
  test("R13: gives the server on standard input, without a newline, and reads the answer", async () => {
    helper("good", SAY);
    expect(await askCredentialHelper("good", "r.example:5000", { env })).toEqual({
      kind: "basic",
      username: "me",
      password: "get r.example:5000",
    });
  });

  test("R13: a secret of user <token> is an identity token", async () => {
    helper("token", 'process.stdout.write(JSON.stringify({ Username: "<token>", Secret: "t" }));');
    expect(await askCredentialHelper("token", "r.example", { env })).toEqual({ kind: "identity-token", token: "t" });
  });

  test("R13: a helper that knows nothing means anonymous", async () => {
    helper("empty", 'process.stdout.write("credentials not found in native keychain\\n"); process.exitCode = 1;');
    expect(await askCredentialHelper("empty", "r.example", { env })).toBeUndefined();
  });

  const failing: readonly [string, string][] = [
    ["that fails", 'process.stdout.write("locked"); process.exitCode = 1;'],
    ["that fails silently", "process.exitCode = 3;"],
    ["that is killed", 'process.kill(process.pid, "SIGKILL"); setInterval(() => {}, 1000);'],
    ["that says nothing", ""],
    ["that says no JSON", 'process.stdout.write("hello");'],
    ["that leaves the secret out", 'process.stdout.write(JSON.stringify({ Username: "me" }));'],
    [
      "that writes without end",
      'const piece = "x".repeat(65536); (function go() { while (process.stdout.write(piece)); process.stdout.once("drain", go); })();',
    ],
    ["that hangs", "setInterval(() => {}, 1000);"],
  ];
  test.each(failing)("R13: a helper %s is an error, never anonymous", async (what, body) => {
    const name = helper(what.replaceAll(" ", "-"), body);
    const asked = askCredentialHelper(name, "r.example", { env, timeoutMs: what === "that hangs" ? 300 : 10_000 });
    await expect(asked).rejects.toMatchObject({
      code: "REGISTRY_CREDENTIALS",
      details: { host: "r.example", helper: name },
    });
  });

  test("R13: a helper that is not installed is an error", async () => {
    await expect(askCredentialHelper("not-there", "r.example", { env })).rejects.toMatchObject({
      code: "REGISTRY_CREDENTIALS",
    });
  });

  test.each(["", "../good", "a/b", "a b", "$(touch x)", "good;id", "-good", ".good", "good\n", "good\0", "\u00e4"])(
    "R13: the name %j is refused before anything is started",
    async (name) => {
      await expect(askCredentialHelper(name, "r.example", { env })).rejects.toMatchObject({
        code: "REGISTRY_CREDENTIALS",
      });
    },
  );

  test.each(["a\nb", "a\0b", "a\rb"])("R13: the server %j is refused", async (server) => {
    await expect(askCredentialHelper("good", server, { env })).rejects.toMatchObject({ code: "REGISTRY_CREDENTIALS" });
  });

  test("R13: shell characters in the server are only text", async () => {
    helper("echo", SAY);
    const server = "$(id) `id` ; id | id > x";
    expect(await askCredentialHelper("echo", server, { env })).toMatchObject({ password: `get ${server}` });
  });

  test("R13: the secret stands in no error", async () => {
    helper(
      "leaky",
      'process.stdout.write("canary-secret"); process.stderr.write("canary-secret"); process.exitCode = 1;',
    );
    const error: unknown = await askCredentialHelper("leaky", "r.example", { env }).catch((thrown: unknown) => thrown);
    expect(JSON.stringify(error) + String(error)).not.toContain("canary-secret");
  });

  test("an abort ends the helper", async () => {
    helper(
      "slow",
      'require("node:fs").writeFileSync(process.env.HELPER_FOLDER + "/pid", String(process.pid)); setInterval(() => {}, 1000);',
    );
    const abort = new AbortController();
    const asked = askCredentialHelper("slow", "r.example", { env, signal: abort.signal });
    setTimeout(() => abort.abort(new Error("enough")), 400);
    await expect(asked).rejects.toThrow("enough");
    const pid = Number(readFileSync(join(folder, "pid"), "utf8"));
    await expect.poll(() => alive(pid)).toBe(false);
  });
});

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe("dockerCredentials", () => {
  const auth = Buffer.from("me:pass:word").toString("base64");
  const me = { kind: "basic", username: "me", password: "pass:word" };

  test("reads auths by host, and Docker Hub's under its old key", async () => {
    const store = dockerCredentials({
      configFile: config({ auths: { "r.example:5000": { auth }, "https://index.docker.io/v1/": { auth } } }),
    });
    expect(await store.get("r.example:5000")).toEqual(me);
    expect(await store.get("docker.io")).toEqual(me);
    expect(await store.get("r.example")).toBeUndefined();
    expect(await store.get("index.docker.io.evil.example")).toBeUndefined();
  });

  test("takes URLs as keys, identity tokens, and user and password fields", async () => {
    const store = dockerCredentials({
      configFile: config({
        auths: {
          "https://old.example/v1/": { auth },
          "token.example": { auth, identitytoken: "refresh" },
          "plain.example": { username: "me", password: "pass:word" },
          "empty.example": {},
        },
      }),
    });
    expect(await store.get("old.example")).toEqual(me);
    expect(await store.get("token.example")).toEqual({ kind: "identity-token", token: "refresh" });
    expect(await store.get("plain.example")).toEqual(me);
    expect(await store.get("empty.example")).toBeUndefined();
  });

  test("C4: hosts named like properties of objects have no credentials", async () => {
    const store = dockerCredentials({ configFile: config({ auths: {}, credHelpers: {} }) });
    for (const name of ["__proto__", "constructor", "toString"]) expect(await store.get(name)).toBeUndefined();
  });

  test("a missing or empty file means anonymous", async () => {
    expect(
      await dockerCredentials({ configFile: join(folder, "none", "config.json") }).get("r.example"),
    ).toBeUndefined();
    expect(await dockerCredentials({ configFile: config("") }).get("r.example")).toBeUndefined();
  });

  test.each([
    ["not JSON", '{"auths": canary'],
    ["another shape", '{"auths": ["canary"]}'],
    ["no colon", JSON.stringify({ auths: { "r.example": { auth: "Y2FuYXJ5" } } })],
  ])("a file with %s is an error without its content", async (_name, text) => {
    const error: unknown = await dockerCredentials({ configFile: config(text) })
      .get("r.example")
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "REGISTRY_CREDENTIALS" });
    expect(String(error) + JSON.stringify(error)).not.toContain("canary");
  });

  test.skipIf(process.platform === "win32")(
    "asks the host's helper, then the store for all, and then no file",
    async () => {
      helper("mine", SAY);
      helper("all", 'process.stdout.write("credentials not found in native keychain"); process.exitCode = 1;');
      const configFile = config({
        auths: { "b.example": { auth } },
        credHelpers: { "a.example": "mine" },
        credsStore: "all",
      });
      const store = dockerCredentials({ configFile, env });
      expect(await store.get("a.example")).toMatchObject({ password: "get a.example" });
      expect(await store.get("b.example")).toBeUndefined();
    },
  );

  test.skipIf(process.platform === "win32")(
    "R13: a configured helper that fails is not replaced by auths",
    async () => {
      helper("broken", "process.exitCode = 1;");
      const configFile = config({ auths: { "b.example": { auth } }, credsStore: "broken" });
      await expect(dockerCredentials({ configFile, env }).get("b.example")).rejects.toMatchObject({
        code: "REGISTRY_CREDENTIALS",
      });
    },
  );

  test.skipIf(process.platform === "win32")("gives a helper Docker Hub's old key", async () => {
    helper("hub", SAY);
    const configFile = config({ credHelpers: { "docker.io": "hub" } });
    expect(await dockerCredentials({ configFile, env }).get("docker.io")).toMatchObject({
      password: "get https://index.docker.io/v1/",
    });
  });
});
