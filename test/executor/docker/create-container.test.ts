import { expect, test } from "vitest";
import type { RunSpec } from "../../../src/executor/contract.js";
import { dockerConfig, podmanConfig } from "../../../src/executor/docker/create-container.js";

const SPEC: RunSpec = {
  rootfs: { chainId: null, layers: [] },
  platform: { os: "linux", architecture: "amd64" },
  args: ["/bin/sh", "-c", "true"],
  env: [],
  cwd: "/w",
  user: { uid: 1, gid: 2, additionalGids: [3, 4] },
  mounts: [],
  network: "none",
  security: "insecure",
  hostname: "h",
  hosts: [{ name: "n", address: "::1" }],
  shmSizeBytes: 5,
  ulimits: [{ name: "nofile", soft: 6, hard: -1 }],
  changesetLimitBytes: 0,
};
const OPTIONS = {
  spec: SPEC,
  cwd: "/real/w",
  args: SPEC.args,
  env: ["A=b=c", "EMPTY="],
  image: "i",
  mounts: {
    binds: [{ source: "/s", target: "/t", readOnly: true }],
    tmpfs: [{ target: "/m", options: "rw,size=7" }],
  },
};

test("all that a RUN asks for is in Docker's words", () => {
  expect(dockerConfig(OPTIONS)).toMatchObject({
    Image: "i",
    Entrypoint: ["/bin/sh", "-c", "true"],
    Env: ["A=b=c", "EMPTY=", "HOSTNAME"],
    WorkingDir: "/w",
    User: "1:2",
    Hostname: "h",
    HostConfig: {
      NetworkMode: "none",
      GroupAdd: ["3", "4"],
      ExtraHosts: ["h:127.0.0.1", "n:::1"],
      Privileged: true,
      Ulimits: [{ Name: "nofile", Soft: 6, Hard: -1 }],
      ShmSize: 5,
      LogConfig: { Type: "none" },
      Mounts: [{ Type: "bind", Source: "/s", Target: "/t", ReadOnly: true }],
      Tmpfs: { "/m": "rw,size=7" },
    },
  });
});

test("all that a RUN asks for is in Podman's words", () => {
  expect(podmanConfig(OPTIONS)).toMatchObject({
    image: "i",
    entrypoint: ["/bin/sh", "-c", "true"],
    env: { A: "b=c", EMPTY: "" },
    unsetenvall: true,
    manage_password: false,
    work_dir: "/real/w",
    user: "1:2",
    groups: ["3", "4"],
    hostname: "h",
    use_image_hosts: true,
    privileged: true,
    netns: { nsmode: "none" },
    r_limits: [{ type: "nofile", soft: 6, hard: Number.MAX_SAFE_INTEGER }],
    shm_size: 5,
    mounts: [
      { type: "bind", source: "/s", destination: "/t", options: ["ro"] },
      { type: "tmpfs", source: "tmpfs", destination: "/m", options: ["rw", "size=7", "notmpcopyup"] },
    ],
  });
});
