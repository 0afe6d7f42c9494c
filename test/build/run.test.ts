import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import type { Lack } from "../../src/executor/contract.js";
import {
  type BuildEvent,
  type BuildOptions,
  build,
  isOcibuildError,
  memory,
  type OcibuildError,
} from "../../src/index.js";
import { type FakeCommand, type FakeExecutorOptions, fakeExecutor } from "../../src/testing/fake-executor.js";
import {
  buildChecked,
  buildOnly,
  expectNoTemporaryFiles,
  filesOf,
  fresh,
  type TestOptions,
} from "../support/builds.js";
import { startFileServer } from "../support/file-server.js";

const PASSWD = "root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:daemon:/usr/sbin:/bin/false\n";
const GROUP = "root:x:0:\ndaemon:x:1:\nstaff:x:50:daemon\n";

/** Options for a Dockerfile whose commands do what `command` says, on a base that knows a few users. */
function running(dockerfile: string, command: FakeCommand, options: Partial<TestOptions> = {}) {
  const executor = fakeExecutor(command);
  const files = { "etc/passwd": PASSWD, "etc/group": GROUP };
  return {
    executor,
    options: fresh({
      executor,
      dockerfile: `FROM scratch AS base\nCOPY --from=users / /\nFROM base\n${dockerfile}`,
      buildContexts: { users: memory(files) },
      ...options,
    }),
  };
}

async function failure(options: BuildOptions | TestOptions): Promise<OcibuildError> {
  try {
    await buildOnly(options as TestOptions);
  } catch (error) {
    if (isOcibuildError(error)) return error;
    throw error;
  }
  throw new Error("the build went well");
}

describe("what a command is given", () => {
  test("shell form, user, folder, environment and network", async () => {
    const { executor, options } = running("ENV A=1\nWORKDIR /w\nUSER daemon\nRUN --network=none make all", () => []);
    await buildChecked(options);
    expect(executor.specs).toEqual([
      {
        rootfs: { chainId: expect.stringMatching(/^sha256:/), layers: [expect.any(String), expect.any(String)] },
        platform: { os: "linux", architecture: "amd64" },
        args: ["/bin/sh", "-c", "make all"],
        env: ["A=1", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/usr/sbin"],
        cwd: "/w",
        user: { uid: 1, gid: 1, additionalGids: [50] },
        mounts: [],
        network: "none",
        security: "sandbox",
        hostname: "buildkitsandbox",
        hosts: [],
        shmSizeBytes: undefined,
        ulimits: [],
        changesetLimitBytes: 64 * 1024 ** 3,
      },
    ]);
  });

  test("the options of the build", async () => {
    const { executor, options } = running("RUN make", () => [], {
      network: "host",
      allow: ["network.host"],
      addHosts: ["registry.local:10.0.0.5"],
      shmSize: 4096,
      ulimits: ["nofile=10:20", "core=-1"],
      buildArgs: { BUILDKIT_SANDBOX_HOSTNAME: "box" },
    });
    await buildChecked(options);
    expect(executor.specs[0]).toMatchObject({
      network: "host",
      hostname: "box",
      hosts: [{ name: "registry.local", address: "10.0.0.5" }],
      shmSizeBytes: 4096,
      ulimits: [
        { name: "nofile", soft: 10, hard: 20 },
        { name: "core", soft: -1, hard: -1 },
      ],
    });
  });

  test("the files of the steps before it", async () => {
    const { options } = running("RUN one\nRUN two", async (spec, files) => {
      if (spec.args.at(-1) === "one")
        return [
          { path: "etc/passwd", type: "removed" },
          { path: "one", content: "1" },
        ];
      expect(await files.list("/etc")).toEqual(["group"]);
      return [{ path: "two", content: `${await files.readText("/one")}2` }];
    });
    const built = await buildChecked(options);
    expect((await built.readFile("two")).toString()).toBe("12");
  });

  test("a program of a heredoc, put into place for the command alone", async () => {
    const { executor, options } = running("RUN <<EOF\n#!/usr/bin/env python3\nprint(1)\nEOF", () => []);
    await buildChecked(options);
    expect(executor.specs[0]).toMatchObject({
      args: ["/bin/sh", "-c", "/dev/pipes/EOF"],
      mounts: [{ type: "file", target: "/dev/pipes/EOF", content: "#!/usr/bin/env python3\nprint(1)\n", mode: 0o755 }],
    });
  });

  test("a working directory that the image lacks is made, as a part of the step", async () => {
    const { options } = running("WORKDIR /w\nRUN rmdir\nRUN pwd", async (spec, files) => {
      if (spec.args.at(-1) === "rmdir") return [{ path: "w", type: "removed" }];
      expect(await files.list("/")).toContain("w");
      return [{ path: "w/made" }];
    });
    expect(await filesOf(await buildChecked(options))).toContain("/w/made 644 0:0");
  });
});

describe("mounts", () => {
  const files = { "src/a.txt": "a", "src/deep/b.txt": "b", "other.txt": "other", ".dockerignore": "src/deep" };

  test("show the context as it was selected, a stage, an image's file", async () => {
    const seen: string[] = [];
    const { options } = running(
      "RUN --mount=type=bind,source=src,target=/src --mount=type=bind,source=other.txt,target=/o" +
        " --mount=type=bind,from=base,source=/etc,target=/e look",
      async (spec, reader) => {
        for (const mount of spec.mounts) {
          if (mount.type !== "bind") continue;
          const text = await reader.readText(mount.path, mount.source);
          seen.push(`${mount.target}: ${text ?? (await reader.list(mount.path, mount.source)).join(" ")}`);
        }
        return [];
      },
      { files },
    );
    await buildChecked(options);
    expect(seen).toEqual(["/src: a.txt", "/o: other", "/e: group passwd"]);
  });

  test("are part of the key by what they show, not by what they do not", async () => {
    const { executor, options } = running("RUN --mount=source=src,target=/src make", () => [], { files });
    await buildChecked(options);
    await buildChecked({ ...options, files: { ...files, "other.txt": "changed" } });
    expect(executor.specs.length).toBe(1);
    await buildChecked({ ...options, files: { ...files, "src/a.txt": "changed" } });
    expect(executor.specs.length).toBe(2);
  });

  test("of what is not there fail as a COPY of it does", async () => {
    const { options } = running("RUN --mount=source=nope,target=/m true", () => [], { files });
    const { code, message, location } = await failure(options);
    expect({ code, line: location?.line }).toEqual({ code: "LAYER_COPY", line: 4 });
    expect(message).toContain('"/nope": not found');
  });

  test("caches are known by id, which is no part of the key", async () => {
    const dockerfile = (id: string): string =>
      `FROM scratch\nRUN --mount=type=cache,id=${id},target=/c,sharing=locked,uid=5 make`;
    const executor = fakeExecutor(() => []);
    const options = fresh({ executor, dockerfile: dockerfile("one") });
    await buildChecked(options);
    await buildChecked({ ...options, dockerfile: dockerfile("two") });
    expect(executor.specs.map(({ mounts }) => mounts)).toEqual([
      [
        {
          ...{ type: "cache", id: "one", seed: { chainId: null, layers: [] }, path: "/", target: "/c" },
          ...{ readOnly: false, sharing: "locked", mode: 0o755, uid: 5, gid: 0 },
        },
      ],
    ]);
  });

  test("secrets and agents that are not given are left out, unless they are required", async () => {
    const { executor, options } = running(
      "RUN --mount=type=secret,id=a,env=A --mount=type=ssh --mount=type=secret,id=b true",
      () => [],
    );
    await buildChecked(options);
    expect(executor.specs[0]?.mounts).toEqual([]);
    expect(executor.specs[0]?.env).toContain("A=");
    expect(executor.specs[0]?.env).toContain("SSH_AUTH_SOCK=/run/buildkit/ssh_agent.0");
    const secret = running("RUN --mount=type=secret,id=a,required true", () => []);
    expect((await failure(secret.options)).message).toBe("secret a: not found");
    const ssh = running("RUN --mount=type=ssh,id=x,required true", () => []);
    expect((await failure(ssh.options)).message).toBe("unset ssh forward key x");
  });
});

describe("a command that fails", () => {
  test("is RUN_FAILED with its place, its exit code and the end of its output", async () => {
    const { options } = running("RUN true && \\\n  make", (_spec, _files, io) => {
      for (let line = 1; line <= 1000; line++) void io.onOutput("stdout", Buffer.from(`line ${line}\n`));
      void io.onOutput("stderr", Buffer.from("make: no rule"));
      return { exitCode: 2 };
    });
    const error = await failure(options);
    expect(error).toMatchObject({
      code: "RUN_FAILED",
      message: 'process "/bin/sh -c true &&   make" did not complete successfully: exit code: 2',
      details: { exitCode: 2 },
      location: { line: 4 },
    });
    if (!isOcibuildError(error, "RUN_FAILED")) throw error;
    expect(error.details.output.split("\n").slice(-2)).toEqual(["line 1000", "make: no rule"]);
    expect(error.details.output.length).toBeLessThan(1000);
    expectNoTemporaryFiles(options.root);
  });

  test("leaves no record: the next build runs it again", async () => {
    let isBroken = true;
    const { executor, options } = running("RUN make", () => (isBroken ? { exitCode: 1 } : [{ path: "made" }]));
    await failure(options);
    isBroken = false;
    expect(await filesOf(await buildChecked(options))).toContain("/made 644 0:0");
    expect(executor.specs.length).toBe(2);
  });

  test("names the signal that ended it", async () => {
    const { options } = running("RUN make", () => ({ exitCode: 137, signal: "SIGKILL" }));
    expect(await failure(options)).toMatchObject({
      message: 'process "/bin/sh -c make" did not complete successfully: exit code: 137 (SIGKILL)',
      details: { exitCode: 137, signal: "SIGKILL" },
    });
  });

  test("for a user that the image does not know says so", async () => {
    const { executor, options } = running("USER nosuch\nRUN true", () => []);
    expect(await failure(options)).toMatchObject({
      code: "LAYER_UNKNOWN_USER",
      message:
        'process "/bin/sh -c true" did not complete successfully: unable to find user nosuch: no matching entries in passwd file',
      location: { line: 5 },
    });
    expect(executor.specs).toEqual([]);
  });
});

test("what a command prints comes as events of its step", async () => {
  const { options } = running("RUN make", async (_spec, _files, io) => {
    await io.onOutput("stdout", Buffer.from("out"));
    await io.onOutput("stderr", Buffer.from("err"));
    return [];
  });
  const { events } = await buildChecked(options);
  const output = events.flatMap((event) => (event.type === "task-output" ? [event] : []));
  expect(output.map(({ stream, chunk }) => `${stream} ${Buffer.from(chunk)}`)).toEqual(["stdout out", "stderr err"]);
  const started = events.find((event) => event.type === "task-started" && event.task.id === output[0]?.id);
  expect(started).toMatchObject({ task: { kind: "step", name: expect.stringContaining("RUN make") } });
});

describe("L7: who takes what a command prints", () => {
  test("keeps the command waiting as long as its promise is open", async () => {
    let release = (): void => {};
    const steps: string[] = [];
    const { options } = running("RUN make", async (_spec, _files, io) => {
      const printed = io.onOutput("stdout", Buffer.from("much"));
      setTimeout(release, 50);
      await printed;
      steps.push("printed");
      return [];
    });
    const onEvent = ({ type }: BuildEvent): unknown => {
      if (type !== "task-output") return undefined;
      return new Promise<void>((resolve) => {
        release = () => {
          steps.push("taken");
          resolve();
        };
      });
    };
    await buildOnly({ ...options, onEvent });
    expect(steps).toEqual(["taken", "printed"]);
  });

  test("fails the build when it cannot", async () => {
    const { options } = running("RUN make", async (_spec, _files, io) => {
      await io.onOutput("stdout", Buffer.from("much"));
      return [];
    });
    const onEvent = ({ type }: BuildEvent): unknown =>
      type === "task-output" ? Promise.reject(new Error("full")) : undefined;
    await expect(buildOnly({ ...options, onEvent })).rejects.toThrow("full");
  });

  test("does not keep a build that is aborted", async () => {
    const controller = new AbortController();
    const { options } = running("RUN make", async (_spec, _files, io) => {
      const printed = io.onOutput("stdout", Buffer.from("much"));
      setTimeout(() => controller.abort(new Error("enough")), 20);
      await printed;
      return [];
    });
    const onEvent = ({ type }: BuildEvent): unknown => (type === "task-output" ? new Promise(() => {}) : undefined);
    await expect(buildOnly({ ...options, onEvent, signal: controller.signal })).rejects.toThrow("enough");
  });
});

test("the layer does not depend on who ran the command, the executor's name is in no key", async () => {
  const changes = [
    { path: "b", content: "b" },
    { path: "a", type: "hardlink", target: "b" },
    { path: "etc", type: "dir" },
    { path: "etc/passwd", type: "removed" },
  ] as const;
  const dockerfile = "FROM scratch\nCOPY etc /etc/\nRUN make";
  const files = { "etc/passwd": PASSWD };
  const other = fakeExecutor(() => [...changes].reverse(), { name: "other" });
  const options = fresh({ dockerfile, files, reproducible: true, executor: fakeExecutor(() => changes) });
  const first = await buildChecked(options);
  const second = await buildChecked(fresh({ ...options, root: `${options.root}-2`, executor: other }));
  expect(second.digest).toBe(first.digest);
  const cached = fakeExecutor(() => ({ exitCode: 1 }), { name: "third" });
  await buildChecked({ ...options, executor: cached });
  expect(cached.specs).toEqual([]);
});

describe("before a build starts", () => {
  const dockerfile = "FROM scratch\nCOPY nowhere /\nRUN --mount=type=cache,target=/c make";

  test.each<[string, FakeExecutorOptions["capabilities"], string]>([
    ["a kind of mount", { mounts: ["bind"] }, "--mount=type=cache"],
    ["a network", { networks: ["none"] }, "--network=default"],
    ["a security mode", { securities: [] }, "--security=sandbox"],
    ["a platform", { platforms: [{ os: "linux", architecture: "s390x" }] }, "programs for linux/amd64"],
  ])("X4: %s that the executor lacks is said, with the place", async (_, capabilities, feature) => {
    const executor = fakeExecutor(() => [], { capabilities: capabilities! });
    const error = await failure(fresh({ dockerfile, executor }));
    expect(error).toMatchObject({ code: "EXECUTOR_UNSUPPORTED", location: { line: 3 } });
    expect(error.message).toContain(feature);
  });

  test.each<[Lack, string, Partial<BuildOptions>, string]>([
    ["secret-files", "RUN --mount=type=secret,id=s make", { secrets: { s: "x" } }, "a secret as a file"],
    ["tmpfs-size", "RUN --mount=type=tmpfs,target=/t,size=1m make", {}, "size= of a tmpfs"],
    ["shm-size", "RUN make", { shmSize: 1000 }, "--shm-size"],
    ["hostname", "RUN make", { buildArgs: { BUILDKIT_SANDBOX_HOSTNAME: "h" } }, "BUILDKIT_SANDBOX_HOSTNAME"],
  ])("X4: %s is missed by %s, and said with the place", async (lack, run, more, feature) => {
    const text = `FROM scratch\n${run}`;
    const executor = fakeExecutor(() => [], { capabilities: { lacks: [lack] } });
    const error = await failure(fresh({ ...more, dockerfile: text, executor }));
    expect(error).toMatchObject({ code: "EXECUTOR_UNSUPPORTED", location: { line: 2 } });
    expect(error.message).toContain(feature);
  });

  test("what an executor lacks and no step asks for is no matter", async () => {
    const lacks = ["secret-files", "tmpfs-size", "shm-size", "hostname", "proc", "read-only"] as const;
    const executor = fakeExecutor(() => [], { capabilities: { lacks } });
    const mounts = "--mount=type=secret,id=s --mount=type=secret,id=t,env=T --mount=type=tmpfs,target=/t";
    const options = { dockerfile: `FROM scratch\nRUN ${mounts} make`, secrets: { t: "x" }, executor };
    await buildChecked(fresh(options));
    expect(executor.specs[0]?.mounts.map(({ type }) => type)).toEqual(["secret", "tmpfs"]);
  });

  test("users are refused where only root exists", async () => {
    const executor = fakeExecutor(() => [], { capabilities: { ids: "root" } });
    const error = await failure(fresh({ dockerfile: "FROM scratch\nUSER 5\nRUN true", executor }));
    expect(error).toMatchObject({ code: "EXECUTOR_UNSUPPORTED", location: { line: 3 } });
    await buildChecked(fresh({ dockerfile: "FROM scratch\nUSER 0:0\nRUN true", executor }));
  });

  test("an executor that cannot work says why and what would help", async () => {
    const probe = { usable: false, reason: "there is no overlayfs", hint: "load the module" } as const;
    const error = await failure(fresh({ dockerfile, executor: fakeExecutor(() => [], { probe }) }));
    expect(error).toMatchObject({ code: "EXECUTOR_NONE", hint: "load the module", location: { line: 3 } });
    expect(error.message).toContain("fake: there is no overlayfs");
  });

  test("none refuses with advice; a name that is not known is an error; without RUN nobody is asked", async () => {
    expect(await failure(fresh({ dockerfile, executor: "none" }))).toMatchObject({ code: "EXECUTOR_NONE" });
    expect(await failure(fresh({ dockerfile, executor: "dokcer" }))).toMatchObject({ code: "OPTIONS_INVALID" });
    expect(await failure(fresh({ dockerfile: "FROM scratch\nENV A=1", executor: "dokcer" }))).toMatchObject({
      code: "OPTIONS_INVALID",
    });
    await buildChecked(fresh({ dockerfile: "FROM scratch\nENV A=1", executor: "none" }));
  });

  test("nobody is asked where all commands come from the cache", async () => {
    const options = fresh({ dockerfile: "FROM scratch\nCOPY a /\nRUN make", files: { a: "1" } });
    const first = await buildChecked({ ...options, executor: fakeExecutor(() => []) });
    const again = await buildChecked({ ...options, executor: "none" });
    expect(again.digest).toBe(first.digest);
    for (const changed of [{ files: { a: "2" } }, { noCache: true }]) {
      expect(await failure({ ...options, executor: "none", ...changed })).toMatchObject({ code: "EXECUTOR_NONE" });
    }
  });

  test("where a command is sure to run and nobody can run it, the steps before it are not waited for", async () => {
    await using server = await startFileServer({ "/never": () => {} });
    const dockerfile = `FROM scratch\nADD ${server.url}/never /\nRUN make`;
    const options = fresh({ dockerfile, executor: "none" });
    expect(await failure(options)).toMatchObject({ code: "EXECUTOR_NONE", location: { line: 3 } });
    expectNoTemporaryFiles(options.root);
  });

  test.each([
    ["RUN --network=host true", {}, "network.host is not allowed"],
    ["RUN true", { network: "host" }, "network.host is not allowed"],
    ["RUN --security=insecure true", { allow: ["network.host"] }, "security.insecure is not allowed"],
  ] as const)("X3: %s with %j: %s", async (line, given, message) => {
    const executor = fakeExecutor(() => []);
    const error = await failure(fresh({ dockerfile: `FROM scratch\n${line}`, executor, ...given }));
    expect(error).toMatchObject({ code: "PLAN_UNSUPPORTED", message, location: { line: 2 } });
    expect(executor.specs).toEqual([]);
  });
});

describe("layers that commands run on", () => {
  const FILES = { a: "text ".repeat(1_000_000) };

  test("are the same blobs as those that none runs on, though they are compressed beside the commands", async () => {
    const alone = await buildChecked(fresh({ dockerfile: "FROM scratch\nCOPY a /", files: FILES, sourceDateEpoch: 1 }));
    const executor = fakeExecutor(() => []);
    const below = await buildChecked(
      fresh({ dockerfile: "FROM scratch\nCOPY a /\nRUN one\nRUN two", files: FILES, executor, sourceDateEpoch: 1 }),
    );
    expect(below.images[0]!.layers[0]).toEqual(alone.images[0]!.layers[0]);
    expect(executor.specs).toHaveLength(2);
  });

  test("are not compressed on when a command fails", async () => {
    const executor = fakeExecutor(() => ({ exitCode: 1 }));
    const options = fresh({ dockerfile: "FROM scratch\nCOPY a /\nRUN one", files: FILES, executor });
    expect(await failure(options)).toMatchObject({ code: "RUN_FAILED" });
    expectNoTemporaryFiles(options.root);
  });
});

test("an executor of the caller's stays the caller's", async () => {
  const executor = fakeExecutor(() => []);
  await buildChecked(fresh({ dockerfile: "FROM scratch\nRUN true", executor }));
  expect(executor.isDisposed).toBe(false);
});

test("K11: an abort while a command runs is the reason that the build ends with", async () => {
  const abort = new AbortController();
  const executor = fakeExecutor(async (_spec, _files, io) => {
    queueMicrotask(() => abort.abort(new Error("enough")));
    await new Promise((_, reject) => {
      io.signal.addEventListener("abort", () => reject(io.signal.reason as Error), { once: true });
    });
    return [];
  });
  const options = fresh({ dockerfile: "FROM scratch\nRUN sleep", executor });
  await expect(build({ context: memory({}), ...options, signal: abort.signal })).rejects.toThrow("enough");
  expectNoTemporaryFiles(options.root);
});

describe("L1: the value of a secret", () => {
  const canary = "c4n4ry-".padEnd(64, "9f3b7d");
  const forms = ["utf8", "hex", "base64", "base64url"].map((encoding) =>
    Buffer.from(canary)
      .toString(encoding as BufferEncoding)
      .replaceAll("=", ""),
  );

  function assertAbsent(what: string, bytes: Buffer): void {
    const text = bytes.toString("latin1");
    for (const form of forms) expect(text.includes(form), what).toBe(false);
  }

  function assertStoreClean(folder: string): void {
    for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
      const path = join(folder, name);
      assertAbsent(name, Buffer.from(name));
      if (!statSync(path).isFile()) continue;
      const bytes = readFileSync(path);
      assertAbsent(name, bytes);
      if (bytes[0] === 0x1f && bytes[1] === 0x8b) assertAbsent(`${name} inflated`, gunzipSync(bytes));
    }
  }

  const dockerfile = "FROM scratch\nRUN --mount=type=secret,id=token,env=TOKEN make";

  test("reaches the command, and no key, store, image, event or error", async () => {
    const got: string[] = [];
    let fails = false;
    const executor = fakeExecutor(async (_spec, _files, io) => {
      got.push((await io.readSecret("token")).toString());
      return fails ? { exitCode: 1 } : [{ path: "made" }];
    });
    const options = fresh({ dockerfile, executor, secrets: { token: canary } });
    const { events } = await buildChecked(options);
    expect(got).toEqual([canary]);
    assertAbsent("spec", Buffer.from(JSON.stringify(executor.specs)));
    assertAbsent("events", Buffer.from(JSON.stringify(events)));
    fails = true;
    const error = await failure({ ...options, noCache: true });
    assertAbsent("error", Buffer.from(JSON.stringify([error.message, error.details, error.hint, error.stack])));
    assertStoreClean(options.root);
    // Another value is no other step.
    await buildChecked({ ...options, secrets: { token: "another" } });
    expect(executor.specs.length).toBe(2);
  });

  test("of an id that no mount names is not handed out", async () => {
    const executor = fakeExecutor(async (_spec, _files, io) => {
      await io.readSecret("other");
      return [];
    });
    const secrets = { token: canary, other: "of another step" };
    expect(await failure(fresh({ dockerfile, executor, secrets }))).toMatchObject({ code: "EXECUTOR_FAILED" });
  });
});
