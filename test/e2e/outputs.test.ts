/** Every form of output against the programs that people give them to. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as zlib from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openLayout } from "../../src/cache/oci-layout.js";
import {
  type Built,
  build,
  dockerArchive,
  localStore,
  type OutputSpec,
  ociArchive,
  ociLayout,
  registry,
  rootfsFolder,
  rootfsTar,
} from "../../src/index.js";
import type { BlobReader } from "../../src/oci/blobs.js";
import { parseReference } from "../../src/oci/reference.js";
import type { Descriptor } from "../../src/oci/types.js";
import { ociLayout as layoutExporter } from "../../src/output/oci-layout.js";
import { createRegistryClient } from "../../src/registry/client.js";
import { registrySource } from "../../src/registry/pull.js";
import { validateImage } from "../../src/testing/validate-image.js";
import { type DockerRegistry, startDockerRegistry } from "../support/docker-registry.js";
import { startDockerd } from "../support/dockerd.js";
import { buildResult, type FileSpec } from "../support/images.js";
import { tryOcibuild } from "../support/ocibuild.js";
import { makeOrdinaryUser, requireOrdinaryUser, requireRoot } from "../support/ordinary-user.js";
import { makeOwnFolder, removeOwnFolder } from "../support/own-folder.js";
import { makePodman } from "../support/podman.js";
import { runProgram } from "../support/program.js";
import { readImageArchive } from "../support/read-archive.js";
import { writeBusybox } from "../support/root-files.js";
import { requireTool } from "../support/tools.js";
import { type UnpackedFile, unpackedFiles } from "../support/unpacked-files.js";
import { writeFiles } from "../support/write-files.js";

const ready = requireTool("docker-registry", "skopeo", "busybox", "ldd", "tar", "find");
const withUmoci = ready && requireTool("umoci");
const isRoot = ready && requireRoot();
const withDockerd = isRoot && requireTool("dockerd", "docker");
const withPodman = ready && requireTool("podman", "buildah") && requireOrdinaryUser();
const hasZstd = "createZstdCompress" in zlib;

/** A user's own podman cannot store the ids that root's can. */
const BIG_UID = isRoot ? 3_000_000 : 60_000;
const BIGGEST_UID = isRoot ? 2_147_483_647 : 65_000;

/** Two layers that somebody else made: whiteouts, an opaque folder, links, ids and times at the edge. */
const BASE: readonly (readonly FileSpec[])[] = [
  [
    { path: "gone", content: "deleted by the second layer\n" },
    { path: "opaque", type: "dir" },
    { path: "opaque/old", content: "hidden by the second layer\n" },
    { path: "kept", type: "dir", mode: 0o750, mtimeSeconds: 1_000_000_000, mtimeNanos: 123_456_789 },
    { path: "kept/one", content: "1", mtimeSeconds: 4_102_444_800 },
    { path: "kept/two", content: "2" },
    { path: "kept/hard", type: "hardlink", linkname: "kept/one" },
    { path: "was-dir", type: "dir" },
    { path: "was-dir/inner", content: "" },
    { path: "ids", content: "big ids", uid: BIG_UID, gid: BIG_UID + 1 },
    { path: "early", content: "before 1970", mtimeSeconds: -86_400 },
    { path: "pipe", type: "fifo", mode: 0o600 },
    { path: "long", type: "dir" },
    { path: `long/${"d".repeat(120)}`, type: "dir" },
    { path: `long/${"d".repeat(120)}/${"e".repeat(200)}`, content: "long" },
  ],
  [
    { path: ".wh.gone" },
    { path: "opaque", type: "dir", mode: 0o711 },
    { path: "opaque/.wh..wh..opq" },
    { path: "opaque/new", content: "new" },
    { path: "kept/.wh.two" },
    { path: "was-dir", content: "a file now" },
    { path: "dangling", type: "symlink", mode: 0o777, linkname: "/no/such/file" },
  ],
];

const DOCKERFILE = `FROM base
COPY busybox/ /
COPY --chown=${BIGGEST_UID}:50999 --chmod=6755 special /opt/special
COPY odd/ /kept/odd/
COPY <<EOF /kept/two
back again
EOF
WORKDIR /kept/work
ENTRYPOINT ["/bin/sh", "-c"]
CMD ["cat /kept/two"]
LABEL form=any
`;

describe.runIf(ready)("outputs", () => {
  let folder = "";
  let server: DockerRegistry;
  let context = "";
  let built: Built;
  let options: { readonly context: string; readonly root: string; readonly buildContexts: Record<string, string> };
  const path = (name: string): string => join(folder, name);
  const pushed = (): string => `${server.host}/team/form:1`;

  beforeAll(async () => {
    folder = makeOwnFolder("outputs");
    server = await startDockerRegistry();
    const { result, blobs } = await buildResult([{ layers: BASE, config: { Env: ["PATH=/bin"] } }], ["base:1"]);
    await layoutExporter(path("base")).export(result, blobs);
    context = path("context");
    mkdirSync(join(context, "busybox"), { recursive: true });
    writeBusybox(join(context, "busybox"));
    writeFiles(context, {
      Dockerfile: DOCKERFILE,
      special: "setuid and setgid",
      "odd/ä": "umlaut",
      "odd/new\nline": "two lines",
      "odd/sticky": { type: "dir", mode: 0o1777, mtime: 1_234_567_890 },
      "odd/link": { type: "symlink", target: "ä", mtime: 1_234_567_890 },
    });
    writeFileSync(Buffer.from(`${context}/odd/latin\xe4`, "latin1"), "not UTF-8");
    options = { context, root: path("store"), buildContexts: { base: `oci-layout://${path("base")}` } };
    const compression = "gzip";
    built = await build({
      ...options,
      tags: [pushed()],
      outputs: [
        ociLayout(path("layout"), { compression, compressionLevel: 9 }),
        ociArchive(path("oci.tar"), { compression: "uncompressed" }),
        dockerArchive(path("docker.tar"), { compression, compressionLevel: 1 }),
        registry(),
        localStore(),
        rootfsTar(path("rootfs.tar")),
        rootfsFolder(path("rootfs")),
      ],
    });
  });
  afterAll(async () => {
    await server?.stop();
    removeOwnFolder(folder);
  });

  /** What the image is called by skopeo in each form. */
  const places = (): readonly (readonly [string, string])[] => [
    ["an OCI layout", `oci:${path("layout")}:1`],
    ["an OCI tarball", `oci-archive:${path("oci.tar")}:1`],
    ["a docker tarball", `docker-archive:${path("docker.tar")}:${pushed()}`],
    ["a registry", `docker://${pushed()}`],
    ["the store in place", `oci:${path("store/images")}:${pushed()}`],
  ];

  it("hold valid images that differ only in compression, all from one build", async () => {
    const seen: string[] = [];
    const check = async (blobs: BlobReader, descriptor: Descriptor): Promise<void> => {
      const { images } = await validateImage(blobs, descriptor);
      expect(images).toHaveLength(1);
      seen.push(images[0]!.layers.map(({ diffId }) => diffId).join(" "));
    };
    const layout = await openLayout(path("layout"));
    await check(layout.blobs, layout.find("1"));
    const store = await openLayout(path("store/images"));
    await check(store.blobs, store.find(pushed()));
    for (const name of ["oci.tar", "docker.tar"]) {
      const { blobs, index } = await readImageArchive(path(name));
      await check(blobs, index.manifests[0]!);
    }
    await using client = createRegistryClient();
    const source = registrySource(client, parseReference(pushed()));
    await check(source, (await source.fetchManifest("1")).descriptor);
    expect(new Set(seen).size).toBe(1);
    expect(built.outputs).toHaveLength(7);
    expect(built.digest).toBe(built.outputs[0]!.descriptor.digest);
  });

  it("are inspected and copied by skopeo", async () => {
    for (const [form, place] of places()) {
      const inspected = JSON.parse(await runProgram("skopeo", ["inspect", "--tls-verify=false", place])) as object;
      expect(inspected, form).toMatchObject({ Os: "linux", Labels: { form: "any" }, Env: ["PATH=/bin"] });
      const copy = path(`copy-${form}`);
      await runProgram("skopeo", ["copy", "--src-tls-verify=false", place, `oci:${copy}:1`]);
      const layout = await openLayout(copy);
      const { images } = await validateImage(layout.blobs, layout.find("1"));
      expect(images[0]!.config, form).toEqual(built.images[0]!.config);
    }
  });

  it.runIf(requireOrdinaryUser())("are copied by skopeo without privileges, out of archives too", async () => {
    await using user = makeOrdinaryUser();
    const out = user.folder("out");
    for (const [form, place] of places().slice(0, 4)) {
      const copy = ["skopeo", "copy", "--src-tls-verify=false", place, `dir:${out}/${form}`];
      const [program, ...args] = user.command(copy);
      await runProgram(program, args, { env: { ...user.env, TMPDIR: out }, cwd: out });
    }
  });

  it("are archives that tar lists", async () => {
    for (const name of ["oci.tar", "docker.tar"]) {
      const names = (await runProgram("tar", ["-tf", path(name)])).trim().split("\n");
      expect(names).toEqual(expect.arrayContaining(["oci-layout", "index.json", "manifest.json", "blobs/sha256/"]));
      expect(new Set(names).size, name).toBe(names.length);
    }
    const names = (await runProgram("tar", ["--quoting-style=escape", "-tf", path("rootfs.tar")])).trim().split("\n");
    expect(names).toEqual(
      expect.arrayContaining(["kept/odd/sticky/", "kept/two", "bin/busybox", "kept/odd/new\\nline"]),
    );
    expect(names).not.toEqual(expect.arrayContaining(["gone"]));
    expect(names.some((name) => name.includes(".wh."))).toBe(false);
  });

  it.runIf(withUmoci && isRoot)("are unpacked by umoci to what GNU tar makes of the root file system", async () => {
    mkdirSync(path("by-tar"));
    await runProgram("tar", ["-C", path("by-tar"), "--numeric-owner", "-xpf", path("rootfs.tar")]);
    const expected = await unpackedFiles(path("by-tar"));
    expect(expected.get("kept/hard")).toMatchObject({ sameAs: "kept/hard", type: "f" });
    expect(expected.get("kept/one")).toMatchObject({ sameAs: "kept/hard", mtime: "4102444800.0000000000" });
    expect(expected.get("early")).toMatchObject({ mtime: "-86400.0000000000" });
    expect(expected.get("ids")).toMatchObject({ owner: "3000000:3000001" });
    expect(expected.get("opt/special")).toMatchObject({ owner: "2147483647:50999", mode: "6755" });
    expect(expected.get("opaque")).toMatchObject({ mode: "711" });
    expect([...expected.keys()].filter((name) => /^opaque|gone|^was-dir/.test(name))).toEqual([
      "opaque",
      "opaque/new",
      "was-dir",
    ]);
    expect(expected.has("kept/odd/latin\xe4")).toBe(true);

    mkdirSync(path("untarred"));
    await runProgram("tar", ["-C", path("untarred"), "-xf", path("oci.tar")]);
    for (const image of [`${path("untarred")}:1`, `${path("layout")}:1`]) {
      const bundle = path(`bundle-${image.includes("untarred") ? "tar" : "layout"}`);
      await runProgram("umoci", ["unpack", "--image", image, bundle]);
      expect(compared(await unpackedFiles(join(bundle, "rootfs")))).toEqual(compared(expected));
    }
    const asFolder = await unpackedFiles(path("rootfs"));
    // Node cannot make what is no file, folder or link; it says so.
    expect(built.outputs.at(-1)!.warnings).toEqual([
      `1 devices and FIFOs were left out of "${path("rootfs")}": "pipe"`,
    ]);
    expect(expected.delete("pipe")).toBe(true);
    // The folder belongs to whoever exports: setuid would mean something else there.
    expected.set("opt/special", { ...expected.get("opt/special")!, mode: "755" });
    expect(compared(asFolder, "owner")).toEqual(compared(expected, "owner"));
  });

  it.runIf(withUmoci && requireOrdinaryUser())("are unpacked by umoci without privileges", async () => {
    await using user = makeOrdinaryUser();
    const bundle = join(user.folder("out"), "bundle");
    const [program, ...args] = user.command([
      ...["umoci", "unpack", "--rootless", "--image", `${path("layout")}:1`],
      bundle,
    ]);
    await runProgram(program, args, { env: user.env, cwd: user.home });
    const found = await unpackedFiles(join(bundle, "rootfs"));
    expect(found.delete("pipe")).toBe(true);
    expect([...found.keys()]).toEqual([...(await unpackedFiles(path("rootfs"))).keys()]);
  });

  it.runIf(withDockerd)("are loaded and run by docker", async () => {
    await using daemon = await startDockerd();
    const id = built.images[0]!.manifest.config.digest;
    for (const name of ["docker.tar", "oci.tar"]) {
      await daemon.docker(["load", "--input", path(name)]);
      expect(await daemon.docker(["image", "inspect", "--format", "{{.Id}}", pushed()]), name).toBe(`${id}\n`);
      expect(await daemon.docker(["run", "--rm", "--network", "host", pushed()]), name).toBe("back again\n");
      await daemon.docker(["image", "rm", "--force", pushed()]);
    }
  });

  it.runIf(withPodman)("are loaded and run by podman, and taken as a base by buildah", async () => {
    await using user = isRoot ? undefined : makeOrdinaryUser();
    await using podman = makePodman(user === undefined ? {} : { user });
    const id = built.images[0]!.manifest.config.digest.slice(7);
    for (const name of ["docker.tar", "oci.tar"]) {
      await podman.podman(["load", "--input", path(name)]);
      const [inspected] = JSON.parse(await podman.podman(["image", "inspect", id])) as [{ RepoTags: string[] }];
      expect(inspected.RepoTags.length, name).toBeGreaterThan(0);
      expect(await podman.run([id]), name).toBe("back again\n");
      await podman.podman(["image", "rm", "--force", id]);
    }
    for (const place of [`oci-archive:${path("oci.tar")}:1`, `docker-archive:${path("docker.tar")}`]) {
      const container = (await podman.buildah(["from", "--quiet", place])).trim();
      expect((await podman.buildah(["inspect", "--format", "{{.FromImageID}}", container])).trim(), place).toBe(id);
      await podman.buildah(["rm", container]);
    }
  });

  it("go to standard output just as into a file", async () => {
    const args = ["--root", path("store"), "--build-context", `base=oci-layout://${path("base")}`, "-t", pushed(), "."];
    for (const [spec, name] of [
      ["-", "rootfs.tar"],
      ["type=oci,compression=uncompressed,dest=-", "oci.tar"],
      ["type=docker,compression-level=1,dest=-", "docker.tar"],
    ] as const) {
      const { code, stdout, stderr } = await tryOcibuild(["-o", spec, ...args], { cwd: context });
      expect(code, stderr).toBe(0);
      expect(stdout.equals(readFileSync(path(name))), name).toBe(true);
    }
  });

  it("are the same at every gzip level but for their size", async () => {
    const sizes: number[] = [];
    for (const level of [0, 1, 4, 6, 9]) {
      const layout = path(`level-${level}`);
      const outputs: OutputSpec[] = [ociLayout(layout, { compressionLevel: level, compression: "gzip" })];
      const { images } = await build({ ...options, root: path("levels"), tags: ["x:1"], outputs });
      await runProgram("skopeo", ["copy", `oci:${layout}:1`, `dir:${layout}-copy`]);
      const { blobs, find } = await openLayout(layout);
      await validateImage(blobs, find());
      sizes.push(images[0]!.layers.reduce((sum, { descriptor }) => sum + descriptor.size, 0));
      for (const { descriptor } of images[0]!.layers) {
        execFileSync("gzip", ["-t"], { input: readFileSync(join(layout, "blobs/sha256", descriptor.digest.slice(7))) });
      }
    }
    expect(sizes).toEqual([...sizes].sort((a, b) => b - a));
    expect(new Set(sizes).size).toBe(sizes.length);
  });

  it.runIf(hasZstd)("are compressed with zstd where Node can, and skopeo reads that", async () => {
    const outputs = [ociLayout(path("zstd"), { compression: "zstd" })];
    const { images } = await build({ ...options, tags: ["x:1"], outputs });
    expect(images[0]!.layers.at(-1)!.descriptor.mediaType).toBe("application/vnd.oci.image.layer.v1.tar+zstd");
    const { blobs, find } = await openLayout(path("zstd"));
    await validateImage(blobs, find());
    await runProgram("skopeo", ["copy", `oci:${path("zstd")}:1`, `dir:${path("zstd")}-copy`]);
  });

  it.runIf(hasZstd && withPodman)("are run by podman when they are compressed with zstd", async () => {
    await using user = isRoot ? undefined : makeOrdinaryUser();
    await using podman = makePodman(user === undefined ? {} : { user });
    const outputs = [ociArchive(path("zstd.tar"), { compression: "zstd", forceCompression: true })];
    const { images } = await build({ ...options, tags: ["x:1"], outputs });
    await podman.podman(["load", "--input", path("zstd.tar")]);
    expect(await podman.run([images[0]!.manifest.config.digest.slice(7)])).toBe("back again\n");
  });

  it.runIf(!hasZstd)("are refused with zstd where Node cannot, before any work", async () => {
    const outputs = [ociLayout(path("zstd"), { compression: "zstd" })];
    const refused = build({ ...options, tags: ["x:1"], outputs });
    await expect(refused).rejects.toMatchObject({ hint: expect.stringContaining("Node") });
  });
});

/** In a form that vitest shows as a difference of lines. */
function compared(files: ReadonlyMap<string, UnpackedFile>, ...without: readonly (keyof UnpackedFile)[]): string[] {
  return [...files].map(([path, file]) => {
    const shown = Object.entries(file).filter(([key]) => !without.includes(key as keyof UnpackedFile));
    return `${path}: ${shown.map(([, value]) => value).join(" ")}`;
  });
}
