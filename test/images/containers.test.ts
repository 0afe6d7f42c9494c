/** Containers on a store, run by an executor that only pretends: kept, found, compared, committed, removed. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Executor, RunSpec } from "../../src/executor/contract.js";
import { changedConfig } from "../../src/images/containers/commit-changes.js";
import { commitContainer } from "../../src/images/containers/commit-container.js";
import { containerChanges } from "../../src/images/containers/container-layer.js";
import { ContainerStore } from "../../src/images/containers/container-store.js";
import { containerRecord } from "../../src/images/containers/inspect-container.js";
import { runConfig } from "../../src/images/containers/run-config.js";
import { type RunOptions, runContainer } from "../../src/images/containers/run-container.js";
import { diffImages } from "../../src/images/diff-images.js";
import type { ImagesContext } from "../../src/images/images-context.js";
import { listImages } from "../../src/images/list-images.js";
import type { Image } from "../../src/oci/types.js";
import { validateImage } from "../../src/testing/validate-image.js";
import { ownedName } from "../../src/util/process-owner.js";
import { type FileSpec, tarOf } from "../support/images.js";
import { imagesContext, storeImage } from "../support/open-store.js";

const BASE: readonly FileSpec[] = [
  { path: "bin", type: "dir" },
  { path: "bin/tool", content: "tool", mode: 0o755 },
  { path: "etc", type: "dir" },
  { path: "etc/conf", content: "1" },
  { path: "etc/passwd", content: "root:x:0:0::/root:/bin/sh\napp:x:7:8::/srv:/bin/sh\n" },
];
const CHANGES: readonly FileSpec[] = [
  { path: "etc", type: "dir" },
  { path: "etc/.wh.conf" },
  { path: "etc/new", content: "2" },
  { path: "made", type: "dir" },
  { path: "made/file", content: "3" },
];

/** Ends with `exitCode` and says that the command made `changes`; remembers what it was asked. */
function pretending(exitCode = 0, changes: readonly FileSpec[] = CHANGES): Executor & { readonly specs: RunSpec[] } {
  const specs: RunSpec[] = [];
  return {
    name: "pretending",
    specs,
    probe: async () => ({
      usable: true,
      capabilities: {
        boundary: "none",
        platforms: [{ os: "linux", architecture: "amd64" }],
        mounts: ["host", "tmpfs"],
        networks: ["default", "none"],
        securities: ["sandbox"],
        ids: "all",
        limits: false,
        interactive: ["keep"],
      },
    }),
    run: async (spec, io) => {
      specs.push(JSON.parse(JSON.stringify(spec)));
      await io.onOutput("stdout", Buffer.from("said\n"));
      const changeset = (async function* () {
        yield tarOf(changes);
      })();
      return { exitCode, changeset };
    },
    [Symbol.asyncDispose]: async () => {},
  };
}

async function setUp(): Promise<{
  readonly context: ImagesContext;
  readonly image: Image;
  readonly containers: ContainerStore;
}> {
  const context = await imagesContext();
  const image = await storeImage(context.store, ["docker.io/library/app:1"], {
    layers: [BASE],
    config: { Env: ["PATH=/bin", "A=image"], Entrypoint: ["tool"], Cmd: ["default"], User: "app", OnBuild: ["RUN x"] },
  });
  return { context, image, containers: new ContainerStore(context.store) };
}

const options = (executor: Executor, more: Partial<RunOptions> = {}): RunOptions => ({
  executor,
  onOutput: () => {},
  ...more,
});

describe("a container", () => {
  test("is run with the image's config and what is asked for", async () => {
    const { context, image } = await setUp();
    const executor = pretending();
    const printed: string[] = [];
    const { container, exitCode } = await runContainer(context, "app:1", image, {
      ...options(executor, { command: ["x"], env: ["A=ours", "B=2"], workdir: "/work", network: "none", name: "one" }),
      onOutput: (stream, chunk) => void printed.push(`${stream}: ${chunk.toString("utf8")}`),
    });
    expect({ exitCode, printed }).toEqual({ exitCode: 0, printed: ["stdout: said\n"] });
    expect(executor.specs).toMatchObject([
      {
        args: ["tool", "x"],
        cwd: "/work",
        user: { uid: 7, gid: 8, additionalGids: [] },
        network: "none",
        hostname: container.id.slice(0, 12),
        keepsFailed: true,
        env: ["PATH=/bin", `HOSTNAME=${container.id.slice(0, 12)}`, "HOME=/srv", "A=ours", "B=2"],
      },
    ]);
    // The folder that it begins in was not there: a layer of its own brings it.
    expect(executor.specs[0]!.rootfs.layers).toHaveLength(2);
    expect(containerRecord(container)).toMatchObject({
      Name: "/one",
      Path: "tool",
      Args: ["x"],
      State: { ExitCode: 0 },
    });
  });

  test("is kept with what it changed, whatever its exit code; also when the caches are gone", async () => {
    const { context, image, containers } = await setUp();
    await runContainer(context, "app:1", image, options(pretending(3), { name: "kept" }));
    const container = containers.find("kept");
    expect(container.state).toMatchObject({ status: "exited", exitCode: 3 });
    expect(containers.find(container.id.slice(0, 5))).toEqual(container);
    const expected = [
      { kind: "C", path: "/etc" },
      { kind: "D", path: "/etc/conf" },
      { kind: "A", path: "/etc/new" },
      { kind: "A", path: "/made" },
      { kind: "A", path: "/made/file" },
    ];
    expect(await containerChanges(context, containers, container)).toEqual(expected);
    rmSync(join(context.root, "layers"), { recursive: true });
    const later = await imagesContext(context.root);
    expect(await containerChanges(later, new ContainerStore(later.store), container)).toEqual(expected);
    containers.remove(container);
    expect(containers.list()).toEqual([]);
    expect(() => containers.find("kept")).toThrow(expect.objectContaining({ code: "CONTAINER_NOT_FOUND" }));
  });

  test("of which nothing is to be kept leaves nothing, nor does one that could not be run", async () => {
    const { context, image, containers } = await setUp();
    await runContainer(context, "app:1", image, options(pretending(), { remove: true }));
    const broken = { ...pretending(), run: async () => Promise.reject(new Error("broken")) };
    await expect(runContainer(context, "app:1", image, options(broken))).rejects.toThrow("broken");
    await expect(
      runContainer(context, "app:1", image, options(pretending(), { user: "nobody" })),
    ).rejects.toMatchObject({
      code: "LAYER_UNKNOWN_USER",
    });
    expect(containers.list()).toEqual([]);
  });

  test.each<[string, Partial<RunOptions>]>([
    ["--interactive", { stdin: (async function* () {})() }],
    ["--tty", { terminal: { input: 0, onResize: () => () => {} } }],
    ["--network=host", { network: "host" }],
    ["--privileged", { privileged: true }],
    ["--ulimit and --shm-size", { shmSizeBytes: 1 }],
  ])("that wants %s of an executor without it is refused before anything is done", async (feature, more) => {
    const { context, image, containers } = await setUp();
    const executor = pretending();
    await expect(runContainer(context, "app:1", image, options(executor, more))).rejects.toMatchObject({
      code: "EXECUTOR_UNSUPPORTED",
      details: { feature },
    });
    expect(executor.specs).toEqual([]);
    expect(containers.list()).toEqual([]);
  });

  test("has a name that no other has", async () => {
    const { context, image, containers } = await setUp();
    await runContainer(context, "app:1", image, options(pretending(), { name: "same" }));
    await expect(runContainer(context, "app:1", image, options(pretending(), { name: "/same" }))).rejects.toMatchObject(
      {
        code: "CONTAINER_IN_USE",
      },
    );
    await expect(runContainer(context, "app:1", image, options(pretending(), { name: "a b" }))).rejects.toMatchObject({
      code: "OPTIONS_INVALID",
    });
    await runContainer(context, "app:1", image, options(pretending()));
    expect(containers.list().map(({ name }) => name)).toEqual(
      expect.arrayContaining(["same", expect.stringMatching(/^[a-z]+_[a-z]+$/)]),
    );
  });

  test("K1: whose process was killed has ended, and goes when it was to go", async () => {
    const { context, image, containers } = await setUp();
    await runContainer(context, "app:1", image, options(pretending(), { name: "kept" }));
    const kept = containers.find("kept");
    // A process of this boot whose start time was another.
    const owner = ownedName().replace(/^(\d+)-\d+-/, "$1-1-");
    await containers.save({ ...kept, state: { status: "running", owner }, changes: null });
    await containers.save({
      ...kept,
      id: "a".repeat(64),
      name: "gone",
      autoRemove: true,
      state: { status: "running", owner },
      changes: null,
    });
    expect(containers.list().map(({ name, state }) => [name, state.status])).toEqual([["kept", "exited"]]);
    await expect(commitContainer(context, "kept")).rejects.toMatchObject({ code: "CONTAINER_NOT_FOUND" });
    await containers.save({ ...kept, state: { status: "running", owner: ownedName() } });
    expect(() => containers.remove(containers.find("kept"))).toThrow(
      expect.objectContaining({ code: "CONTAINER_IN_USE" }),
    );
  });
});

describe("commit", () => {
  test("puts one layer on the image, with the container's config and what changes it", async () => {
    const { context, image } = await setUp();
    await runContainer(
      context,
      "app:1",
      image,
      options(pretending(), { name: "one", command: ["x", "y"], env: ["B=2"] }),
    );
    const made = await commitContainer(context, "one", {
      name: "made:1",
      author: "Ada",
      message: "why",
      changes: ['CMD ["run"]', "ENV C=3 A=changed", "LABEL k=v", "EXPOSE 80", "WORKDIR /made", "ONBUILD COPY . /"],
    });
    await validateImage(context.store.blobs, made.descriptor);
    expect(made.layers).toHaveLength(2);
    expect(made.config).toMatchObject({
      author: "Ada",
      config: {
        Entrypoint: ["tool"],
        Cmd: ["run"],
        Env: ["PATH=/bin", "A=changed", "B=2", "C=3"],
        Labels: { k: "v" },
        ExposedPorts: { "80/tcp": {} },
        WorkingDir: "/made",
        OnBuild: ["RUN x", "COPY . /"],
      },
    });
    expect(made.config.history!.at(-1)).toMatchObject({ created_by: "tool x y", author: "Ada", comment: "why" });
    expect((await listImages(context)).map(({ tags }) => tags)).toContainEqual(["docker.io/library/made:1"]);
    expect((await diffImages(context, image, made)).map(({ kind, path }) => `${kind} ${path}`)).toEqual([
      "C /etc",
      "D /etc/conf",
      "A /etc/new",
      "A /made",
      "A /made/file",
    ]);
    expect((await diffImages(context, made, image)).map(({ kind, path }) => `${kind} ${path}`)).toEqual([
      "C /etc",
      "A /etc/conf",
      "D /etc/new",
      "D /made",
    ]);
  });

  test("of a container that changed nothing has no layer to add", async () => {
    const { context, image } = await setUp();
    await runContainer(context, "app:1", image, options(pretending(0, []), { name: "same" }));
    const made = await commitContainer(context, "same");
    expect(made.layers).toEqual(image.layers);
    expect(made.config.history!.at(-1)).toMatchObject({ empty_layer: true });
    expect(await diffImages(context, image, made)).toEqual([]);
  });

  test.each([["RUN true"], ["COPY a b"], ["FROM x"], ["ARG x"]])("refuses --change %j", async (change) => {
    const changed = changedConfig({}, { os: "linux", architecture: "amd64" }, [change]);
    await expect(changed).rejects.toMatchObject({ code: "OPTIONS_INVALID" });
  });

  test("names the mistake of a change", async () => {
    const changed = changedConfig({}, { os: "linux", architecture: "amd64" }, ["EXPOSE many"]);
    await expect(changed).rejects.toMatchObject({ message: expect.stringContaining("many") });
  });
});

describe("the config of a container", () => {
  test("is docker's mixture", () => {
    const image = { Entrypoint: ["e"], Cmd: ["c"], Env: ["A=1", "B=2"] };
    expect(runConfig(image, {})).toMatchObject({ Entrypoint: ["e"], Cmd: ["c"] });
    expect(runConfig(image, { command: ["d"] })).toMatchObject({ Entrypoint: ["e"], Cmd: ["d"] });
    expect(runConfig(image, { entrypoint: "f" })).toMatchObject({ Entrypoint: ["f"], Cmd: [] });
    expect(runConfig(image, { entrypoint: "", command: ["d"] })).toMatchObject({ Entrypoint: [], Cmd: ["d"] });
    expect(runConfig(image, { env: ["A=3", "C="] }).Env).toEqual(["A=3", "B=2", "C="]);
    expect(() => runConfig({}, {})).toThrow("no command specified");
    expect(() => runConfig(image, { workdir: "x" })).toThrow("needs to be an absolute path");
  });
});
