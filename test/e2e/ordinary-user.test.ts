/** No privileges, no traces: what a build of an ordinary user writes, and where. */
import { lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { validateImage } from "../../src/testing/validate-image.js";
import { ocibuild, ocibuildBin } from "../support/ocibuild.js";
import { makeOrdinaryUser, requireOrdinaryUser } from "../support/ordinary-user.js";
import { runProgram, tryProgram } from "../support/program.js";
import { readImageArchive } from "../support/read-archive.js";
import { requireTool } from "../support/tools.js";

const ready = requireTool("sh", "find") && requireOrdinaryUser();

/** Where everybody can write. */
const SHARED_FOLDERS = ["/tmp", "/var/tmp", "/dev/shm", "/run"];

describe.runIf(ready)("an ordinary user", () => {
  it("builds an OCI tarball, and nothing is written but that and the store", async () => {
    await using user = makeOrdinaryUser();
    const work = user.folder("work");
    const temporary = user.folder("tmp");
    const dockerfile = `FROM scratch
COPY --chown=0:0 a /etc/a
COPY --chown=12345:54321 --chmod=4755 a /etc/b
WORKDIR /w
USER 12345
`;
    const [program, ...args] = user.command(["sh", "-c", 'cd "$1" && printf a > a && cat > Dockerfile', "sh", work]);
    await runProgram(program, args, { env: user.env, cwd: user.home, input: dockerfile });
    const before = await filesOf(user.uid, SHARED_FOLDERS, user.home);
    ocibuildBin();

    const env = { TMPDIR: temporary };
    const options = { cwd: work, user, env };
    const digest = await ocibuild(["-t", "x:1", "-o", "type=oci,dest=image.tar", "."], options);
    expect(await ocibuild(["-t", "x:1", "-o", "type=oci,dest=image.tar", "."], options)).toBe(digest);

    const { blobs, index } = await readImageArchive(join(work, "image.tar"));
    expect(index.manifests[0]!.digest).toBe(digest);
    const { images } = await validateImage(blobs, index.manifests[0]!);
    expect(images[0]!.config.config).toMatchObject({ User: "12345", WorkingDir: "/w" });
    const listed = await runProgram("tar", [
      "--to-stdout",
      "-xf",
      join(work, "image.tar"),
      layerPath(images[0]!.layers[1]!),
    ]);
    expect(listed.length).toBeGreaterThan(0);

    expect(readdirSync(work).sort()).toEqual(["Dockerfile", "a", "image.tar"]);
    expect(readdirSync(temporary)).toEqual([]);
    expect(readdirSync(user.home).sort()).toEqual([".local", "tmp", "work"]);
    expect(readdirSync(join(user.home, ".local"))).toEqual(["share"]);
    expect(readdirSync(join(user.home, ".local/share"))).toEqual(["ocibuild"]);
    expect(lstatSync(join(user.home, ".local/share/ocibuild")).mode & 0o777).toBe(0o700);
    expect(await filesOf(user.uid, SHARED_FOLDERS, user.home)).toEqual(before);
  });
});

function layerPath({ descriptor }: { readonly descriptor: { readonly digest: string } }): string {
  return `blobs/sha256/${descriptor.digest.slice(7)}`;
}

/** Paths below `folders`, but not below `except`, that belong to the user. */
async function filesOf(uid: number, folders: readonly string[], except: string): Promise<string[]> {
  const args = [...folders, "-xdev", "-path", except, "-prune", "-o", "-uid", String(uid), "-print"];
  // Other processes' files come and go meanwhile, which find reports as errors.
  const { stdout } = await tryProgram("find", args);
  return stdout
    .toString("utf8")
    .trim()
    .split("\n")
    .filter((path) => path !== "")
    .sort();
}
