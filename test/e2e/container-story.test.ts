/** A beginner's course on containers, word for word, with `ocibuild` for `docker`; and containers as scripts use them. */
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type DockerRegistry, startDockerRegistry } from "../support/docker-registry.js";
import { ocibuildBin } from "../support/ocibuild.js";
import { requireRoot } from "../support/ordinary-user.js";
import { makeOwnFolder, removeOwnFolder } from "../support/own-folder.js";
import { tryProgram } from "../support/program.js";
import { buildBusybox, type StoreCommands, storeCommands } from "../support/store-commands.js";
import { requireTool } from "../support/tools.js";

const ready = process.platform === "linux" && requireTool("busybox", "ldd", "unshare", "setpriv", "tar");
const withRegistry = ready && requireTool("docker-registry", "htpasswd");
const withTerminal = ready && requireTool("script");
const executors = ready && requireRoot() && requireTool("runc") ? ["runc", "namespaces"] : ["namespaces"];

const WIDE = /^REPOSITORY +TAG +IMAGE ID +CREATED +SIZE$/;

describe.runIf(withRegistry)("the story of a course", () => {
  let folder: string;
  let registry: DockerRegistry;
  let docker: StoreCommands;

  beforeAll(async () => {
    folder = makeOwnFolder("story");
    registry = await startDockerRegistry({ users: { ada: "s3cret" } });
    docker = storeCommands(folder, "store");
    // What the course takes from Docker Hub: here a mirror has it.
    await buildBusybox(folder, storeCommands(folder, "hub"));
    const hub = storeCommands(folder, "hub");
    await hub.run(["login", "-u", "ada", "--password-stdin", registry.host], "s3cret\n");
    await hub.run(["tag", "busybox", `${registry.host}/library/busybox:latest`]);
    await hub.run(["push", `${registry.host}/library/busybox:latest`]);
  });
  afterAll(async () => {
    await registry?.stop();
    removeOwnFolder(folder);
  });

  it("runs hello world, pulling what is missing", async () => {
    const mirror = ["--registry-mirror", `docker.io=${registry.url}`];
    const first = await docker.tried(["run", ...mirror, "busybox", "echo", "Hello world"]);
    expect(first).toMatchObject({ code: 0, stdout: "Hello world\n" });
    expect(first.stderr).toContain(
      "Unable to find image 'busybox:latest' locally\nlatest: Pulling from library/busybox\n",
    );
    expect(first.stderr).toMatch(/\n[0-9a-f]{12}: Pull complete\n/);
    expect(first.stderr).toMatch(/\nDigest: sha256:[0-9a-f]{64}\nStatus: Downloaded newer image for busybox:latest\n$/);
    // Now it is there.
    expect(await docker.tried(["run", "--rm", "busybox", "echo", "Hello again"])).toEqual({
      code: 0,
      stdout: "Hello again\n",
      stderr: "",
    });
  });

  it("lists the image and its container", async () => {
    const [head, row, ...rest] = (await docker.run(["images"])).split("\n");
    expect(head).toMatch(WIDE);
    expect(row).toMatch(/^busybox +latest +[0-9a-f]{12} +.+ago +[0-9.]+[kM]B$/);
    expect(rest).toEqual([]);
    const [titles, container, ...others] = (await docker.run(["ps", "-a"])).split("\n");
    expect(titles).toMatch(/^CONTAINER ID +IMAGE +COMMAND +CREATED +STATUS +PORTS +NAMES$/);
    expect(container).toMatch(/^[0-9a-f]{12} +busybox +"echo Hello world" +.+ago +Exited \(0\) .+ago +[a-z]+_[a-z]+$/);
    expect(others).toEqual([]);
    expect((await docker.run(["ps"])).replace(/ +/g, " ")).toBe(titles!.replace(/ +/g, " "));
  });

  it("installs something in a container, looks at it, and makes an image of it", async () => {
    const install =
      "mkdir -p /usr/local/bin && cp /bin/busybox /usr/local/bin/git && echo v=1 > /etc/git.conf; rm /bin/env";
    await docker.run(["run", "--name", "install", "busybox", "sh", "-c", install]);
    expect((await docker.run(["diff", "install"])).split("\n")).toEqual([
      "C /bin",
      "D /bin/env",
      "C /etc",
      "A /etc/git.conf",
      "A /usr",
      "A /usr/local",
      "A /usr/local/bin",
      "A /usr/local/bin/git",
    ]);
    const id = await docker.run(["commit", "-m", "git is in", "-a", "Ada", "install", "ubuntu:git"]);
    expect(id).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(await docker.run(["images", "-q", "--no-trunc", "ubuntu"])).toBe(id);
    const [head, top, second] = (await docker.run(["history", "ubuntu:git"])).split("\n");
    expect(head).toMatch(/^IMAGE +CREATED +CREATED BY +SIZE +COMMENT$/);
    expect(top).toMatch(new RegExp(`^${id.slice(7, 19)} +.+ago +sh -c mkdir -p .+… +[0-9.]+[kM]B +git is in$`));
    expect(second).toMatch(/^<missing> +.+ago +CMD \["sh"\] +0B +ocibuild$/);
    const [record] = JSON.parse(await docker.run(["inspect", "ubuntu:git"]));
    expect(record).toMatchObject({
      Id: id,
      Author: "Ada",
      Comment: "git is in",
      RepoTags: ["ubuntu:git"],
      Os: "linux",
    });
    expect(record.RootFS.Layers).toHaveLength(3);
  });

  it("tags it, logs in, pushes it, and another machine runs it", async () => {
    const name = `${registry.host}/ada/ubuntu:git`;
    await docker.run(["tag", "ubuntu:git", name]);
    // The settings are shared; a course begins without them.
    expect(await docker.run(["logout", registry.host])).toBe(`Removing login credentials for ${registry.host}`);
    expect(await docker.tried(["push", name])).toMatchObject({ code: 1 });
    expect(await docker.tried(["login", "-u", "ada", "--password-stdin", registry.host], "wrong")).toMatchObject({
      code: 1,
    });
    expect(await docker.run(["login", "-u", "ada", "--password-stdin", registry.host], "s3cret\n")).toBe(
      "Login Succeeded",
    );
    const pushed = (await docker.run(["push", name])).split("\n");
    expect(pushed[0]).toBe(`The push refers to repository [${registry.host}/ada/ubuntu]`);
    expect(
      pushed.slice(1, -1).every((line) => /^[0-9a-f]{12}: (?:Pushed|Mounted|Layer already exists)$/.test(line)),
    ).toBe(true);
    const digest = /^git: digest: (sha256:[0-9a-f]{64}) size: \d+$/.exec(pushed.at(-1)!)?.[1];
    expect(digest).toBeDefined();

    const other = storeCommands(folder, "other");
    expect(await other.run(["images", "-q"])).toBe("");
    expect((await other.run(["pull", name])).split("\n").slice(-3)).toEqual([
      `Digest: ${digest}`,
      `Status: Downloaded newer image for ${name}`,
      name,
    ]);
    expect(await other.run(["run", "--rm", name, "git", "echo", "works"]).catch(String)).toContain("applet not found");
    expect(await other.run(["run", "--rm", name, "cat", "/etc/git.conf"])).toBe("v=1");
    expect(await other.run(["images", "-q"])).toBe(await docker.run(["images", "-q", "ubuntu"]));
    expect((await other.run(["pull", name])).split("\n").at(-2)).toBe(`Status: Image is up to date for ${name}`);
  });

  it("tidies up: names go, then images, then what only they needed", async () => {
    const name = `${registry.host}/ada/ubuntu:git`;
    expect(await docker.run(["rmi", "ubuntu:git"])).toBe("Untagged: ubuntu:git");
    const refused = await docker.tried(["rmi", "busybox"]);
    expect(refused).toMatchObject({ code: 1, stdout: "" });
    expect(refused.stderr).toMatch(
      /conflict: unable to remove "busybox" \(must be forced\) - container \S+ is using its referenced image/,
    );
    const containers = (await docker.run(["ps", "-aq"])).split("\n");
    expect(await docker.run(["rm", ...containers])).toBe(containers.join("\n"));
    const removed = (await docker.run(["rmi", name])).split("\n");
    expect(removed[0]).toBe(`Untagged: ${name}`);
    expect(removed[1]).toMatch(/^Deleted: sha256:[0-9a-f]{64}$/);
    // The layer of the commit went, those of busybox did not.
    expect(removed).toHaveLength(3);
    expect(await docker.run(["run", "--rm", "busybox", "echo", "still"])).toBe("still");
    expect((await docker.run(["rmi", "busybox"])).split("\n")).toHaveLength(4);
    expect(readdirSync(join(folder, "store", "images", "blobs", "sha256"))).toEqual([]);
    expect(await docker.tried(["rmi", "busybox"])).toMatchObject({ code: 1 });
    expect(await docker.run(["rmi", "-f", "busybox"])).toBe("");
  });
});

describe.runIf(ready).each(executors)("a container of %s", (executor) => {
  let folder: string;
  let docker: StoreCommands;
  const run = (
    options: readonly string[],
    ...command: string[]
  ): Promise<{ code: number | null; stdout: string; stderr: string }> =>
    docker.tried(["run", "--rm", "--executor", executor, ...options, "busybox", ...command]);

  beforeAll(async () => {
    folder = makeOwnFolder("run");
    docker = storeCommands(folder, "store");
    await buildBusybox(folder, docker);
  });
  afterAll(() => removeOwnFolder(folder));

  it("has the exit code of its command; 125, 127 for what was not run", async () => {
    expect(await run([], "sh", "-c", "echo out; echo err >&2; exit 3")).toEqual({
      code: 3,
      stdout: "out\n",
      stderr: "err\n",
    });
    expect(await run([], "no-such-program")).toMatchObject({ code: 127, stdout: "" });
    for (const options of [["--no-such-option"], ["--memory", "1g"], ["-w", "relative"], ["--pull", "sometimes"]]) {
      expect(await run(options, "true")).toMatchObject({ code: 125, stdout: "" });
    }
    const missing = await docker.tried(["run", "--pull", "never", "nobody/has:it"]);
    expect(missing).toMatchObject({ code: 125, stdout: "" });
    expect(missing.stderr).toContain("No such image: nobody/has:it");
  });

  it("gets environment, folder, user, entrypoint, host name and limits", async () => {
    writeFileSync(join(folder, "env"), "# from a file\nFILE=1\nBOTH=file\n");
    const options = ["-e", "A=b c", "-e", "HOME", "--env-file", "env", "-e", "BOTH=line", "-w", "/tmp", "-h", "box"];
    const { stdout } = await run([...options, "-u", "app"], "sh", "-c", "id; pwd; cat /proc/sys/kernel/hostname; env");
    const [id, pwd, hostname, ...env] = stdout.trimEnd().split("\n");
    expect(id).toBe("uid=1234(app) gid=2345(app) groups=44(www)");
    expect([pwd, hostname]).toEqual(["/tmp", "box"]);
    expect(env).toEqual(expect.arrayContaining(["A=b c", "FILE=1", "BOTH=line", `HOME=${folder}`, "HOSTNAME=box"]));
    expect(await run(["--entrypoint", "readlink"], "/bin/sh")).toMatchObject({ code: 0, stdout: "busybox\n" });
    expect(await run(["--entrypoint", "/bin/true"])).toMatchObject({ code: 0 });
    const { stdout: limits } = await run(["--ulimit", "nofile=77:99"], "sh", "-c", "ulimit -n");
    expect(limits).toBe("77\n");
    // A folder that is not there is made.
    expect(await run(["-w", "/new/folder"], "sh", "-c", "echo $PWD")).toMatchObject({ stdout: "/new/folder\n" });
  });

  it("reads standard input to its end, and only when it is to", async () => {
    const options = ["run", "--rm", "--executor", executor];
    const text = "line\n".repeat(100_000);
    const sha256 = createHash("sha256").update(text).digest("hex");
    expect(await docker.tried([...options, "-i", "busybox", "sha256sum"], text)).toMatchObject({
      code: 0,
      stdout: `${sha256}  -\n`,
    });
    expect(
      await docker.tried([...options, "-i", "busybox", "sh", "-c", "read x; echo $x; exit 5"], text),
    ).toMatchObject({
      code: 5,
      stdout: "line\n",
    });
    expect(await docker.tried([...options, "busybox", "cat"], text)).toMatchObject({ code: 0, stdout: "" });
  });

  it("sees folders and files of the machine, and changes them where it may", async () => {
    mkdirSync(join(folder, "data"), { recursive: true });
    writeFileSync(join(folder, "data", "in"), "from the machine\n");
    const script = "cat /data/in /one; echo back > /data/out; echo no > /ro/out";
    const { code, stdout, stderr } = await run(
      ["-v", "./data:/data", "-v", `${folder}/data:/ro:ro`, "--mount", "type=bind,src=data/in,dst=/one,readonly"],
      "sh",
      "-c",
      script,
    );
    expect({ code, stdout }).toEqual({ code: 1, stdout: "from the machine\nfrom the machine\n" });
    expect(stderr).toContain("Read-only file system");
    expect(readFileSync(join(folder, "data", "out"), "utf8")).toBe("back\n");
    expect(await run(["-v", "named:/data"], "true")).toMatchObject({ code: 125 });
    expect(await run(["--tmpfs", "/mem:size=1m"], "sh", "-c", "echo x > /mem/f; cat /mem/f")).toMatchObject({
      stdout: "x\n",
    });
  });

  it("X1: has them where the image's links lead inside, not on the machine", async () => {
    const victim = join(folder, "victim");
    mkdirSync(victim, { recursive: true });
    mkdirSync(join(folder, "data"), { recursive: true });
    const name = `linked-${executor}`;
    const link = `mkdir -p ${victim}; echo image > ${victim}/own; ln -s ${victim} /link`;
    await docker.run(["run", "--executor", executor, "--name", name, "busybox", "sh", "-c", link]);
    await docker.run(["commit", name, name]);
    const script = `echo x > /link/written; cat ${victim}/own; ls ${victim}`;
    const options = ["run", "--rm", "--executor", executor, "-v", "./data:/link"];
    const { stdout } = await docker.tried([...options, name, "sh", "-c", script]);
    expect(stdout).toContain("written");
    expect(readdirSync(victim)).toEqual([]);
    expect(readFileSync(join(folder, "data", "written"), "utf8")).toBe("x\n");
    await docker.run(["rm", name]);
  });

  it.runIf(withTerminal)("gets a terminal of the size of ours", async () => {
    const words = [process.execPath, ocibuildBin(), "run", "--rm", "-it", "--executor", executor, "busybox"];
    const command = [...words, "sh", "-c", "'test -t 0 && test -t 1 && echo $TERM; stty size; exit 6'"].join(" ");
    const { code, stdout } = await tryProgram("script", ["-qec", `stty rows 33 cols 99; ${command}`, "/dev/null"], {
      env: { PATH: process.env["PATH"] ?? "", HOME: folder, OCIBUILD_ROOT: join(folder, "store") },
      cwd: folder,
    });
    expect(code).toBe(6);
    expect(stdout.toString("utf8").replaceAll("\0", "")).toContain("xterm\r\n");
    const refused = await run(["-it"], "sh");
    expect(refused).toMatchObject({ code: 125 });
    expect(refused.stderr).toContain("the input device is not a TTY");
  });

  it("is kept with what it changed, also when it failed", async () => {
    const name = `kept-${executor}`;
    const options = ["run", "--executor", executor, "--name", name, "-l", "who=me"];
    expect(await docker.tried([...options, "busybox", "sh", "-c", "echo 1 > /made; exit 9"])).toMatchObject({
      code: 9,
    });
    expect(await docker.run(["diff", name])).toBe("A /made");
    const [record] = JSON.parse(await docker.run(["inspect", name]));
    expect(record).toMatchObject({ Name: `/${name}`, State: { ExitCode: 9, Status: "exited" }, Path: "sh" });
    expect(await docker.run(["ps", "-a", "--filter", "exited=9", "--format", "{{.Names}} {{.Labels}}"])).toBe(
      `${name} who=me`,
    );
    const again = await docker.tried([...options, "busybox", "true"]);
    expect(again.code).toBe(125);
    expect(again.stderr).toContain(`The container name "/${name}" is already in use`);
    const changes = ["-c", 'ENTRYPOINT ["cat"]', "-c", "CMD /made", "-c", "ENV X=1 Y=2", "-c", "EXPOSE 80"];
    await docker.run(["commit", ...changes, name, `${name}:1`]);
    const config = JSON.parse(await docker.run(["inspect", "--format", "{{json .Config}}", `${name}:1`]));
    expect(config).toMatchObject({
      Entrypoint: ["cat"],
      Env: expect.arrayContaining(["X=1", "Y=2"]),
      ExposedPorts: { "80/tcp": {} },
    });
    expect(await docker.run(["run", "--rm", "--entrypoint", "cat", `${name}:1`, "/made"])).toBe("1");
    expect(await docker.tried(["commit", "-c", "RUN true", name])).toMatchObject({ code: 2 });
    expect(await docker.run(["diff", "busybox", `${name}:1`])).toBe("A /made");
    expect(await docker.run(["diff", `${name}:1`, "busybox"])).toBe("D /made");
    expect(await docker.run(["rm", name])).toBe(name);
    expect(await docker.tried(["diff", name])).toMatchObject({ code: 1 });
  });

  it("leaves nothing with --rm, and nothing when it could not be run", async () => {
    const before = await docker.run(["ps", "-aq"]);
    await run([], "sh", "-c", "echo x > /x");
    await run(["-u", "nobody-knows"], "true");
    expect(await docker.run(["ps", "-aq"])).toBe(before);
    const containers = join(folder, "store", "containers");
    expect(readdirSync(containers)).toHaveLength(before === "" ? 0 : before.split("\n").length);
  });
});
