import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import {
  type BuildClient,
  type BuildRequest,
  buildArguments,
  csv,
  findClient,
} from "../../../src/executor/buildkit/client.js";
import { tempFolder } from "../../support/temp-folder.js";

const REQUEST: BuildRequest = {
  folder: "/c",
  layout: "/l",
  images: [{ name: "base", digest: "sha256:ab" }],
  output: "/o,1",
  platform: "linux/arm64",
  network: "none",
  hostname: "h",
  hosts: [{ name: "n", address: "10.0.0.1" }],
  shmSizeBytes: 5,
  ulimits: [{ name: "nofile", soft: 1, hard: 2 }],
  secrets: [{ id: "s", source: "env=S" }],
  agents: [{ id: "a", path: "/a" }],
  allow: ["network.host"],
};
const client = (kind: BuildClient["kind"]): BuildClient => ({ kind, command: [], env: {} });

test("buildx is told all of a RUN", () => {
  expect(buildArguments(client("buildx"), REQUEST)).toEqual([
    "build",
    "--progress=rawjson",
    "--provenance=false",
    "--sbom=false",
    "--platform=linux/arm64",
    "--network=none",
    "--build-arg=BUILDKIT_SANDBOX_HOSTNAME=h",
    "--allow=network.host",
    "--add-host=n:10.0.0.1",
    "--shm-size=5",
    "--ulimit=nofile=1:2",
    "--secret=id=s,env=S",
    "--ssh=a=/a",
    "--build-context=base=oci-layout:///l@sha256:ab",
    '--output=type=oci,tar=false,compression=uncompressed,"dest=/o,1"',
    "--file=/c/Dockerfile",
    "/c",
  ]);
});

test("buildctl is told the same", () => {
  expect(buildArguments(client("buildctl"), REQUEST)).toEqual([
    "build",
    "--progress=rawjson",
    "--frontend=dockerfile.v0",
    "--local=context=/c",
    "--local=dockerfile=/c",
    "--oci-layout=layers=/l",
    "--allow=network.host",
    "--opt=platform=linux/arm64",
    "--opt=force-network-mode=none",
    "--opt=build-arg:BUILDKIT_SANDBOX_HOSTNAME=h",
    "--opt=add-hosts=n=10.0.0.1",
    "--opt=shm-size=5",
    "--opt=ulimit=nofile=1:2",
    "--opt=context:base=oci-layout://layers@sha256:ab",
    "--secret=id=s,env=S",
    "--ssh=a=/a",
    '--output=type=oci,tar=false,compression=uncompressed,"dest=/o,1"',
  ]);
});

test("L1: the client gets of our environment only what says where the builder is", () => {
  const folder = tempFolder();
  for (const name of ["docker", "buildctl"]) {
    writeFileSync(join(folder, name), "");
    chmodSync(join(folder, name), 0o755);
  }
  const env = { PATH: folder, HOME: "/h", DOCKER_HOST: "unix:///s", GITHUB_TOKEN: "secret", LD_PRELOAD: "x" };
  expect(findClient(env)).toEqual({
    kind: "buildx",
    command: [join(folder, "docker"), "buildx"],
    env: { PATH: folder, HOME: "/h", DOCKER_HOST: "unix:///s" },
  });
  expect(findClient({ ...env, BUILDKIT_HOST: "tcp://b" })).toMatchObject({
    kind: "buildctl",
    command: [join(folder, "buildctl")],
  });
  expect(findClient({ ...env, BUILDKIT_HOST: "tcp://b", OCIBUILD_BUILDKIT_TLS_DIR: "/c" })).toMatchObject({
    command: [join(folder, "buildctl"), "--tlsdir=/c"],
    env: { PATH: folder, BUILDKIT_HOST: "tcp://b" },
  });
  expect(findClient({ PATH: "/nowhere" })).toBeUndefined();
});

test("fields with commas and quotes are quoted", () => {
  expect(csv(["a=b", "c=d,e", 'f="'])).toBe('a=b,"c=d,e","f="""');
});
