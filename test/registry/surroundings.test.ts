/** Proxies, certificates, configuration files and CI systems, as a client meets them. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import type { TLSSocket } from "node:tls";
import { afterEach, describe, expect, test } from "vitest";
import { proxiesOf } from "../../src/http/proxy.js";
import { parseReference } from "../../src/oci/reference.js";
import { hostCertificates } from "../../src/registry/certificates.js";
import type { RegistryClientOptions } from "../../src/registry/client.js";
import { staticCredentials } from "../../src/registry/credentials.js";
import { ciCredentials, credentialFiles, environmentCredentials, loginFile } from "../../src/registry/environment.js";
import { homeLocation, pullLocations, registryHosts } from "../../src/registry/hosts.js";
import { registrySource } from "../../src/registry/pull.js";
import { parseRegistriesConf } from "../../src/registry/registries-conf.js";
import { parseRegistriesFile } from "../../src/registry/registries-file.js";
import { registrySettings } from "../../src/registry/settings.js";
import { startRegistry, type TestRegistry, type TestRegistryOptions } from "../../src/testing/registry/registry.js";
import { selfSignedCertificate } from "../support/certificate.js";
import { type HttpProxyOptions, startHttpProxy } from "../support/http-proxy.js";
import { putImage, testClient } from "../support/registry.js";
import { tempFolder } from "../support/temp-folder.js";
import { requireTool } from "../support/tools.js";

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function start(options: TestRegistryOptions = {}): Promise<TestRegistry> {
  const registry = await startRegistry(options);
  cleanups.push(registry.close);
  putImage(registry.content, "team/app", "1");
  return registry;
}

async function pull(reference: string, options: RegistryClientOptions): Promise<string> {
  const client = testClient(options);
  cleanups.push(client.close);
  const { descriptor } = await registrySource(client, parseReference(reference)).fetchManifest("1");
  return descriptor.digest;
}

function write(path: string, text: string): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  return path;
}

describe("proxies", () => {
  const NAME = "registry.example";

  async function behind(
    proxyOptions: HttpProxyOptions,
    tls = true,
    account = "",
  ): Promise<{
    readonly proxy: Awaited<ReturnType<typeof startHttpProxy>>;
    readonly registry: TestRegistry;
    readonly options: RegistryClientOptions;
  }> {
    const certificate = selfSignedCertificate([NAME]);
    const registry = await start({
      access: { kind: "basic", users: { me: "canary-registry" } },
      ...(tls ? { tls: certificate } : {}),
    });
    const proxy = await startHttpProxy({ names: { [NAME]: registry.port }, ...proxyOptions });
    cleanups.push(proxy.close);
    const url = proxy.url.replace("://", `://${account}`);
    const credentials = staticCredentials(
      new Map([[NAME, { kind: "basic", username: "me", password: "canary-registry" }]]),
    );
    const options: RegistryClientOptions = {
      proxy: proxiesOf({ HTTPS_PROXY: url, HTTP_PROXY: url }),
      certificates: async () => ({ authorities: [certificate.cert] }),
      credentials,
    };
    return { proxy, registry, options };
  }

  test("TLS goes through a tunnel, whose end is checked", async () => {
    const { proxy, options } = await behind({});
    expect(await pull(`${NAME}/team/app`, options)).toMatch(/^sha256:/);
    expect(new Set(proxy.requests)).toEqual(new Set([`CONNECT ${NAME}:443`]));
  });

  test("R14: a certificate that is not known is not accepted through a proxy either", async () => {
    const { options } = await behind({});
    const { certificates: _known, ...without } = options;
    await expect(pull(`${NAME}/team/app`, without)).rejects.toMatchObject({
      code: "REGISTRY_REQUEST",
      message: expect.stringContaining("self-signed certificate (through the proxy"),
      hint: expect.stringContaining("certs.d/registry.example"),
    });
  });

  test("R1: each gets its own credentials, the proxy the proxy's and the registry the registry's", async () => {
    const { proxy, registry, options } = await behind({ account: "p:canary-proxy" }, true, "p:canary-proxy@");
    await pull(`${NAME}/team/app`, options);
    expect(
      proxy.authorizations.every((value) => value === `Basic ${Buffer.from("p:canary-proxy").toString("base64")}`),
    ).toBe(true);
    expect(registry.requests.flatMap(({ headers }) => headers["proxy-authorization"] ?? [])).toEqual([]);
    expect(registry.requests.some(({ headers }) => headers.authorization !== undefined)).toBe(true);
  });

  test.each([true, false])(
    "a proxy that wants a password is an error that says so, without it (TLS: %s)",
    async (tls) => {
      const { options } = await behind({ account: "p:other" }, tls, "p:canary-proxy@");
      const { hosts } = testClient();
      const insecure = { ...options, hosts: { ...hosts, insecure: new Set([NAME]) } };
      const error: unknown = await pull(`${NAME}/team/app`, tls ? options : insecure).catch(
        (thrown: unknown) => thrown,
      );
      expect(error).toMatchObject({ code: "REGISTRY_REQUEST", message: expect.stringContaining("status 407") });
      expect(String(error) + JSON.stringify(error)).not.toContain("canary");
    },
  );

  test.each([502, 503])("R5: a proxy that answers %d is tried again", async (status) => {
    const { proxy, options } = await behind({ status });
    await expect(pull(`${NAME}/team/app`, options)).rejects.toMatchObject({
      code: "REGISTRY_REQUEST",
      message: expect.stringContaining(`the proxy answered with status ${status}`),
    });
    expect(proxy.requests).toHaveLength(4);
  });

  test("plain HTTP is asked for by its whole URL", async () => {
    const { proxy, options } = await behind({}, false);
    const { credentials: _canary, ...rest } = options;
    const { hosts } = testClient();
    const open = await start();
    const other = await startHttpProxy({ names: { "plain.example": open.port } });
    cleanups.push(other.close);
    expect(
      await pull("plain.example/team/app", {
        ...rest,
        hosts: { ...hosts, insecure: new Set(["plain.example"]) },
        proxy: proxiesOf({ HTTP_PROXY: other.url }),
        lookup: (_host, _options, callback) => callback(Object.assign(new Error("no"), { code: "ECONNREFUSED" }), ""),
      }),
    ).toMatch(/^sha256:/);
    expect(other.requests[0]).toMatch(/^GET http:\/\/plain\.example\/v2\//);
    expect(proxy.requests).toEqual([]);
  });

  test("this machine is not asked for through a proxy", async () => {
    const { proxy, registry, options } = await behind({}, false);
    const { credentials: _canary, ...rest } = options;
    await expect(pull(`${registry.host}/team/app`, rest)).rejects.toMatchObject({ code: "REGISTRY_UNAUTHORIZED" });
    expect(proxy.requests).toEqual([]);
  });
});

describe.runIf(requireTool("openssl"))("R14: certificates", () => {
  /** An authority, a server's certificate and a client's, made by openssl. */
  function authority(): Readonly<Record<"ca" | "serverKey" | "server" | "clientKey" | "client" | "expired", string>> {
    const folder = tempFolder();
    const run = (...args: readonly string[]): void => {
      execFileSync("openssl", args, { cwd: folder, stdio: ["ignore", "ignore", "pipe"] });
    };
    const ec = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    run("req", "-x509", ...ec, "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=test authority", "-days", "2");
    writeFileSync(join(folder, "san"), "subjectAltName=DNS:localhost,IP:127.0.0.1");
    for (const name of ["server", "client"]) {
      run("req", "-new", ...ec, "-keyout", `${name}.key`, "-out", `${name}.csr`, "-subj", `/CN=${name}`);
      run(
        "x509",
        "-req",
        "-in",
        `${name}.csr`,
        "-CA",
        "ca.crt",
        "-CAkey",
        "ca.key",
        "-CAcreateserial",
        "-out",
        `${name}.crt`,
        "-days",
        "1",
        "-extfile",
        "san",
      );
    }
    run(
      "x509",
      "-req",
      "-in",
      "server.csr",
      "-CA",
      "ca.crt",
      "-CAkey",
      "ca.key",
      "-CAcreateserial",
      "-out",
      "expired.crt",
      "-days",
      "-1",
      "-extfile",
      "san",
    );
    const text = (name: string): string => readFileSync(join(folder, name), "utf8");
    return {
      ca: text("ca.crt"),
      serverKey: text("server.key"),
      server: text("server.crt"),
      clientKey: text("client.key"),
      client: text("client.crt"),
      expired: text("expired.crt"),
    };
  }

  async function setUp(
    demandsClient = false,
    certificate: "server" | "expired" = "server",
  ): Promise<{
    readonly pem: ReturnType<typeof authority>;
    readonly registry: TestRegistry;
    readonly home: string;
    readonly options: () => RegistryClientOptions;
    readonly folder: string;
  }> {
    const pem = authority();
    const tls = { key: pem.serverKey, cert: pem[certificate], ...(demandsClient ? { clientAuthority: pem.ca } : {}) };
    const registry = await start({ tls });
    const home = tempFolder();
    const folder = join(home, ".config", "containers", "certs.d", registry.host);
    const options = (): RegistryClientOptions => ({
      certificates: hostCertificates({ env: {}, homeDir: home, systemDir: home }),
      retry: { attempts: 1, baseDelayMs: 1, maxDelayMs: 1, maxRetryAfterMs: 1 },
    });
    return { pem, registry, home, options, folder };
  }

  test.each([
    [".config/containers/certs.d", "ca.crt"],
    [".config/docker/certs.d", "any-name.crt"],
    ["etc/containers/certs.d", "ca.crt"],
    ["etc/docker/certs.d", "ca.crt"],
  ])("R14: an authority in %s counts for its host", async (folder, name) => {
    const { pem, registry, home, options } = await setUp();
    await expect(pull(`${registry.host}/team/app`, options())).rejects.toMatchObject({
      code: "REGISTRY_REQUEST",
      hint: expect.stringContaining(`certs.d/${registry.host}/ca.crt`),
    });
    write(join(home, folder, registry.host, name), pem.ca);
    expect(await pull(`${registry.host}/team/app`, options())).toMatch(/^sha256:/);
    // And for no other: the same server under another name.
    await expect(pull(`localhost:${registry.port}/team/app`, options())).rejects.toMatchObject({
      code: "REGISTRY_REQUEST",
    });
  });

  test("R14: registries.json names them, too", async () => {
    const { pem, registry, home } = await setUp(true);
    write(join(home, "pem", "ca.pem"), pem.ca);
    write(join(home, "pem", "me.pem"), pem.client);
    write(join(home, "pem", "me.key"), pem.clientKey);
    const config = { [registry.host]: { ca: "pem/ca.pem", cert: "pem/me.pem", key: "pem/me.key" } };
    const env = { OCIBUILD_REGISTRIES: write(join(home, "registries.json"), JSON.stringify(config)) };
    const settings = await registrySettings({ env, homeDir: home, systemDir: home });
    expect(await pull(`${registry.host}/team/app`, settings)).toMatch(/^sha256:/);
  });

  test("R14: a client's certificate is shown to the host that it is for", async () => {
    const { pem, registry, options, folder } = await setUp(true);
    write(join(folder, "ca.crt"), pem.ca);
    await expect(pull(`${registry.host}/team/app`, options())).rejects.toMatchObject({ code: "REGISTRY_REQUEST" });
    write(join(folder, "client.cert"), pem.client);
    write(join(folder, "client.key"), pem.clientKey);
    expect(await pull(`${registry.host}/team/app`, options())).toMatch(/^sha256:/);
  });

  test("R14: an expired certificate, and one for another host, are not accepted although the authority is known", async () => {
    for (const certificate of ["expired", "server"] as const) {
      const { pem, registry, home, options } = await setUp(false, certificate);
      const name = certificate === "expired" ? registry.host : `other.example:${registry.port}`;
      write(join(home, "etc", "docker", "certs.d", name, "ca.crt"), pem.ca);
      await expect(pull(`${name}/team/app`, options())).rejects.toMatchObject({
        code: "REGISTRY_REQUEST",
        message: expect.stringMatching(certificate === "expired" ? /expired/ : /does not match|altnames/),
      });
      expect(registry.requests).toEqual([]);
    }
  });

  test.each<[string, readonly string[]]>([
    ["a key without its certificate", ["client.key"]],
    ["a certificate without its key", ["client.cert"]],
    ["an authority that is no PEM", ["bad.crt"]],
    ["a key that is not the certificate's", ["client.cert", "wrong.key"]],
  ])("R14: %s is an error that names the file, and shows no key", async (_name, files) => {
    const { pem, registry, options, folder } = await setUp(true);
    const contents: Record<string, string> = {
      "client.key": pem.clientKey,
      "client.cert": pem.client,
      "bad.crt": "nothing",
      "wrong.key": pem.serverKey,
    };
    for (const file of files) write(join(folder, file === "wrong.key" ? "client.key" : file), contents[file]!);
    const error: unknown = await pull(`${registry.host}/team/app`, options()).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "OPTIONS_INVALID", message: expect.stringContaining(folder) });
    expect(String(error) + JSON.stringify(error)).not.toContain("PRIVATE");
  });

  test("R14: a registry's authority counts for the token server that it names, its client's certificate does not", async () => {
    const { pem, folder, home } = await setUp();
    const shown: boolean[] = [];
    const tokens = createServer(
      { key: pem.serverKey, cert: pem.server, ca: pem.ca, requestCert: true, rejectUnauthorized: false },
      (request, response) => {
        shown.push((request.socket as TLSSocket).getPeerCertificate().subject !== undefined);
        response.end(JSON.stringify({ token: "t" }));
      },
    );
    await new Promise<void>((resolve) => tokens.listen(0, "127.0.0.1", resolve));
    cleanups.push(async () => {
      tokens.closeAllConnections();
      await new Promise((resolve) => tokens.close(resolve));
    });
    const realm = `https://127.0.0.1:${(tokens.address() as AddressInfo).port}/token`;
    const access = { kind: "bearer", users: {}, realm } as const;
    const guarded = await start({ tls: { key: pem.serverKey, cert: pem.server, clientAuthority: pem.ca }, access });
    const place = join(dirname(folder), guarded.host);
    write(join(place, "ca.crt"), pem.ca);
    write(join(place, "me.cert"), pem.client);
    write(join(place, "me.key"), pem.clientKey);
    const certificates = hostCertificates({ env: {}, homeDir: home, systemDir: home });
    // The token is not one of the registry's: it refuses it, after it was fetched.
    await expect(pull(`${guarded.host}/team/app`, { certificates })).rejects.toMatchObject({
      code: "REGISTRY_UNAUTHORIZED",
    });
    expect(shown).toEqual([false]);
  });

  test("R14: certificates of insecure hosts are not checked, of all others they are", async () => {
    const { registry, home } = await setUp();
    const settings = await registrySettings({ env: {}, homeDir: home, systemDir: home }, { insecure: [registry.host] });
    expect(await pull(`${registry.host}/team/app`, settings)).toMatch(/^sha256:/);
    await expect(pull(`localhost:${registry.port}/team/app`, settings)).rejects.toMatchObject({
      code: "REGISTRY_REQUEST",
    });
  });
});

describe("R14: what is not protected is said", () => {
  const NAME = "registry.example";
  const lookup: NonNullable<RegistryClientOptions["lookup"]> = (_host, options, done) => {
    if (options.all === true) done(null, [{ address: "127.0.0.1", family: 4 }]);
    else done(null, "127.0.0.1", 4);
  };
  /** The warnings of two pulls from `host` with one client. */
  async function warningsOf(host: string, options: RegistryClientOptions): Promise<readonly string[]> {
    const warnings: string[] = [];
    const client = testClient({ ...options, lookup, onWarning: (message) => warnings.push(message) });
    cleanups.push(client.close);
    const source = registrySource(client, parseReference(`${host}/team/app`));
    for (let time = 0; time < 2; time++) await source.fetchManifest("1");
    return warnings;
  }

  test("once for a host that speaks plain HTTP, unless it is this machine", async () => {
    const { port } = await start();
    const host = `${NAME}:${port}`;
    expect(await warningsOf(host, { hosts: registryHosts({ insecure: [host] }) })).toEqual([
      `"${host}" speaks plain HTTP: whoever is between can read and change what is sent`,
    ]);
    expect(await warningsOf(`localhost:${port}`, {})).toEqual([]);
  });

  test("once for a host whose certificates are not checked, and for no other", async () => {
    const certificate = selfSignedCertificate([NAME]);
    const { port } = await start({ tls: certificate });
    const host = `${NAME}:${port}`;
    expect(await warningsOf(host, { hosts: registryHosts({ insecure: [host] }) })).toEqual([
      `certificates of "${host}" are not checked: whoever is between can read and change what is sent`,
    ]);
    expect(await warningsOf(host, { certificates: async () => ({ authorities: [certificate.cert] }) })).toEqual([]);
  });
});

describe("registries.conf", () => {
  const CONF = `
unqualified-search-registries = ["docker.io"]
[[registry]]
prefix = "r.example/team"
location = "internal.example:5000/mirrored"
[[registry.mirror]]
location = "first.example/m"
[[registry.mirror]]
location = "second.example"
pull-from-mirror = "digest-only"
insecure = true
[[registry]]
location = "bad.example"
blocked = true
[[registry]]
prefix = "*.lab.example"
insecure = true
[[registry]]
prefix = "docker.io"
mirror-by-digest-only = true
[[registry.mirror]]
location = "hub.example"
`;
  const hosts = async (text = CONF): Promise<Parameters<typeof pullLocations>[0]> => ({
    mirrors: new Map(),
    insecure: new Set(),
    rules: [await parseRegistriesConf("registries.conf", text)],
  });
  const places = async (reference: string): Promise<string[]> =>
    pullLocations(await hosts(), parseReference(reference)).map(
      ({ endpoint, repository }) => `${endpoint.origins.map(({ origin }) => origin).join("|")} ${repository}`,
    );
  const digest = `sha256:${"0".repeat(64)}`;

  test("mirrors are asked first, and the prefix becomes the location", async () => {
    expect(await places("r.example/team/app:1")).toEqual([
      "https://first.example m/app",
      "https://internal.example:5000 mirrored/app",
    ]);
    expect(await places(`r.example/team/app@${digest}`)).toEqual([
      "https://first.example m/app",
      "https://second.example|http://second.example app",
      "https://internal.example:5000 mirrored/app",
    ]);
    expect(await places("r.example/teamwork/app:1")).toEqual(["https://r.example teamwork/app"]);
    expect(await places(`busybox@${digest}`)).toEqual([
      "https://hub.example library/busybox",
      "https://registry-1.docker.io library/busybox",
    ]);
    expect(await places("busybox")).toEqual(["https://registry-1.docker.io library/busybox"]);
  });

  test("what is pushed goes to the location, and not to mirrors", async () => {
    const location = homeLocation(await hosts(), parseReference("r.example/team/app:1"));
    expect(location).toMatchObject({
      repository: "mirrored/app",
      endpoint: { credentialHost: "internal.example:5000" },
    });
  });

  test("a blocked registry is an error before anything is asked", async () => {
    await expect(places("bad.example/x")).rejects.toMatchObject({
      code: "REGISTRY_BLOCKED",
      details: { prefix: "bad.example", file: "registries.conf" },
    });
  });

  test("R3: an insecure domain may be asked over plain HTTP, and nothing beside it", async () => {
    expect(await places("a.lab.example/x:1")).toEqual(["https://a.lab.example|http://a.lab.example x"]);
    expect(await places("a.lab.example:5000/x:1")).toEqual(["https://a.lab.example:5000|http://a.lab.example:5000 x"]);
    expect(await places("lab.example/x:1")).toEqual(["https://lab.example x"]);
    expect(await places("evillab.example/x:1")).toEqual(["https://evillab.example x"]);
  });

  test.each([
    ["no TOML", "[[registry]]\nlocation ="],
    ["a scheme", '[[registry]]\nlocation = "https://a.example"'],
    ["no prefix", "[[registry]]\ninsecure = true"],
    ["a wrong type", '[[registry]]\nlocation = "a.example"\ninsecure = "yes"'],
    [
      "another word for pull-from-mirror",
      '[[registry]]\nlocation="a.b"\n[[registry.mirror]]\nlocation="c.d"\npull-from-mirror="some"',
    ],
    ["version 1", "[registries.insecure]\nregistries = ['a.example']"],
  ])("%s is OPTIONS_INVALID with the file's name", async (_name, text) => {
    await expect(parseRegistriesConf("/x/registries.conf", text)).rejects.toMatchObject({
      code: "OPTIONS_INVALID",
      message: expect.stringContaining("/x/registries.conf"),
    });
  });

  test("the user's file comes in the place of the system's, single files add and replace", async () => {
    const root = tempFolder();
    const home = join(root, "home");
    const entry = (prefix: string, location: string): string =>
      `[[registry]]\nprefix = "${prefix}"\nlocation = "${location}"\n`;
    write(join(root, "etc/containers/registries.conf"), entry("a.example", "system.example"));
    write(join(root, "etc/containers/registries.conf.d/1.conf"), entry("b.example", "system-b.example"));
    write(join(root, "etc/containers/registries.conf.d/ignored.txt"), "[[registry");
    const environment = { env: {}, homeDir: home, systemDir: root };
    const where = async (registry: string, env = {}): Promise<string> => {
      const settings = await registrySettings({ ...environment, env });
      return homeLocation(settings.hosts, { registry, repository: "x" }).endpoint.credentialHost;
    };
    expect([await where("a.example"), await where("b.example")]).toEqual(["system.example", "system-b.example"]);
    write(join(home, ".config/containers/registries.conf"), entry("c.example", "user.example"));
    write(join(home, ".config/containers/registries.conf.d/2.conf"), entry("b.example", "user-b.example"));
    expect(await where("a.example")).toBe("a.example");
    expect([await where("c.example"), await where("b.example")]).toEqual(["user.example", "user-b.example"]);
    const explicit = write(join(root, "mine.conf"), entry("a.example", "mine.example"));
    expect(await where("a.example", { CONTAINERS_REGISTRIES_CONF: explicit })).toBe("mine.example");
    // Our own file comes before.
    write(join(home, ".config/ocibuild/registries.json"), JSON.stringify({ "b.example": { location: "own.example" } }));
    expect(await where("b.example")).toBe("own.example");
  });
});

describe("registries.json", () => {
  test.each([
    ["no JSON", "{"],
    ["an unknown word", '{"a.example": {"miror": []}}'],
    ["no host", '{"a b": {}}'],
    ["a mirror with a password", '{"a.example": {"mirrors": ["https://u:p@m.example"]}}'],
    ["a key without a certificate", '{"a.example": {"key": "k"}}'],
    ["certificates of a part", '{"a.example/x": {"ca": "c"}}'],
    ["a location with a scheme", '{"a.example": {"location": "https://b.example"}}'],
  ])("%s is OPTIONS_INVALID with the file's name", async (_name, text) => {
    await expect(parseRegistriesFile("/x/registries.json", text)).rejects.toMatchObject({
      code: "OPTIONS_INVALID",
      message: expect.stringContaining("/x/registries.json"),
    });
  });

  test("a mirror is used, R3: one over plain HTTP on another machine needs a word", async () => {
    const { rules } = await parseRegistriesFile(
      "x.json",
      JSON.stringify({
        "docker.io": { mirrors: ["http://127.0.0.1:5000/hub"] },
        "q.example": { mirrors: ["http://10.0.0.1"] },
      }),
    );
    const hosts = { mirrors: new Map(), insecure: new Set<string>(), rules: [rules] };
    const [first] = pullLocations(hosts, parseReference("busybox"));
    expect(first).toMatchObject({ repository: "hub/library/busybox", endpoint: { mirror: true } });
    expect(() => pullLocations(hosts, parseReference("q.example/x"))).toThrow(
      expect.objectContaining({ code: "REGISTRY_INSECURE" }),
    );
  });

  test("a file that the variable names must be there", async () => {
    const environment = {
      env: { OCIBUILD_REGISTRIES: "/not/there.json" },
      homeDir: tempFolder(),
      systemDir: tempFolder(),
    };
    await expect(registrySettings(environment)).rejects.toMatchObject({ code: "OPTIONS_INVALID" });
  });
});

describe("credentials of the surroundings", () => {
  test("come from these files, in this order", () => {
    const paths = (env: Record<string, string>, uid?: number): string[] =>
      credentialFiles({ env, homeDir: "/home/me", ...(uid === undefined ? {} : { uid }) }).map(({ path }) => path);
    expect(paths({})).toEqual(["/home/me/.docker/config.json", "/home/me/.config/containers/auth.json"]);
    expect(paths({}, 1000)[1]).toBe("/run/containers/1000/auth.json");
    const env = {
      REGISTRY_AUTH_FILE: "/a.json",
      DOCKER_CONFIG: "/d",
      XDG_RUNTIME_DIR: "/run/u",
      XDG_CONFIG_HOME: "/c",
    };
    expect(paths(env, 1000)).toEqual([
      "/a.json",
      "/d/config.json",
      "/run/u/containers/auth.json",
      "/c/containers/auth.json",
    ]);
    expect(loginFile({ env, homeDir: "/home/me" })).toEqual({ path: "/a.json", style: "containers" });
    expect(loginFile({ env: {}, homeDir: "/home/me" }).style).toBe("docker");
  });

  test("the first that knows the registry decides; CI's come last", async () => {
    const home = tempFolder();
    const auth = (user: string): object => ({ auth: Buffer.from(`${user}:x`).toString("base64") });
    write(join(home, ".docker/config.json"), JSON.stringify({ auths: { "a.example": auth("docker") } }));
    write(
      join(home, ".config/containers/auth.json"),
      JSON.stringify({ auths: { "a.example": auth("podman"), "b.example": auth("podman") } }),
    );
    const env = {
      DOCKER_AUTH_CONFIG: JSON.stringify({ auths: { "c.example": auth("variable") } }),
      GITLAB_CI: "true",
      CI_REGISTRY: "b.example",
      CI_JOB_TOKEN: "t",
    };
    const store = environmentCredentials({ env, homeDir: home });
    const user = async (registry: string): Promise<unknown> =>
      ((await store.get(registry)) as { username?: string })?.username;
    expect([
      await user("a.example"),
      await user("b.example"),
      await user("c.example"),
      await user("d.example"),
    ]).toEqual(["docker", "podman", "variable", undefined]);
  });

  test("R13: a broken DOCKER_AUTH_CONFIG is an error, and its text is not shown", async () => {
    const store = environmentCredentials({ env: { DOCKER_AUTH_CONFIG: "{canary" }, homeDir: tempFolder() });
    const error: unknown = await store.get("a.example").catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "REGISTRY_CREDENTIALS" });
    expect(String(error) + JSON.stringify(error)).not.toContain("canary");
  });

  test.each<[string, Record<string, string>, string, unknown]>([
    [
      "GitHub",
      { GITHUB_ACTIONS: "true", GITHUB_ACTOR: "me", GITHUB_TOKEN: "t" },
      "ghcr.io",
      { username: "me", password: "t" },
    ],
    ["no GitHub job", { GITHUB_ACTOR: "me", GITHUB_TOKEN: "t" }, "ghcr.io", undefined],
    [
      "another GitHub",
      { GITHUB_ACTIONS: "true", GITHUB_SERVER_URL: "https://git.example", GITHUB_ACTOR: "me", GITHUB_TOKEN: "t" },
      "ghcr.io",
      undefined,
    ],
    [
      "GitLab's job token",
      { GITLAB_CI: "true", CI_REGISTRY: "r.example:5050", CI_JOB_TOKEN: "t" },
      "r.example:5050",
      { username: "gitlab-ci-token", password: "t" },
    ],
    [
      "GitLab's password",
      {
        GITLAB_CI: "true",
        CI_REGISTRY: "r.example",
        CI_JOB_TOKEN: "t",
        CI_REGISTRY_USER: "u",
        CI_REGISTRY_PASSWORD: "p",
      },
      "R.example",
      { username: "u", password: "p" },
    ],
    [
      "GitLab's proxy",
      {
        GITLAB_CI: "true",
        CI_DEPENDENCY_PROXY_SERVER: "g.example:443",
        CI_DEPENDENCY_PROXY_USER: "u",
        CI_DEPENDENCY_PROXY_PASSWORD: "p",
      },
      "g.example:443",
      { username: "u", password: "p" },
    ],
    [
      "another registry",
      { GITLAB_CI: "true", CI_REGISTRY: "r.example", CI_JOB_TOKEN: "t" },
      "other.example",
      undefined,
    ],
  ])("%s", async (_name, env, registry, expected) => {
    const known = await ciCredentials(env).get(registry);
    expect(known).toEqual(expected === undefined ? undefined : { kind: "basic", ...(expected as object) });
  });
});
