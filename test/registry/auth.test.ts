import { afterEach, describe, expect, test } from "vitest";
import { isOcibuildError } from "../../src/errors.js";
import { DEFAULT_RETRY } from "../../src/http/retry.js";
import { parseReference } from "../../src/oci/reference.js";
import type { RegistryClientOptions } from "../../src/registry/client.js";
import { type Credentials, staticCredentials } from "../../src/registry/credentials.js";
import { registryHosts } from "../../src/registry/hosts.js";
import { registrySource } from "../../src/registry/pull.js";
import { registryPusher } from "../../src/registry/push.js";
import type { AccessMode } from "../../src/testing/registry/access.js";
import {
  answerStatus,
  change,
  type FaultAction,
  lieAboutLength,
  redirectTo,
  resetAfter,
  stallAfter,
} from "../../src/testing/registry/faults.js";
import { startRegistry, type TestRegistry } from "../../src/testing/registry/registry.js";
import { selfSignedCertificate } from "../support/certificate.js";
import { blobOf, bytesFor, collect, putImage, readerOf, testClient } from "../support/registry.js";

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function start(options: Parameters<typeof startRegistry>[0] = {}): Promise<TestRegistry> {
  const registry = await startRegistry(options);
  cleanups.push(registry.close);
  return registry;
}

function clientWith(
  credentials: readonly (readonly [string, Credentials])[],
  options: RegistryClientOptions = {},
): ReturnType<typeof testClient> {
  const client = testClient({ credentials: staticCredentials(new Map(credentials)), ...options });
  cleanups.push(client.close);
  return client;
}

const CANARY = "canary-password";
const ME: Credentials = { kind: "basic", username: "me", password: CANARY };
const users = { me: CANARY };
const BASIC: AccessMode = { kind: "basic", users };
const BEARER: AccessMode = { kind: "bearer", users };
const BYTES = bytesFor("layer", 50_000);

/** Pulls an image and pushes a blob and a manifest: every kind of request. */
async function roundTrip(
  client: ReturnType<typeof testClient>,
  registry: TestRegistry,
  host: string = registry.host,
): Promise<void> {
  const image = putImage(registry.content, "team/app", "1");
  const source = registrySource(client, parseReference(`${host}/team/app:1`));
  expect((await source.fetchManifest("1")).bytes.equals(image.manifest)).toBe(true);
  expect((await collect(source.open(blobOf(image.layer)))).equals(image.layer)).toBe(true);
  const pusher = registryPusher(client);
  const target = parseReference(`${host}/team/copy:2`);
  await pusher.pushBlob(target, blobOf(image.layer), source, { mountFrom: "team/app" });
  await pusher.pushBlob(target, blobOf(BYTES), readerOf(BYTES));
  await pusher.pushBlob(target, blobOf(image.config), readerOf(image.config));
  await pusher.pushManifest(target, image.descriptor, image.manifest);
  expect(registry.content.manifest("team/copy", "2")?.bytes.equals(image.manifest)).toBe(true);
}

/** Everything a registry received that could hold a secret. */
function received(registry: TestRegistry): string {
  const text = JSON.stringify(registry.requests.map(({ path, headers }) => [path, headers]));
  const decoded = [...text.matchAll(/(?:Basic|Bearer) ([\w+/=.-]+)/g)].map(([, value]) =>
    Buffer.from(value!, "base64").toString(),
  );
  return text + decoded.join(" ");
}

describe("authorization", () => {
  test("an open registry gets no credentials even when there are some", async () => {
    const registry = await start();
    await roundTrip(clientWith([[registry.host, ME]]), registry);
    expect(received(registry)).not.toMatch(/authorization|canary/);
  });

  test("basic credentials are sent after a challenge, and then at once", async () => {
    const registry = await start({ access: BASIC });
    await roundTrip(clientWith([[registry.host, ME]]), registry);
    expect(registry.requests.filter(({ headers }) => headers["authorization"] === undefined)).toHaveLength(1);
  });

  test("bearer tokens are fetched once for each scope", async () => {
    const registry = await start({ access: BEARER });
    await roundTrip(clientWith([[registry.host, ME]]), registry);
    const asked = registry.requests
      .filter(({ server }) => server === "token")
      .map(({ path }) => new URL(path, "http://t"));
    expect(asked.map((url) => url.searchParams.getAll("scope").join(" "))).toEqual([
      "repository:team/app:pull",
      "repository:team/copy:pull,push",
      "repository:team/app:pull repository:team/copy:pull,push",
    ]);
    for (const url of asked) expect(url.searchParams.get("service")).toBe("test-registry");
  });

  test("an anonymous token is enough where the registry says so", async () => {
    const grant = (_user: string | undefined, scope: string): string => scope;
    const registry = await start({ access: { ...BEARER, grant } });
    await roundTrip(clientWith([]), registry);
    expect(registry.requests.some(({ headers }) => /^Basic/.test(String(headers["authorization"])))).toBe(false);
  });

  test("an identity token is exchanged by POST and never stands in a URL", async () => {
    const registry = await start({
      access: { ...BEARER, identityTokens: { "canary-refresh": "me" }, tokenField: "access_token" },
    });
    await roundTrip(clientWith([[registry.host, { kind: "identity-token", token: "canary-refresh" }]]), registry);
    expect(registry.requests.filter(({ server }) => server === "token").every(({ method }) => method === "POST")).toBe(
      true,
    );
    expect(received(registry)).not.toContain("canary-refresh");
  });

  test("without credentials, or with wrong ones, the error says who refused and what to do", async () => {
    for (const access of [BASIC, BEARER]) {
      const registry = await start({ access });
      for (const credentials of [[], [[registry.host, { ...ME, password: "canary-wrong" }]]] as const) {
        const source = registrySource(clientWith(credentials as never), parseReference(`${registry.host}/team/app`));
        const error: unknown = await source.fetchManifest("latest").catch((thrown: unknown) => thrown);
        expect(isOcibuildError(error, "REGISTRY_UNAUTHORIZED") && error.hint).toMatch(/logged in/);
        expect(String(error) + JSON.stringify(error)).not.toContain("canary");
      }
    }
  });

  test("a failing credential store is an error, not anonymous", async () => {
    const registry = await start({ access: BASIC });
    const client = testClient({ credentials: { get: () => Promise.reject(new Error("store is locked")) } });
    cleanups.push(client.close);
    const source = registrySource(client, parseReference(`${registry.host}/team/app`));
    await expect(source.fetchManifest("latest")).rejects.toThrow("store is locked");
  });
});

describe("R1: credentials never leave their registry", () => {
  const elsewhere: readonly [string, (other: TestRegistry) => readonly [string, string, FaultAction]][] = [
    ["a manifest redirect", (other) => ["GET", "/manifests/", redirectTo((path) => other.url + path)]],
    ["a blob redirect", (other) => ["GET", "/blobs/sha256:", redirectTo((path) => other.url + path, 302)]],
    [
      "a redirect with credentials in it",
      (other) => ["GET", "/blobs/", redirectTo((path) => other.url.replace("//", "//u:p@") + path)],
    ],
    ["a HEAD redirect", (other) => ["HEAD", "/blobs/", redirectTo((path) => other.url + path, 301)]],
    ["an upload start redirect", (other) => ["POST", "/uploads/", redirectTo((path) => other.url + path)]],
    ["an upload location", (other) => ["POST", "/uploads/", elsewhereLocation(other)]],
    ["an upload redirect", (other) => ["PUT", "/uploads/", redirectTo((path) => other.url + path, 308)]],
    ["a manifest upload redirect", (other) => ["PUT", "/manifests/", redirectTo((path) => other.url + path)]],
  ];

  for (const [kind, access] of [
    ["basic", BASIC],
    ["bearer", BEARER],
  ] as const) {
    test.each(elsewhere)(`R1: %s to another origin carries no ${kind} credentials`, async (_name, fault) => {
      const home = await start({ access });
      // The other server asks for credentials as well: its challenge must not be answered with ours.
      const other = await start({ access: BASIC, content: home.content });
      const [method, path, action] = fault(other);
      home.fail({ method, path, action });
      const client = clientWith([[home.host, ME]], { retry: { ...DEFAULT_RETRY, attempts: 1 } });
      await roundTrip(client, home).catch((error: unknown) => {
        if (!isOcibuildError(error)) throw error;
      });
      expect(other.requests.length).toBeGreaterThan(0);
      expect(received(other)).not.toMatch(/canary|authorization|token-/i);
    });
  }

  test("R1: a redirect through another origin back home stays without credentials", async () => {
    const home = await start({ access: BASIC });
    const other = await start();
    putImage(home.content, "team/app", "1");
    home.fail({
      method: "GET",
      path: "/manifests/",
      times: 1,
      after: 1,
      action: redirectTo((path) => other.url + path),
    });
    other.fail({ action: redirectTo((path) => `${home.url}${path}?back`) });
    const source = registrySource(clientWith([[home.host, ME]]), parseReference(`${home.host}/team/app:1`));
    await expect(source.fetchManifest("1")).rejects.toMatchObject({ code: "REGISTRY_UNAUTHORIZED" });
    expect(home.requests.at(-1)?.headers["authorization"]).toBeUndefined();
  });

  test("R1: a mirror gets its own credentials and not those of the registry", async () => {
    const home = await start({ access: BASIC });
    const mirror = await start({
      access: { kind: "basic", users: { mirror: "mirror-password" } },
      content: home.content,
    });
    const client = clientWith(
      [
        [home.host, ME],
        [mirror.host, { kind: "basic", username: "mirror", password: "mirror-password" }],
      ],
      { hosts: registryHosts({ mirrors: [`${home.host}=${mirror.url}`] }) },
    );
    const image = putImage(home.content, "team/app", "1");
    const source = registrySource(client, parseReference(`${home.host}/team/app:1`));
    expect((await source.fetchManifest("1")).bytes.equals(image.manifest)).toBe(true);
    expect(received(mirror)).not.toContain("canary");
    expect(home.requests).toEqual([]);
  });

  test("R1: a token server's redirect elsewhere gets no credentials", async () => {
    const home = await start({ access: BEARER });
    const other = await start();
    home.fail({ server: "token", action: redirectTo((path) => other.url + path) });
    const source = registrySource(clientWith([[home.host, ME]]), parseReference(`${home.host}/team/app:1`));
    await expect(source.fetchManifest("1")).rejects.toSatisfy(isOcibuildError);
    expect(other.requests.length).toBeGreaterThan(0);
    expect(received(other)).not.toMatch(/canary|authorization/);
  });

  function elsewhereLocation(other: TestRegistry): FaultAction {
    return change((reply) => ({
      ...reply,
      headers: {
        ...reply.headers,
        location: String(reply.headers?.["location"]).replace(/^https?:\/\/[^/]+/, other.url),
      },
    }));
  }
});

describe("R3: plain HTTP", () => {
  test("R3: a registry elsewhere that does not speak TLS is not asked in plain HTTP", async () => {
    const registry = await start();
    const source = registrySource(clientWith([]), parseReference(`registry.example:${registry.port}/team/app`));
    const error: unknown = await source.fetchManifest("latest").catch((thrown: unknown) => thrown);
    expect(isOcibuildError(error, "REGISTRY_REQUEST") && error.hint).toContain(
      `--insecure-registry registry.example:${registry.port}`,
    );
    expect(registry.requests).toEqual([]);
    expect(registry.connections).toBe(1);
  });

  test.each(["127.0.0.1", "registry.example"])(
    "R3: a certificate of %s that is not accepted leads to no plain request",
    async (name) => {
      const registry = await start({ tls: selfSignedCertificate([name]) });
      const source = registrySource(clientWith([]), parseReference(`${name}:${registry.port}/team/app`));
      const error: unknown = await source.fetchManifest("latest").catch((thrown: unknown) => thrown);
      expect(isOcibuildError(error, "REGISTRY_REQUEST") && error.hint).toMatch(/certificate was not accepted/);
      expect(registry.requests).toEqual([]);
      expect(registry.connections).toBe(1);
    },
  );

  test("R3: a loopback registry is asked over TLS first, then in plain HTTP, and that is remembered", async () => {
    const registry = await start({ access: BASIC });
    await roundTrip(clientWith([[`localhost:${registry.port}`, ME]]), registry, `localhost:${registry.port}`);
    // One connection was for TLS and never came to a request.
    expect(registry.connections).toBeGreaterThan(1);
    expect(registry.requests.filter(({ path }) => path === "/v2/")).toEqual([]);
  });

  test("R3: a host named as insecure is asked in plain HTTP, but gets no credentials", async () => {
    const registry = await start({ access: BASIC });
    const name = `registry.example:${registry.port}`;
    const hosts = registryHosts({ insecure: [name] });
    const client = clientWith([[name, ME]], { hosts });
    const source = registrySource(client, parseReference(`${name}/team/app:1`));
    await expect(source.fetchManifest("1")).rejects.toMatchObject({ code: "REGISTRY_INSECURE" });
    expect(received(registry)).not.toMatch(/canary|authorization/);
  });

  test("R3: a host named as insecure works with a certificate that is not trusted, then with credentials", async () => {
    const registry = await start({ access: BASIC, tls: selfSignedCertificate() });
    const name = `registry.example:${registry.port}`;
    await roundTrip(clientWith([[name, ME]], { hosts: registryHosts({ insecure: [name] }) }), registry, name);
  });

  test("R3: a realm in plain HTTP elsewhere gets no credentials", async () => {
    const registry = await start({ access: { ...BEARER, realm: "http://auth.example/token" } });
    const source = registrySource(clientWith([[registry.host, ME]]), parseReference(`${registry.host}/team/app:1`));
    await expect(source.fetchManifest("1")).rejects.toMatchObject({ code: "REGISTRY_INSECURE" });
  });

  test("R3: a redirect from https to plain HTTP is not followed", async () => {
    const home = await start({ tls: selfSignedCertificate() });
    const other = await start();
    home.fail({ path: "/manifests/", action: redirectTo((path) => other.url + path) });
    const client = clientWith([], { hosts: registryHosts({ insecure: [home.host] }) });
    const source = registrySource(client, parseReference(`${home.host}/team/app:1`));
    await expect(source.fetchManifest("1")).rejects.toMatchObject({ code: "REGISTRY_PROTOCOL" });
    expect(other.requests).toEqual([]);
  });
});

describe("R4: tokens", () => {
  test("R4: a token that expires before any request is renewed once for it", async () => {
    for (const tokenUses of [1, 2, 3, 4, 5]) {
      const registry = await start({ access: { ...BEARER, tokenUses } });
      await roundTrip(clientWith([[registry.host, ME]]), registry);
    }
  });

  test("R4: a token that is never good enough ends in an error after one renewal", async () => {
    const registry = await start({ access: { ...BEARER, grant: () => undefined } });
    const source = registrySource(clientWith([[registry.host, ME]]), parseReference(`${registry.host}/team/app:1`));
    await expect(source.fetchManifest("1")).rejects.toMatchObject({ code: "REGISTRY_UNAUTHORIZED" });
    expect(registry.requests.filter(({ server }) => server === "token")).toHaveLength(1);
  });

  test.each([
    [undefined, 59_000, 2],
    [undefined, 30_000, 1],
    [300, 270_000, 1],
    [300, 299_000, 2],
    [0, 30_000, 1],
    [-5, 59_000, 2],
  ])(
    "R4: expires_in %s is counted by a monotonic clock: after %d ms there were %d tokens",
    async (expiresIn, passMs, tokens) => {
      const registry = await start({ access: { ...BEARER, ...(expiresIn === undefined ? {} : { expiresIn }) } });
      putImage(registry.content, "team/app", "1");
      const client = clientWith([[registry.host, ME]]);
      const source = registrySource(client, parseReference(`${registry.host}/team/app:1`));
      await source.fetchManifest("1");
      client.fastClock.nowMs += passMs;
      await source.fetchManifest("1");
      expect(registry.requests.filter(({ server }) => server === "token")).toHaveLength(tokens);
    },
  );

  const bad: readonly [string, FaultAction, string][] = [
    ["larger than 64 KiB", reply(`{"token":"${"x".repeat(70_000)}"}`), "LIMIT_EXCEEDED"],
    ["HTML", reply("<html>"), "REGISTRY_PROTOCOL"],
    ["an array", reply("[]"), "REGISTRY_PROTOCOL"],
    ["without a token", reply("{}"), "REGISTRY_PROTOCOL"],
    ["with an empty token", reply('{"token":""}'), "REGISTRY_PROTOCOL"],
    ["with a line break in the token", reply('{"token":"a\\r\\nx: y"}'), "REGISTRY_PROTOCOL"],
    ["with a number as token", reply('{"token":5}'), "REGISTRY_PROTOCOL"],
    ["with status 403", answerStatus(403, {}, "DENIED"), "REGISTRY_UNAUTHORIZED"],
    ["with status 500", answerStatus(500), "REGISTRY_REQUEST"],
  ];
  test.each(bad)("R4: a token reply %s is an error", async (_name, action, code) => {
    const registry = await start({ access: BEARER });
    registry.fail({ server: "token", action });
    const source = registrySource(clientWith([[registry.host, ME]]), parseReference(`${registry.host}/team/app:1`));
    await expect(source.fetchManifest("1")).rejects.toMatchObject({ code });
  });

  test.each([
    ["announces more than it has", lieAboutLength(1000)],
    ["announces less than it has", lieAboutLength(5)],
    ["breaks off", resetAfter(5)],
    ["stalls", stallAfter(5)],
  ])("R7: a token reply that %s is an error", async (_name, action) => {
    const registry = await start({ access: BEARER });
    registry.fail({ server: "token", action });
    const client = clientWith([[registry.host, ME]], { retry: { ...DEFAULT_RETRY, attempts: 1 } });
    const source = registrySource(client, parseReference(`${registry.host}/team/app:1`));
    await expect(source.fetchManifest("1")).rejects.toMatchObject({ code: expect.stringMatching(/^REGISTRY_/) });
  });

  test("R7: a token reply without a length is read to its end", async () => {
    const registry = await start({ access: BEARER });
    registry.fail({ server: "token", action: lieAboutLength(null) });
    await roundTrip(clientWith([[registry.host, ME]]), registry);
  });

  test("R4: a token server that fails once is asked again", async () => {
    const registry = await start({ access: BEARER });
    registry.fail({ server: "token", times: 1, action: answerStatus(503) });
    await roundTrip(clientWith([[registry.host, ME]]), registry);
  });

  test("R4: many requests at once share one token", async () => {
    const registry = await start({ access: BEARER });
    putImage(registry.content, "team/app", "1");
    const source = registrySource(clientWith([[registry.host, ME]]), parseReference(`${registry.host}/team/app:1`));
    await Promise.all(Array.from({ length: 20 }, () => source.fetchManifest("1")));
    expect(registry.requests.filter(({ server }) => server === "token")).toHaveLength(1);
  });

  test.each([
    ["no realm", 'Bearer service="x"'],
    ["a realm that is no URL", 'Bearer realm="nonsense"'],
    ["a realm of another scheme", 'Bearer realm="file:///etc/passwd"'],
    ["a scheme that is not known", "Negotiate"],
    ["nothing at all", ""],
  ])("R4: a challenge with %s is an error", async (_name, challenge) => {
    const registry = await start();
    registry.fail({ path: "/manifests/", action: answerStatus(401, { "www-authenticate": challenge }) });
    const source = registrySource(clientWith([[registry.host, ME]]), parseReference(`${registry.host}/team/app:1`));
    await expect(source.fetchManifest("1")).rejects.toSatisfy(isOcibuildError);
  });

  function reply(text: string): FaultAction {
    return {
      type: "answer",
      reply: () => ({ status: 200, headers: { "content-type": "application/json" }, body: Buffer.from(text) }),
    };
  }
});
