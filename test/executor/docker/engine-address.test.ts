import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { engineAddress, usualSockets } from "../../../src/executor/docker/engine-address.js";
import { tempFolder } from "../../support/temp-folder.js";

describe("DOCKER_HOST", () => {
  test("names a socket or an address, with Docker's ports where it names none", () => {
    const peer = (DOCKER_HOST: string, more = {}) => engineAddress({ DOCKER_HOST, ...more })?.peer;
    expect(peer("unix:///a/b.sock")).toEqual({ origin: "http://engine", socketPath: "/a/b.sock" });
    expect(peer("npipe:////./pipe/docker_engine")?.socketPath).toBe("\\\\.\\pipe\\docker_engine");
    expect(peer("tcp://10.0.0.1:1234")).toEqual({ origin: "http://10.0.0.1:1234" });
    expect(peer("tcp://host")).toEqual({ origin: "http://host:2375" });
    expect(peer("tcp://[::1]:80")).toEqual({ origin: "http://[::1]" });
  });

  test("goes over TLS, with the files of the certificate folder, where that is asked for", () => {
    const folder = tempFolder();
    for (const name of ["ca", "cert", "key"]) writeFileSync(join(folder, `${name}.pem`), name);
    const env = { DOCKER_HOST: "tcp://host", DOCKER_TLS_VERIFY: "1", DOCKER_CERT_PATH: folder };
    const [ca, cert, key] = ["ca", "cert", "key"].map((name) => Buffer.from(name));
    expect(engineAddress(env)?.peer).toEqual({ origin: "https://host:2376", tls: { verify: true, ca, cert, key } });
    const unverified = { ...env, DOCKER_TLS_VERIFY: "", DOCKER_TLS: "1" };
    expect(engineAddress(unverified)?.peer.tls?.verify).toBe(false);
  });

  test.each(["ssh://host", "tcp://", "tcp://host/path", "http://host", "/var/run/docker.sock"])(
    "%s is refused, with words that name it",
    (DOCKER_HOST) => {
      expect(() => engineAddress({ DOCKER_HOST })).toThrow(
        expect.objectContaining({ code: "EXECUTOR_FAILED", message: expect.stringContaining(DOCKER_HOST) }),
      );
    },
  );
});

describe("without DOCKER_HOST", () => {
  test("the context of the docker client says where the engine is", () => {
    const config = tempFolder();
    const id = createHash("sha256").update("far").digest("hex");
    const meta = join(config, "contexts", "meta", id);
    mkdirSync(meta, { recursive: true });
    writeFileSync(join(meta, "meta.json"), '{"Name":"far","Endpoints":{"docker":{"Host":"tcp://far:5"}}}');
    expect(engineAddress({ DOCKER_CONFIG: config, DOCKER_CONTEXT: "far" })?.peer.origin).toBe("http://far:5");
    writeFileSync(join(config, "config.json"), '{"currentContext":"far"}');
    expect(engineAddress({ DOCKER_CONFIG: config })?.peer.origin).toBe("http://far:5");
    expect(() => engineAddress({ DOCKER_CONFIG: config, DOCKER_CONTEXT: "gone" })).toThrow('"gone" is not there');
  });

  test("sockets are looked for, Docker's before Podman's", () => {
    expect(usualSockets({ HOME: "/h", XDG_RUNTIME_DIR: "/r" })).toEqual([
      "/var/run/docker.sock",
      "/h/.docker/run/docker.sock",
      "/r/docker.sock",
      "/r/podman/podman.sock",
      "/run/podman/podman.sock",
    ]);
  });
});
