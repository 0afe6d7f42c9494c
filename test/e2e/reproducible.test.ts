/** The same input gives the same digest: wherever, whenever and by whom it is built. */
import { chownSync, linkSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openLayout } from "../../src/cache/oci-layout.js";
import { type BuildEvent, type Built, build, ociLayout, type TaskInfo, type TaskOutcome } from "../../src/index.js";
import { validateImage } from "../../src/testing/validate-image.js";
import { ocibuild } from "../support/ocibuild.js";
import { makeOrdinaryUser, type OrdinaryUser, requireOrdinaryUser } from "../support/ordinary-user.js";
import { makeOwnFolder, removeOwnFolder } from "../support/own-folder.js";
import { runProgram } from "../support/program.js";
import { readImageArchive } from "../support/read-archive.js";
import { tarBytes } from "../support/tar-bytes.js";
import { requireTool } from "../support/tools.js";
import { writeFiles } from "../support/write-files.js";

const withSkopeo = requireTool("skopeo");
const withUser = requireTool("sh") && requireOrdinaryUser();

const DOCKERFILE = `FROM scratch AS files
COPY . /all/
COPY --parents tree/*/deep /parents/
COPY <<EOF /all/generated
text
EOF

FROM scratch
COPY --from=files /all /srv
COPY --from=files --chmod=a+rX,go-w /parents /parents
COPY tree/*.txt /globbed/
ADD archive.tar.gz /unpacked/
WORKDIR /made/by/workdir
ENV A=1
LABEL b=2
CMD ["x"]
`;

/** Names whose order depends on the locale. */
const NAMES = ["B", "a", "_c", "Z", "z", "ä", "Ä", "10", "9", "a b", "a-b", "ab", "é", ".hidden", "~"];
const ARCHIVE = gzipSync(tarBytes([{ path: "in/archive", content: "x", mtimeSeconds: 1_600_000_000 }]), { level: 1 });

interface Circumstances {
  readonly dir: string;
  readonly reversed: boolean;
  readonly mtime: number;
  readonly env: Readonly<Record<string, string>>;
  readonly umask: string;
  readonly user?: OrdinaryUser;
}

/** Makes the build context and builds it there; the digest and the archive's bytes. */
async function buildIn(
  parent: string,
  { dir, reversed, mtime, env, umask, user }: Circumstances,
): Promise<[string, Buffer]> {
  const folder = join(parent, dir);
  const context = join(folder, "context");
  const files = [
    ...NAMES.flatMap((name) => [
      [`tree/${name}.txt`, { content: `${name}\n`, mode: 0o644, mtime }],
      [`tree/${name}/deep/file`, { content: name, mode: 0o755, mtime }],
    ]),
    ["tree/link", { type: "symlink", target: "a.txt", mtime }],
    ["Dockerfile", { content: DOCKERFILE, mtime }],
    ["archive.tar.gz", { content: ARCHIVE, mtime }],
  ] as const;
  mkdirSync(context, { recursive: true });
  writeFiles(context, new Map((reversed ? [...files].reverse() : files) as never));
  linkSync(join(context, "tree/a.txt"), join(context, "tree/hard.txt"));
  // Folders get their modes and times last: they were made by the way.
  const folders = ["", "tree", ...NAMES.flatMap((name) => [`tree/${name}`, `tree/${name}/deep`])].reverse();
  writeFiles(context, new Map(folders.map((name) => [name, { type: "dir", mode: 0o755, mtime }])));
  if (user !== undefined && process.getuid?.() === 0) {
    await runProgram("chown", ["-R", `${user.uid}:${user.gid}`, folder]);
    chownSync(folder, user.uid, user.gid);
  }
  const archive = join(folder, "image.tar");
  const args = [
    "--reproducible",
    "--root",
    join(folder, "store"),
    "-t",
    "x:1",
    "-o",
    `type=oci,dest=${archive}`,
    "context",
  ];
  const digest = await ocibuild(args, { cwd: folder, env, umask, ...(user === undefined ? {} : { user }) });
  const { blobs, index } = await readImageArchive(archive);
  await validateImage(blobs, index.manifests[0]!);
  return [digest, readFileSync(archive)];
}

describe("reproducible builds", () => {
  let folder = "";
  let first: [string, Buffer];

  beforeAll(async () => {
    folder = makeOwnFolder("reproducible");
    const env = { LC_ALL: "C", TZ: "UTC" };
    first = await buildIn(folder, { dir: "one", reversed: false, mtime: 1_000_000_000, env, umask: "022" });
  });
  afterAll(() => removeOwnFolder(folder));

  it("have one digest in other folders, locales, time zones, umasks, file orders, times and stores", async () => {
    const env = { LC_ALL: "C.UTF-8", LANG: "de_DE.UTF-8", TZ: "Pacific/Auckland", XDG_DATA_HOME: "/nonexistent" };
    const dir = "another folder/ünder";
    const second = await buildIn(folder, { dir, reversed: true, mtime: 1_700_000_000.5, env, umask: "077" });
    expect(second[0]).toBe(first[0]);
    expect(second[1].equals(first[1])).toBe(true);
  });

  it.runIf(withUser)("have one digest for root and for an ordinary user", async () => {
    await using user = makeOrdinaryUser();
    const env = { LC_ALL: "POSIX", TZ: "America/St_Johns" };
    const third = await buildIn(user.home, { dir: "x", reversed: true, mtime: 5, env, umask: "007", user });
    expect(third[0]).toBe(first[0]);
    expect(third[1].equals(first[1])).toBe(true);
  });

  it("differ when the input does", async () => {
    const env = { SOURCE_DATE_EPOCH: "1" };
    const other = await buildIn(folder, { dir: "epoch", reversed: false, mtime: 1_000_000_000, env, umask: "022" });
    expect(other[0]).not.toBe(first[0]);
  });
});

describe("unchanged builds", () => {
  let folder = "";
  beforeAll(() => {
    folder = makeOwnFolder("unchanged");
  });
  afterAll(() => removeOwnFolder(folder));

  it("take every step from the cache and have the same digest, without --reproducible", async () => {
    writeFiles(folder, {
      "context/tree/a/deep/b": "b",
      "context/tree/x.txt": "x",
      "context/archive.tar.gz": { content: ARCHIVE },
    });
    const once = async (): Promise<[Built, readonly BuildEvent[]]> => {
      const events: BuildEvent[] = [];
      const built = await build({
        context: join(folder, "context"),
        dockerfile: DOCKERFILE,
        outputs: [ociLayout(join(folder, "layout"))],
        tags: ["x:1"],
        root: join(folder, "store"),
        onEvent: (event) => events.push(event),
      });
      const layout = await openLayout(join(folder, "layout"));
      await validateImage(layout.blobs, layout.find("1"));
      return [built, events];
    };
    const [fresh, made] = await once();
    const [again, taken] = await once();
    expect(tasksOf(made, "done")).toHaveLength(8);
    expect(tasksOf(taken, "cached")).toHaveLength(8);
    expect(tasksOf(taken, "done")).toEqual([]);
    expect(again.digest).toBe(fresh.digest);
  });

  it("do only what comes after the first change", async () => {
    const dockerfile = "FROM scratch\nCOPY one /\nCOPY two /\nWORKDIR /three\n";
    const options = { context: join(folder, "c"), dockerfile, root: join(folder, "store"), tags: ["c:1"] };
    writeFiles(folder, { "c/one": "1", "c/two": "2" });
    await build(options);
    writeFiles(folder, { "c/two": "two" });
    const events: BuildEvent[] = [];
    await build({ ...options, onEvent: (event) => events.push(event) });
    expect(tasksOf(events, "cached").map(({ name }) => name)).toEqual([expect.stringContaining("COPY one /")]);
    expect(tasksOf(events, "done").map(({ name }) => name)).toEqual([
      expect.stringContaining("COPY two /"),
      expect.stringContaining("WORKDIR /three"),
    ]);
  });
});

describe.runIf(withSkopeo)("builds for two platforms", () => {
  let folder = "";
  beforeAll(() => {
    folder = makeOwnFolder("platforms");
  });
  afterAll(() => removeOwnFolder(folder));

  it("do equal steps once and make an index that skopeo reads for each platform", async () => {
    const dockerfile = `FROM --platform=$BUILDPLATFORM scratch AS shared
COPY a /a
WORKDIR /once

FROM scratch
COPY --from=shared /a /b
ARG TARGETARCH
COPY <<EOF /arch
$TARGETARCH
EOF
ENV ARCH=$TARGETARCH
`;
    writeFiles(folder, { "context/a": "a" });
    const layout = join(folder, "layout");
    const events: BuildEvent[] = [];
    const built = await build({
      context: join(folder, "context"),
      dockerfile,
      platforms: ["linux/amd64", "linux/arm64"],
      tags: ["two:1"],
      outputs: [ociLayout(layout)],
      root: join(folder, "store"),
      onEvent: (event) => events.push(event),
    });
    const made = tasksOf(events, "done").map(({ name }) => name.slice(name.indexOf("]") + 2));
    expect(made.sort()).toEqual(["COPY /a /b", "COPY <<EOF /arch", "COPY <<EOF /arch", "COPY a /a", "WORKDIR /once"]);
    expect(tasksOf(events, "cached")).toHaveLength(3);

    const { blobs, find } = await openLayout(layout);
    expect(find("1").digest).toBe(built.digest);
    const { images } = await validateImage(blobs, find("1"));
    expect(images.map(({ platform }) => platform)).toEqual(["linux/amd64", "linux/arm64"]);
    expect(images[0]!.layers[0]).toEqual(images[1]!.layers[0]);
    expect(images[0]!.layers[1]).not.toEqual(images[1]!.layers[1]);
    for (const arch of ["amd64", "arm64"]) {
      const inspected = JSON.parse(
        await runProgram("skopeo", ["--override-os", "linux", "--override-arch", arch, "inspect", `oci:${layout}:1`]),
      ) as object;
      expect(inspected).toMatchObject({ Architecture: arch, Env: expect.arrayContaining([`ARCH=${arch}`]) });
    }
    await runProgram("skopeo", ["copy", "--all", `oci:${layout}:1`, `oci:${join(folder, "copy")}:1`]);
    const copy = await openLayout(join(folder, "copy"));
    expect(copy.find("1").digest).toBe(built.digest);
  });
});

/** The steps that ended so, in the order in which they ended. */
function tasksOf(events: readonly BuildEvent[], outcome: TaskOutcome): TaskInfo[] {
  const steps = new Map<string, TaskInfo>();
  const ended: TaskInfo[] = [];
  for (const event of events) {
    if (event.type === "task-started" && event.task.kind === "step") steps.set(event.task.id, event.task);
    const task = event.type === "task-finished" && event.outcome === outcome ? steps.get(event.id) : undefined;
    if (task !== undefined) ended.push(task);
  }
  return ended;
}
