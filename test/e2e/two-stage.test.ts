/** A Dockerfile of two stages over 20,000 files: what the engines' containers see is what was asked for. */
import { linkSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Built, build, dockerArchive } from "../../src/index.js";
import { validateImage } from "../../src/testing/validate-image.js";
import {
  type ContainerFile,
  contentDigest,
  differences,
  listingScript,
  parseListing,
} from "../support/container-files.js";
import { startDockerd } from "../support/dockerd.js";
import { makeOrdinaryUser, requireOrdinaryUser, requireRoot } from "../support/ordinary-user.js";
import { makeOwnFolder, removeOwnFolder } from "../support/own-folder.js";
import { makePodman } from "../support/podman.js";
import { runProgram } from "../support/program.js";
import { readImageArchive } from "../support/read-archive.js";
import { writeBusybox } from "../support/root-files.js";
import { requireTool } from "../support/tools.js";
import { writeFiles } from "../support/write-files.js";

const ready = requireTool("busybox", "ldd", "tar");
const withDockerd = ready && requireTool("dockerd", "docker") && requireRoot();
const withPodman = ready && requireTool("podman") && requireOrdinaryUser();

const FOLDERS = 200;
const FILES_IN_EACH = 100;
const MTIME = 1_500_000_000;

const DOCKERFILE = `# syntax=docker/dockerfile:1
ARG BASE=busybox:1
FROM \${BASE} AS source
WORKDIR /src
COPY . .
COPY --chmod=u=rw,go= <<"EOF" generated/key
no $variable here
EOF

FROM busybox:1
LABEL org.example.title="two words" org.example.stage=2
LABEL dropped=1
LABEL dropped=
ENV GREETING="hello world" PATH=/opt/bin:/bin
ARG VERSION=0.1
ENV VERSION=\${VERSION:-none}
COPY --from=source --chown=app:staff /src/tree /srv/tree
COPY --from=source --chown=1000:2000 --chmod=0640 /src/generated/ /srv/generated/
COPY --from=0 --chown=60001:60002 /src/big.bin /srv/big.bin
COPY --chown=www odd/ /srv/odd/
COPY --link --chmod=755 ["run.sh", "run again.sh", "/opt/bin/"]
ADD archive.tar.gz /srv/unpacked/
WORKDIR /srv/work
WORKDIR deeper
COPY <<-EOF /srv/motd
	version \${VERSION}
EOF
COPY seed /data/
USER app
WORKDIR /srv/home
VOLUME ["/data", "/srv/cache"]
EXPOSE 8080/tcp 53/udp
STOPSIGNAL SIGQUIT
HEALTHCHECK --interval=30s --retries=2 CMD ["run.sh", "--check"]
ONBUILD COPY . /onbuild
ENTRYPOINT ["/opt/bin/run.sh"]
CMD ["one", "two three"]
`;

const IGNORE = "**/*.log\n!tree/d000/keep.log\nnode_modules\nsecret*\n*.md\n!README.md\n";

describe.runIf(ready)("a two-stage Dockerfile over 20,000 files", () => {
  let folder = "";
  let archive = "";
  let built: Built;
  const expected = new Map<string, ContainerFile>();

  beforeAll(async () => {
    folder = makeOwnFolder("two-stage");
    const root = join(folder, "store");
    const base = join(folder, "base");
    mkdirSync(join(base, "root"), { recursive: true });
    writeBusybox(join(base, "root"));
    await build({
      context: base,
      dockerfile: "FROM scratch\nCOPY root/ /\nENV PATH=/bin\n",
      tags: ["busybox:1"],
      root,
    });
    const context = join(folder, "context");
    await writeContext(context, expected);
    archive = join(folder, "image.tar");
    built = await build({
      context,
      buildArgs: { VERSION: "2.5" },
      labels: { "org.example.option": "yes" },
      tags: ["two-stage:1"],
      outputs: [dockerArchive(archive)],
      root,
    });
  });
  afterAll(() => removeOwnFolder(folder));

  it("is a valid image with the files asked for", async () => {
    const { blobs } = await readImageArchive(archive);
    await validateImage(blobs, built.descriptor);
    const seen = new Map<string, ContainerFile>();
    for await (const file of built.files()) {
      const { path } = file;
      if (!path.startsWith("/srv") && !path.startsWith("/opt")) continue;
      const wanted = expected.get(path);
      seen.set(path, {
        type: file.type as ContainerFile["type"],
        mode: file.type === "symlink" ? "777" : file.mode.toString(8),
        owner: `${file.uid}:${file.gid}`,
        ...(wanted?.content === undefined ? {} : { content: wanted.content }),
        ...(wanted?.target === undefined ? {} : { target: wanted.target }),
      });
    }
    const withoutTimes = [...expected].map(([path, { mtime: _, ...file }]) => [path, file] as const);
    expect(differences(new Map(withoutTimes), seen)).toEqual([]);
  });

  it.runIf(withDockerd)("looks the same in dockerd", async () => {
    await using daemon = await startDockerd();
    await daemon.docker(["load", "--input", archive]);
    const [inspected] = JSON.parse(await daemon.docker(["image", "inspect", "two-stage:1"])) as [{ Config: unknown }];
    expect(inspected.Config).toMatchObject(EXPECTED_CONFIG);
    expect((inspected.Config as { Labels: object }).Labels).toEqual(EXPECTED_CONFIG.Labels);
    await checkContainers((args) => daemon.docker(["run", "--rm", "--network", "host", ...args]));
  });

  it.runIf(withPodman)("looks the same in podman without privileges", async () => {
    await using user = makeOrdinaryUser();
    await using podman = makePodman({ user });
    await podman.podman(["load", "--input", archive]);
    const [inspected] = JSON.parse(await podman.podman(["image", "inspect", "two-stage:1"])) as [{ Config: unknown }];
    // Podman does not show these two.
    const { Healthcheck: _, OnBuild: __, ...config } = EXPECTED_CONFIG;
    expect(inspected.Config).toMatchObject(config);
    await checkContainers((args) => podman.run(args));
  });

  const checkContainers = async (run: (args: readonly string[]) => Promise<string>): Promise<void> => {
    const shell = ["--user", "0", "--entrypoint", "/bin/sh", "two-stage:1", "-c"];
    const seen = parseListing(await run([...shell, listingScript("/srv", "/opt")]));
    const volumes = new Map<string, ContainerFile>([
      ["/srv/cache", seen.get("/srv/cache") ?? { type: "file", mode: "", owner: "" }],
    ]);
    expect(volumes.get("/srv/cache")!.type).toBe("dir");
    expect(differences(new Map([...expected, ...volumes]), seen)).toEqual([]);
    expect(await run([...shell, "stat -c '%a %u:%g' /data /data/seed && cat /data/seed"])).toBe(
      "755 0:0\n644 0:0\nplanted\n",
    );
    const plain = await run(["two-stage:1"]);
    expect(plain).toBe("1234:2345 /srv/home hello world 2.5\none\ntwo three\n");
  };
});

const EXPECTED_CONFIG = {
  User: "app",
  WorkingDir: "/srv/home",
  Env: ["PATH=/opt/bin:/bin", "GREETING=hello world", "VERSION=2.5"],
  Entrypoint: ["/opt/bin/run.sh"],
  Cmd: ["one", "two three"],
  Volumes: { "/data": {}, "/srv/cache": {} },
  ExposedPorts: { "8080/tcp": {}, "53/udp": {} },
  StopSignal: "SIGQUIT",
  Healthcheck: { Test: ["CMD", "run.sh", "--check"], Interval: 30e9, Retries: 2 },
  OnBuild: ["COPY . /onbuild"],
  Labels: {
    "org.example.title": "two words",
    "org.example.stage": "2",
    "org.example.option": "yes",
    dropped: "",
  },
};

/** Writes the build context into the new folder `context`, and what the image shall hold into `expected`. */
async function writeContext(context: string, expected: Map<string, ContainerFile>): Promise<void> {
  const add = (path: string, file: ContainerFile): void => void expected.set(path, file);
  const dir = (owner: string, mode = "755"): ContainerFile => ({ type: "dir", mode, owner });
  const file = (owner: string, mode: string, content: string | Uint8Array, mtime?: number): ContainerFile => ({
    type: "file",
    mode,
    owner,
    content: contentDigest(content),
    ...(mtime === undefined ? {} : { mtime }),
  });

  mkdirSync(join(context, "tree"), { recursive: true });
  // Folders on the way to a destination belong to whom the files were given first.
  add("/srv", dir("1234:50"));
  for (const path of ["/opt", "/opt/bin", "/srv/work", "/srv/work/deeper", "/srv/unpacked"]) add(path, dir("0:0"));
  add("/srv/home", dir("1234:2345"));
  add("/srv/tree", dir("1234:50"));
  for (let folder = 0; folder < FOLDERS; folder += 1) {
    const name = `d${String(folder).padStart(3, "0")}`;
    const folderMode = folder % 3 === 0 ? 0o750 : 0o755;
    writeFiles(context, { [`tree/${name}`]: { type: "dir", mode: folderMode } });
    add(`/srv/tree/${name}`, dir("1234:50", folderMode.toString(8)));
    for (let at = 0; at < FILES_IN_EACH; at += 1) {
      const path = `tree/${name}/file ${at}.txt`;
      const content = `${path}\n`.repeat(at % 20);
      const mode = [0o755, 0o600, 0o444, 0o644, 0o664][at % 5]!;
      const mtime = MTIME + folder * FILES_IN_EACH + at;
      writeFiles(context, { [path]: { content, mode, mtime } });
      add(`/srv/${path}`, file("1234:50", mode.toString(8), content, mtime));
    }
  }
  symlinkSync("d000/file 0.txt", join(context, "tree", "link"));
  add("/srv/tree/link", { type: "symlink", mode: "777", owner: "1234:50", target: "d000/file 0.txt" });
  linkSync(join(context, "tree/d000/file 3.txt"), join(context, "tree/hard"));
  add("/srv/tree/hard", { ...expected.get("/srv/tree/d000/file 3.txt")! });

  writeFiles(context, {
    Dockerfile: DOCKERFILE,
    ".dockerignore": IGNORE,
    "tree/d000/keep.log": "kept\n",
    "tree/d000/drop.log": "dropped\n",
    "tree/d001/drop.log": "dropped\n",
    "node_modules/dep/index.js": "",
    "secret.env": "TOKEN=1",
    "run.sh": { mode: 0o600, content: RUN_SCRIPT },
    "run again.sh": "#!/bin/sh\n",
    seed: "planted\n",
  });
  add("/srv/tree/d000/keep.log", file("1234:50", "644", "kept\n"));
  add("/opt/bin/run.sh", file("0:0", "755", RUN_SCRIPT));
  add("/opt/bin/run again.sh", file("0:0", "755", "#!/bin/sh\n"));
  add("/srv/motd", file("0:0", "644", "version 2.5\n"));
  add("/srv/generated", dir("1000:2000", "640"));
  add("/srv/generated/key", file("1000:2000", "640", "no $variable here\n"));

  const big = Buffer.alloc(3_000_000, "not the same all over ");
  big.write("really", 1_500_000);
  writeFiles(context, { "big.bin": { content: big, mode: 0o4755 } });
  add("/srv/big.bin", file("60001:60002", "4755", big));

  const odd = {
    "ä ö": "umlaut",
    "'quotes\"": "q",
    "-dash": "d",
    "*?[x]": "glob",
    ["n".repeat(255)]: "long",
    ".hidden": "h",
  };
  // The folder that was named is not copied, only what is in it.
  add("/srv/odd", dir("33:44"));
  add("/srv/odd/sticky", dir("33:44", "1777"));
  writeFiles(context, { odd: { type: "dir", mode: 0o700 }, "odd/sticky": { type: "dir", mode: 0o1777 } });
  for (const [name, content] of Object.entries(odd)) {
    writeFiles(context, { [`odd/${name}`]: content });
    add(`/srv/odd/${name}`, file("33:44", "644", content));
  }

  const packed = join(context, "packed");
  writeFiles(packed, { "p/a": { content: "a", mode: 0o600, mtime: MTIME }, "p/b": { type: "symlink", target: "a" } });
  const options = ["--owner=7", "--group=8", "--numeric-owner", "--format=gnu"];
  await runProgram("tar", ["-C", packed, ...options, "-czf", join(context, "archive.tar.gz"), "p"]);
  add("/srv/unpacked/p", dir("7:8"));
  add("/srv/unpacked/p/a", file("7:8", "600", "a", MTIME));
  add("/srv/unpacked/p/b", { type: "symlink", mode: "777", owner: "7:8", target: "a" });
  writeFileSync(join(context, "README.md"), "");
  utimesSync(join(context, "seed"), MTIME, MTIME);
}

const RUN_SCRIPT = `#!/bin/sh
echo "$(id -u):$(id -g) $(pwd) $GREETING $VERSION"
for word; do echo "$word"; done
`;
