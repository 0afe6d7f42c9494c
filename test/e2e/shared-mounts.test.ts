/** What RUN keeps in cache mounts, by way of Docker's registry: between root and an ordinary user, and between executors. */
import { copyFileSync, existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type DockerRegistry, startDockerRegistry } from "../support/docker-registry.js";
import { ocibuildBin, tryOcibuild } from "../support/ocibuild.js";
import { makeOrdinaryUser, type OrdinaryUser, requireOrdinaryUser, requireRoot } from "../support/ordinary-user.js";
import { makeOwnFolder, removeOwnFolder } from "../support/own-folder.js";
import { requireTool } from "../support/tools.js";
import { writeFiles } from "../support/write-files.js";

const TOOLS = ["docker-registry", "unshare", "setpriv", "mount", "flock", "newuidmap", "tar", "busybox"] as const;
const ready = requireTool(...TOOLS) && requireRoot() && requireOrdinaryUser();

/** Says what it finds, and leaves files of several owners, modes and types. */
const DOCKERFILE = `FROM scratch
COPY busybox /bin/busybox
RUN ["/bin/busybox", "--install", "-s", "/bin"]
ARG JOB
RUN --mount=type=cache,id=apt,target=/c,uid=7,gid=8,mode=0750 <<'EOF'
set -e
cd /c
test ! -e log || echo "found $(cat log | tr '\\n' ' ')$(stat -c '%n=%a:%u:%g' . dir dir/file soft | tr '\\n' ' ')$(cat hard)"
echo "$JOB" >> log
mkdir -p dir
test -e dir/file || { echo content > dir/file; chown 33:34 dir/file dir; chmod 4711 dir/file; ln dir/file hard; ln -s log soft; }
EOF
`;
const FOUND = ".=750:7:8 dir=755:33:34 dir/file=4711:33:34 soft=777:0:0 content";

describe.runIf(ready)("cache mounts by a registry", () => {
  let registry: DockerRegistry;
  let user: OrdinaryUser;
  let folder: string;

  beforeAll(async () => {
    ocibuildBin();
    registry = await startDockerRegistry();
    user = makeOrdinaryUser();
    folder = makeOwnFolder("mounts");
    writeFiles(join(folder, "context"), { Dockerfile: DOCKERFILE });
    copyFileSync("/bin/busybox", join(folder, "context", "busybox"));
  });
  afterAll(async () => {
    await user?.[Symbol.asyncDispose]();
    await registry?.stop();
    removeOwnFolder(folder);
  });

  let number = 0;

  interface Job {
    /** What the command found. */
    readonly found: string | undefined;
    readonly log: string;
    readonly store: string;
  }

  /** Builds in a new store. */
  async function job(name: string, args: readonly string[], who: "root" | "user" = "root"): Promise<Job> {
    const store = who === "user" ? user.folder(`store-${number++}`) : join(folder, `store-${number++}`);
    mkdirSync(store, { recursive: true, mode: 0o700 });
    const words = ["build", "--progress=plain", "--root", store, "--build-arg", `JOB=${name}`, ...args];
    const options = { cwd: "/", ...(who === "user" ? { user } : {}) };
    const { code, stderr } = await tryOcibuild([...words, "-o", "type=cacheonly", join(folder, "context")], options);
    expect(code, stderr).toBe(0);
    return { found: /^#\d+ [\d.]+ found (.*)$/m.exec(stderr)?.[1]?.trim(), log: stderr, store };
  }

  const cacheFor = (name: string): readonly [from: string, to: string] => {
    const place = `type=registry,ref=${registry.host}/team/${name}:cache,mounts=true`;
    return [`--cache-from=${place}`, `--cache-to=${place},mode=max`];
  };

  test.each([
    ["root", "user"],
    ["user", "root"],
  ] as const)("what %s has left is there for %s, with the owners that the container saw", async (one, two) => {
    const [from, to] = cacheFor(`${one}-to-${two}`);
    const executor = "--executor=namespaces";
    const first = await job("first", [to, executor], one);
    expect(first.found).toBeUndefined();
    expect(first.log).toMatch(/entries, 1 cache mount\n/);
    const second = await job("second", [from, to, executor], two);
    expect(second.found).toBe(`first ${FOUND}`);
    const third = await job("third", [from, executor], one);
    expect(third.found).toBe(`first second ${FOUND}`);
  });

  test("chroot and namespaces exchange them", async () => {
    const [from, to] = cacheFor("executors");
    await job("chroot", [to, "--executor=chroot"]);
    expect((await job("namespaces", [from, to, "--executor=namespaces"])).found).toBe(`chroot ${FOUND}`);
    expect((await job("again", [from, "--executor=chroot"])).found).toBe(`chroot namespaces ${FOUND}`);
  });

  test("nothing of them is fetched when no command runs", async () => {
    const [from, to] = cacheFor("hit");
    await job("first", [to, "--executor=namespaces"]);
    const again = await job("first", [from, to, "--executor=namespaces"]);
    expect(again.log).not.toContain("cache mount");
    expect(existsSync(join(again.store, "executors", "overlay", "caches"))).toBe(false);
  });

  test("one above the limit is named with its size, and what others left stays", async () => {
    const [from, to] = cacheFor("limit");
    await job("first", [to, "--executor=namespaces"]);
    const { log } = await job("second", [from, `${to},mounts-limit=3kB`, "--executor=namespaces"]);
    expect(log).toMatch(/WARNING: cache mount "apt" was not exported to registry ".*": it has [\d.]+ MiB, and no more/);
    expect((await job("third", [from, "--executor=namespaces"])).found).toMatch(/^first \./);
  });

  test("a store has nothing temporary left", async () => {
    const [from, to] = cacheFor("temporary");
    await job("first", [to, "--executor=namespaces"]);
    const { store } = await job("second", [from, to, "--executor=namespaces"]);
    expect(readdirSync(join(store, "tmp"))).toEqual([]);
    expect(readdirSync(join(store, "executors", "overlay", "tmp"))).toEqual([]);
  });
});
