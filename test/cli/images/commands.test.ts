/** The commands on a store of their own, without a process: what they print, and with which code they end. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openStore } from "../../../src/cache/store.js";
import { runCli } from "../../../src/cli/run-cli.js";
import { startRegistry } from "../../../src/testing/registry/registry.js";
import { selfSignedCertificate } from "../../support/certificate.js";
import { storeImage } from "../../support/open-store.js";
import { tempFolder } from "../../support/temp-folder.js";
import { type FakeIoOptions, fakeIo } from "../support/fake-io.js";

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const inFolder =
  (cwd: string) =>
  async (argv: readonly string[], options: FakeIoOptions = {}): Promise<Ended> => {
    const io = fakeIo(argv, {
      cwd,
      ...options,
      env: { OCIBUILD_ROOT: join(cwd, "store"), DOCKER_CONFIG: cwd, ...options.env },
    });
    const code = await runCli(io);
    return { code, ...io.written };
  };

async function withImage(): Promise<{ readonly cwd: string; readonly run: ReturnType<typeof inFolder> }> {
  const cwd = tempFolder();
  const store = await openStore(join(cwd, "store"));
  await storeImage(store, ["docker.io/library/app:1", "r.example/team/app:2"]);
  return { cwd, run: inFolder(cwd) };
}

describe("image commands", () => {
  test("list, name, show and remove", async () => {
    const { run } = await withImage();
    const { stdout } = await run(["images"]);
    const [head, ...rows] = stdout.trimEnd().split("\n");
    expect(head).toMatch(/^REPOSITORY +TAG +IMAGE ID +CREATED +SIZE$/);
    expect(rows).toEqual([
      expect.stringMatching(/^app +1 +[0-9a-f]{12} +.+ ago +6B$/),
      expect.stringMatching(/^r\.example\/team\/app +2 +[0-9a-f]{12} +.+ ago +6B$/),
    ]);
    const id = (await run(["images", "-q", "--no-trunc"])).stdout.trim();
    expect(await run(["tag", id.slice(7, 17), "more:3"])).toEqual({ code: 0, stdout: "", stderr: "" });
    expect((await run(["images", "--format", "{{.Repository}}:{{.Tag}}", "more"])).stdout).toBe("more:3\n");
    expect((await run(["images", "--digests", "more"])).stdout).toMatch(/DIGEST.*\nmore +3 +sha256:[0-9a-f]{64} /);
    expect((await run(["inspect", "-f", "{{.Id}} {{len .RepoTags}}", "more:3"])).stdout).toBe(`${id} 3\n`);
    expect(JSON.parse((await run(["inspect", "app:1"])).stdout)).toMatchObject([{ Id: id }]);
    expect((await run(["history", "-q", "--no-trunc", "app:1"])).stdout).toBe(`${id}\n`);
    expect((await run(["history", "-H=false", "app:1"])).code).toBe(2);
    expect((await run(["history", "--human=false", "app:1"])).stdout).toContain("2023-11-14T22:13:20Z");
    expect(await run(["rmi", "more:3", "nothing", "app:1"])).toMatchObject({
      code: 1,
      stdout: "Untagged: more:3\nUntagged: app:1\n",
      stderr: expect.stringContaining("ERROR: No such image: nothing:latest\n"),
    });
    expect((await run(["images", "-q"])).stdout).toBe(`${id.slice(7, 19)}\n`);
  });

  test.each([
    [["images", "--format", "{{.Nope}}"], 'field ".Nope" is not known'],
    [["images", "--filter", "color=red"], 'invalid filter "color"'],
    [["images", "--filter", "dangling=perhaps"], "invalid filter 'dangling=perhaps'"],
    [["images", "--filter", "until=then"], "invalid filter 'until=then'"],
    [["images", "--tree"], 'option "--tree" is not supported'],
    [["images", "a", "b"], '"ocibuild images" requires at most 1 argument but got 2'],
    [["tag", "app:1"], '"ocibuild tag" requires 2 arguments but got 1'],
    [["pull", "-a", "app:1"], "tag can't be used with --all-tags/-a"],
    [["push", `app@sha256:${"0".repeat(64)}`], "cannot push a digest reference"],
    [["pull", "--platform", "what/is/this/thing", "app"], "--platform"],
    [["inspect", "--type", "volume", "x"], "is not a valid value for --type"],
    [["copy", "dir:x", "oci:y"], 'the transport "dir" is not supported'],
    [["login", "--password-stdin", "r.example"], "requires --username to be set"],
    [["login", "r.example"], "cannot perform an interactive login from a non TTY device"],
    [["help", "imges"], 'command "imges" is unknown'],
  ])("%j is wrong use: exit code 2 and a word on it", async (argv, message) => {
    const { run } = await withImage();
    const { code, stdout, stderr } = await run(argv);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain(message);
    expect(stderr).toMatch(/See "ocibuild( [a-z]+)? --help"\.\n$|hint: /);
  });

  test("save refuses a terminal, and load reads what save wrote", async () => {
    const { cwd, run } = await withImage();
    expect((await run(["save", "app:1"], { stdoutIsTTY: true })).stderr).toContain(
      "cowardly refusing to save to a terminal",
    );
    expect(await run(["save", "-o", "a.tar", "app:1"])).toEqual({ code: 0, stdout: "", stderr: "" });
    const other = inFolder(join(cwd, ".."));
    const env = { OCIBUILD_ROOT: join(cwd, "other") };
    expect(await other(["load", "-i", join(cwd, "a.tar")], { env })).toMatchObject({
      code: 0,
      stdout: "Loaded image: app:1\n",
    });
    expect(await other(["load", "-q", "-i", join(cwd, "a.tar")], { env })).toMatchObject({ code: 0, stdout: "" });
    expect(await other(["load"], { env, stdin: "no archive" })).toMatchObject({ code: 1 });
  });

  test("login keeps what the registry takes, push needs it, logout forgets it", async () => {
    const registry = await startRegistry({ access: { kind: "basic", users: { ada: "s3cret" } } });
    try {
      const { cwd, run } = await withImage();
      const name = `${registry.host}/app:1`;
      await run(["tag", "app:1", name]);
      expect(await run(["push", name])).toMatchObject({ code: 1 });
      const login = ["login", "-u", "ada", "--password-stdin", registry.host];
      expect(await run(login, { stdin: "guess\n" })).toMatchObject({ code: 1, stdout: "" });
      expect(await run(login, { stdin: "s3cret\r\n" })).toMatchObject({ code: 0, stdout: "Login Succeeded\n" });
      expect(JSON.parse(readFileSync(join(cwd, "config.json"), "utf8"))).toEqual({
        auths: { [registry.host]: { auth: Buffer.from("ada:s3cret").toString("base64") } },
      });
      const pushed = await run(["push", name]);
      expect(pushed.stdout).toMatch(/: Pushed\n1: digest: sha256:[0-9a-f]{64} size: \d+\n$/);
      expect((await run(["pull", name])).stdout).toMatch(
        new RegExp(`Status: Image is up to date for ${name}\n${name}\n$`),
      );
      expect((await run(["pull", "-q", name])).stdout).toBe(`${name}\n`);
      expect(await run(["logout", registry.host])).toMatchObject({
        code: 0,
        stdout: `Removing login credentials for ${registry.host}\n`,
      });
      expect(await run(["logout", registry.host])).toMatchObject({
        code: 0,
        stdout: `Not logged in to ${registry.host}\n`,
      });
    } finally {
      await registry[Symbol.asyncDispose]();
    }
  });

  test("R14: certificates that are not checked are a warning, also without progress", async () => {
    const registry = await startRegistry({ tls: selfSignedCertificate() });
    try {
      const { run } = await withImage();
      const name = `localhost:${registry.port}/app:1`;
      const insecure = ["--insecure-registry", `localhost:${registry.port}`, name];
      const warning = `WARNING: certificates of "localhost:${registry.port}" are not checked: whoever is between can read and change what is sent\n`;
      await run(["tag", "app:1", name]);
      for (const words of [["push"], ["pull"], ["pull", "-q"]]) {
        expect(await run([...words, ...insecure])).toMatchObject({ code: 0, stderr: warning });
      }
      expect(await run(["pull", "--progress", "quiet", ...insecure])).toMatchObject({ code: 0, stderr: "" });
    } finally {
      await registry[Symbol.asyncDispose]();
    }
  });

  test("copy prints the digest, and writes it to a file", async () => {
    const { cwd, run } = await withImage();
    const { code, stdout } = await run(["copy", "--digestfile", "digest", "app:1", "oci:layout:1"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^sha256:[0-9a-f]{64}\n$/);
    expect(readFileSync(join(cwd, "digest"), "utf8")).toBe(stdout.trim());
  });
});

describe("container commands", () => {
  test.each([
    [["--nonsense", "app:1"], 'option "--nonsense" is unknown'],
    [["-d", "app:1"], 'option "--detach" is not supported'],
    [["-p", "80:80", "app:1"], 'option "--publish 80:80" is not supported'],
    [[], '"ocibuild run" requires at least 1 argument but got 0'],
    [["-v", "name:/x", "app:1"], 'named volumes ("name") are not supported'],
    [["-v", "/x", "app:1"], 'anonymous volumes ("/x") are not supported'],
    [["-v", "./a:b", "app:1"], "expected an absolute path in the container"],
    [["-v", "./a:/b:z", "app:1"], '"z" of "./a:/b:z" are not supported'],
    [["--mount", "type=volume,target=/x", "app:1"], 'mounts of type "volume" are not supported'],
    [["--mount", "type=bind,src=./nothing,target=/x", "app:1"], "bind source path does not exist"],
    [["--mount", "type=bind,src=.,target=/x,bind-propagation=shared", "app:1"], '"bind-propagation"'],
    [["--tmpfs", "/x:uid=1", "app:1"], '"uid=1" of "/x:uid=1"'],
    [["--env-file", "nothing", "app:1"], "no such file"],
    [["-e", "=x", "app:1"], "invalid environment variable"],
    [["--network", "bridge", "app:1"], '"--network bridge" expected default, none or host'],
    [["-t", "app:1"], "--tty without --interactive is not supported"],
    [["-it", "app:1"], "the input device is not a TTY"],
    [["--pull", "never", "nothing"], "No such image: nothing:latest"],
    [["--executor", "none", "app:1"], "there is no executor"],
    [["--entrypoint", "", "app:1"], "no command specified"],
  ])("run %j is not run: 125", async (args, message) => {
    const { run } = await withImage();
    const { code, stdout, stderr } = await run(["run", ...args]);
    expect({ code, stdout }).toEqual({ code: 125, stdout: "" });
    expect(stderr).toContain(message);
  });

  test("a folder of a volume that is missing is made, a file is taken as it is", async () => {
    const { cwd, run } = await withImage();
    mkdirSync(join(cwd, "there"));
    writeFileSync(join(cwd, "file"), "");
    await run(["run", "--executor", "none", "-v", "./new/deep:/x", "-v", "./there:/y:ro", "-v", "./file:/z", "app:1"]);
    expect(() => readFileSync(join(cwd, "new/deep"))).toThrow("EISDIR");
  });

  test("ps, rm, diff and commit say what is not there", async () => {
    const { run } = await withImage();
    expect((await run(["ps"])).stdout).toMatch(/^CONTAINER ID +IMAGE +COMMAND +CREATED +STATUS +PORTS +NAMES\n$/);
    for (const argv of [
      ["rm", "x"],
      ["diff", "x"],
      ["commit", "x"],
      ["inspect", "x"],
    ]) {
      expect(await run(argv)).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(/^ERROR: No such (?:container: x|image: x:latest)\n/),
      });
    }
    expect(await run(["rm", "-f", "x"])).toEqual({ code: 0, stdout: "", stderr: "" });
    expect((await run(["ps", "--filter", "size=1"])).code).toBe(2);
    expect((await run(["diff", "app:1", "r.example/team/app:2"])).stdout).toBe("");
  });
});
