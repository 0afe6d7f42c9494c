import { describe, expect, it } from "vitest";
import { firstRunStep } from "../../../src/plan/build-plan.js";
import { lastStep, plan, planStage, problemOf } from "../../support/plan.js";

const run = (line: string, before = "") => lastStep(`FROM busybox\n${before}${line}\n`, "run");
const mount = async (options: string, before = "") =>
  (await lastStep(`FROM scratch AS one\nFROM busybox\n${before}RUN --mount=${options} true\n`, "run")).mounts[0]!;

describe("RUN", () => {
  it("is fully planned", async () => {
    const step = await run("RUN --network=none --security=insecure make $X", "USER u:g\nWORKDIR /a/../w\nENV X=1\n");
    expect(step).toMatchObject({
      args: ["/bin/sh", "-c", "make $X"],
      cwd: "/w",
      user: "u:g",
      files: [],
      mounts: [],
      network: "none",
      security: "insecure",
      buildArgs: [],
      proxyEnv: [],
      createdBy: "RUN /bin/sh -c make $X",
    });
    expect(step.env).toContain("X=1");
  });

  it("in exec form has no shell, in shell form the one in force", async () => {
    expect((await run('RUN ["a", "b c"]')).args).toEqual(["a", "b c"]);
    expect((await run("RUN a b", 'SHELL ["/bin/ash", "-ec"]\n')).args).toEqual(["/bin/ash", "-ec", "a b"]);
  });

  it("that is a heredoc is a script for the shell", async () => {
    const step = await run("RUN <<-EOF\n\techo $A\n\tEOF");
    expect(step.args).toEqual(["/bin/sh", "-c", "echo $A\n"]);
  });

  it("that is a heredoc with #! is a program, in a file beside the layer", async () => {
    const step = await run("RUN <<EOF\n#!/bin/awk\nBEGIN {}\nEOF");
    expect(step.args).toEqual(["/bin/sh", "-c", "/dev/pipes/EOF"]);
    expect(step.files).toEqual([{ path: "/dev/pipes/EOF", content: "#!/bin/awk\nBEGIN {}\n" }]);
  });

  it("that has heredocs in its line gives them to the shell", async () => {
    const step = await run("RUN cat <<A <<-B > /f\na\nA\n\tb\n\tB");
    expect(step.args[2]).toBe("cat <<A <<-B > /f\na\nA\n\tb\nB");
  });

  it.each([
    ["RUN []", "arguments are required"],
    ["RUN --device=x true", "device feature is only supported"],
  ])("%s is refused", async (line, message) => {
    const error = await problemOf(`FROM busybox\n${line}\n`);
    expect(error.message).toContain(message);
    expect(error.location?.line).toBe(2);
  });

  it("can be found before any work starts", async () => {
    const found = firstRunStep(await plan("FROM busybox AS a\nLABEL a=b\nRUN x\nFROM a\nRUN y\n"));
    expect(found?.stage.index).toBe(0);
    expect(found?.step.createdBy).toBe("RUN /bin/sh -c x");
    expect(firstRunStep(await plan("FROM busybox AS a\nRUN x\nFROM scratch\n"))).toBeUndefined();
  });
});

describe("RUN --mount", () => {
  it.each([
    ["target=/m", { type: "bind", from: { kind: "context" }, source: "/", target: "/m", readOnly: true }],
    [
      "type=bind,from=one,source=a/../b/,target=m/,rw",
      { type: "bind", from: { kind: "stage", stage: "0@linux/amd64" }, source: "/b", target: "/w/m", readOnly: false },
    ],
    ["from=busybox,dst=/m", { type: "bind", from: { kind: "image", reference: "busybox" }, target: "/m" }],
    [
      "type=cache,target=/c/",
      {
        type: "cache",
        id: "/c",
        from: { kind: "scratch" },
        source: "/",
        target: "/c",
        readOnly: false,
        sharing: "shared",
        mode: 0o755,
        uid: 0,
        gid: 0,
      },
    ],
    [
      "type=cache,target=/c,id=$ID,sharing=LOCKED,mode=0700,uid=1,gid=2,from=one,ro",
      { id: "x", sharing: "locked", mode: 0o700, uid: 1, gid: 2, from: { kind: "stage" }, readOnly: true },
    ],
    ["type=tmpfs,target=/t,size=1.5m", { type: "tmpfs", target: "/t", sizeBytes: 1_572_864 }],
    ["type=tmpfs,target=/t", { type: "tmpfs", target: "/t", sizeBytes: undefined }],
    [
      "type=secret,id=a/b",
      {
        type: "secret",
        id: "a/b",
        target: "/run/secrets/b",
        env: undefined,
        required: false,
        mode: 0o400,
        uid: 0,
        gid: 0,
      },
    ],
    ["type=secret,target=/s/key", { id: "key", target: "/s/key" }],
    ["type=secret,id=a,env=TOKEN,required", { id: "a", target: undefined, env: "TOKEN", required: true }],
    ["type=secret,id=a,env=", { id: "a", target: undefined, env: "a" }],
    ["type=ssh", { type: "ssh", id: "default", target: undefined, required: false, mode: 0o600, uid: 0, gid: 0 }],
    ["type=$T,id=k,target=/sock,mode=0660", { type: "ssh", id: "k", target: "/sock", mode: 0o660 }],
  ])("%s is planned with all its options", async (options, expected) => {
    const planned = await mount(options, "WORKDIR /w\nARG ID=x T=ssh\n");
    expect(planned).toMatchObject(expected);
  });

  it.each([
    ["type=bind", 'invalid mount target "/"'],
    ["target=..", 'invalid mount target "/"'],
    ["type=nope,target=/m", 'unsupported mount type "nope"'],
    ["type=ssh,source=x", "ssh does not support source"],
    ["target=/m,nope=1", "unexpected key 'nope' in 'nope=1'"],
    ["target=${X!}", "unsupported modifier (!) in substitution"],
  ])("%s is refused", async (options, message) => {
    const error = await problemOf(`FROM busybox\nRUN --mount=${options} true\n`);
    expect(error.code).toBe("PLAN_INVALID");
    expect(error.message).toContain(message);
    expect(error.location?.line).toBe(2);
  });

  it("from a later stage is refused", async () => {
    const error = await problemOf("FROM busybox AS a\nRUN --mount=from=two,target=/m x\nFROM scratch AS two\nFROM a\n");
    expect(error.message).toBe(
      'cannot mount from stage "two" to "/m", stage needs to be defined before current command',
    );
  });
});

describe("WORKDIR", () => {
  it.each([
    ["/a", "WORKDIR /a", "/a", "/a"],
    ["a", "WORKDIR /a", "/a", "/a"],
    ["/a//b/../c/", "WORKDIR /a//b/../c/", "/a//b/../c/", "/a/c"],
    ["../..", "WORKDIR /", "/", undefined],
    ["$NONE", "WORKDIR /", "/", undefined],
  ])("%s is kept in the config as BuildKit keeps it, and clean in the step", async (path, createdBy, config, made) => {
    const stage = await planStage(`FROM scratch\nUSER u\nWORKDIR ${path}\n`);
    const step = stage.steps.at(-1)!;
    expect(step.createdBy).toBe(createdBy);
    expect(stage.config.config.WorkingDir).toBe(config);
    expect(step.kind === "workdir" ? [step.path, step.user] : undefined).toEqual(
      made === undefined ? undefined : [made, "u"],
    );
  });

  it("is joined to the one before", async () => {
    expect((await planStage("FROM scratch\nWORKDIR /a\nWORKDIR b\nWORKDIR ../c\n")).config.config.WorkingDir).toBe(
      "/a/c",
    );
  });
});
