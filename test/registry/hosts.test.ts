import { describe, expect, test } from "vitest";
import { isLoopback, redactUrl } from "../../src/http/address.js";
import { formatReference, parseReference } from "../../src/oci/reference.js";
import { homeEndpoint, mirroredNames, pullLocations, registryHosts } from "../../src/registry/hosts.js";

function origins(registry: string, options: Parameters<typeof registryHosts>[0] = {}): string[] {
  return homeEndpoint(registryHosts(options), registry).origins.map((url) => url.origin);
}

describe("homeEndpoint", () => {
  test("Docker Hub has another host for its API but keeps its name for credentials", () => {
    const endpoint = homeEndpoint(registryHosts(), "docker.io");
    expect(endpoint.origins.map(String)).toEqual(["https://registry-1.docker.io/"]);
    expect(endpoint.credentialHost).toBe("docker.io");
  });

  test("R3: only this machine and hosts named as insecure may be asked over plain HTTP, and TLS is tried first", () => {
    expect(origins("r.example:5000")).toEqual(["https://r.example:5000"]);
    expect(origins("10.0.0.1:5000")).toEqual(["https://10.0.0.1:5000"]);
    for (const host of ["localhost:5000", "127.0.0.1:5000", "127.8.9.1", "[::1]:5000"]) {
      expect(origins(host)).toEqual([`https://${host}`, `http://${host}`]);
    }
    expect(origins("R.example:5000", { insecure: ["r.Example:5000"] })).toEqual([
      "https://r.example:5000",
      "http://r.example:5000",
    ]);
    expect(origins("r.example:5001", { insecure: ["r.example:5000", "r.example"] })).toEqual([
      "https://r.example:5001",
    ]);
  });

  test("what cannot be a host is refused", () => {
    expect(() => homeEndpoint(registryHosts(), "")).toThrow(expect.objectContaining({ code: "REFERENCE_INVALID" }));
    expect(() => homeEndpoint(registryHosts(), "a:99999")).toThrow(
      expect.objectContaining({ code: "REFERENCE_INVALID" }),
    );
  });
});

describe("mirrors", () => {
  function summary(registry: string, options: Parameters<typeof registryHosts>[0]): unknown[] {
    const reference = parseReference(`${registry}/team/app`);
    return pullLocations(registryHosts(options), reference).map(({ endpoint, repository }) => [
      endpoint.origins.map((url) => url.origin).join(" "),
      repository.replace("team/app", ""),
      endpoint.credentialHost,
      endpoint.mirror,
    ]);
  }

  test("have an image under their own host and path", () => {
    const hosts = registryHosts({ mirrors: ["docker.io=http://127.0.0.1:5000", "docker.io=m.example/hub"] });
    expect(mirroredNames(hosts, parseReference("node:7")).map(formatReference)).toEqual([
      "127.0.0.1:5000/library/node:7",
      "m.example/hub/library/node:7",
      "docker.io/library/node:7",
    ]);
    expect(mirroredNames(hosts, parseReference("quay.io/x")).map(formatReference)).toEqual(["quay.io/x:latest"]);
  });

  test("are asked in their order, before the registry, with their own credentials", () => {
    expect(
      summary("docker.io", {
        mirrors: ["docker.io=http://127.0.0.1:5000", "docker.io=https://m.example/hub/", "quay.io=x.example"],
      }),
    ).toEqual([
      ["http://127.0.0.1:5000", "", "127.0.0.1:5000", true],
      ["https://m.example", "hub/", "m.example", true],
      ["https://registry-1.docker.io", "", "docker.io", false],
    ]);
  });

  test("without a scheme are reached like a registry of that name", () => {
    expect(summary("quay.io", { mirrors: ["quay.io=localhost:5000/q"] })[0]).toEqual([
      "https://localhost:5000 http://localhost:5000",
      "q/",
      "localhost:5000",
      true,
    ]);
  });

  test("R3: over plain HTTP on another machine need a word", () => {
    const mirrors = ["docker.io=http://10.0.0.1:5000"];
    expect(() => pullLocations(registryHosts({ mirrors }), parseReference("busybox"))).toThrow(
      expect.objectContaining({ code: "REGISTRY_INSECURE" }),
    );
    expect(summary("docker.io", { mirrors, insecure: ["10.0.0.1:5000"] })[0]).toEqual([
      "http://10.0.0.1:5000",
      "",
      "10.0.0.1:5000",
      true,
    ]);
  });

  test.each([
    "docker.io",
    "=http://a",
    "docker.io=",
    "docker.io=ftp://a",
    "docker.io=http://u:p@a",
    "docker.io=http://a?x=1",
    "docker.io=http://a/../b",
    "docker.io=http://a/%2e%2e/b",
    "a/b=http://c",
  ])("%j is refused", (text) => {
    expect(() => registryHosts({ mirrors: [text] })).toThrow(expect.objectContaining({ code: "OPTIONS_INVALID" }));
  });

  test.each(["http://a", "a/b", "", "a@b", "a b"])("insecure host %j is refused", (text) => {
    expect(() => registryHosts({ insecure: [text] })).toThrow(expect.objectContaining({ code: "OPTIONS_INVALID" }));
  });
});

describe("addresses", () => {
  test("loopback is recognised in every spelling and nothing else is", () => {
    for (const host of ["localhost", "127.0.0.1", "127.255.255.254", "[::1]", "2130706433", "0x7f.1", "LOCALHOST"]) {
      expect([host, isLoopback(new URL(`http://${host}/`))]).toEqual([host, true]);
    }
    for (const host of [
      "127.0.0.1.example",
      "localhost.example",
      "0.0.0.0",
      "[::ffff:127.0.0.1]",
      "10.0.0.1",
      "128.0.0.1",
    ]) {
      expect([host, isLoopback(new URL(`http://${host}/`))]).toEqual([host, false]);
    }
  });

  test("L5: shown URLs have no credentials and no signatures", () => {
    const url = new URL("https://user:secret@cdn.example/b?digest=sha256:1&X-Amz-Signature=secret&sig=secret#secret");
    expect(redactUrl(url)).toBe("https://cdn.example/b?digest=sha256:1&X-Amz-Signature=…&sig=…");
  });
});
