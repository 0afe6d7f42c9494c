import { describe, expect, test } from "vitest";
import { toBuildOptions } from "../../src/cli/build-options.js";
import { BUILD_OPTIONS, HONOURED_OPTIONS } from "../../src/cli/options/catalogue.js";
import { parseArguments } from "../../src/cli/options/parse-arguments.js";
import { isOcibuildError } from "../../src/errors.js";
import { formatPlatform, hostPlatform } from "../../src/oci/platform.js";
import type { BuildOptions } from "../../src/options.js";

interface Surroundings {
  readonly env?: Readonly<Record<string, string>>;
  readonly stdoutIsTTY?: boolean;
}

function optionsOf(args: readonly string[], { env = {}, stdoutIsTTY = false }: Surroundings = {}): BuildOptions {
  const { request, operands } = parseArguments(BUILD_OPTIONS, args);
  return toBuildOptions(request, operands, { env, cwd: "/work", stdoutIsTTY });
}

function failure(
  args: readonly string[],
  surroundings?: Surroundings,
): { code: string; message: string; hint?: string | undefined } {
  try {
    optionsOf(args, surroundings);
  } catch (error) {
    if (isOcibuildError(error)) return error;
    throw error;
  }
  throw new Error(`${args.join(" ")} was accepted`);
}

/** A value for each option that goes into the build; the others are tested where they are honoured. */
const SAMPLES: ReadonlyMap<string, string> = new Map([
  ["file", "x.Dockerfile"],
  ["target", "build"],
  ["build-arg", "A=1"],
  ["build-context", "lib=../lib"],
  ["platform", "linux/arm64,linux/amd64"],
  ["tag", "app:1"],
  ["label", "a=b"],
  ["annotation", "a=b"],
  ["output", "type=oci,dest=out.tar"],
  ["compression", "zstd"],
  ["compression-level", "9"],
  ["cache-from", "r.example/app:cache"],
  ["cache-to", "type=local,dest=cache"],
  ["no-cache-filter", "build"],
  ["context-modes", "git"],
  ["root", "store"],
  ["store-limit", "20GB"],
  ["registry-mirror", "docker.io=http://127.0.0.1:5000"],
  ["insecure-registry", "r.example"],
  ["executor", "none"],
  ["secret", "id=token,src=token.txt"],
  ["ssh", "default=/run/agent.sock"],
  ["network", "none"],
  ["allow", "network.host"],
  ["add-host", "registry.local:10.0.0.5"],
  ["shm-size", "128m"],
  ["ulimit", "nofile=1024:4096"],
]);
/** Honoured by the command line itself, see run-cli.test.ts. */
const OWN = ["check", "call", "iidfile", "metadata-file", "progress", "quiet", "help", "version"];

test.each(HONOURED_OPTIONS.filter(({ name }) => !OWN.includes(name)).map((option) => [option.name, option] as const))(
  "--%s reaches the build",
  (name, option) => {
    const args = option.kind === "value" ? [`--${name}`, SAMPLES.get(name)!] : [`--${name}`];
    // A push needs a name.
    const common = name === "push" ? ["--tag", "app", "."] : ["."];
    expect(optionsOf([...args, ...common])).not.toEqual(optionsOf(common));
  },
);

test("a command line without options asks for nothing special", () => {
  expect(optionsOf(["."])).toEqual({
    context: { kind: "dir", path: ".", selection: undefined },
    cwd: "/work",
    buildArgs: {},
    buildContexts: {},
    platforms: [],
    labels: {},
    annotations: {},
    tags: [],
    outputs: [],
    push: false,
    noCache: [],
    pull: false,
    reproducible: false,
    registryMirrors: [],
    insecureRegistries: [],
  });
});

describe("the build context", () => {
  test("is a folder or standard input", () => {
    expect(optionsOf(["-"]).context).toEqual({ kind: "stdin" });
    expect(optionsOf(["sub/dir"]).context).toMatchObject({ kind: "dir", path: "sub/dir" });
  });

  test.each([
    [[], "expected one build context but got none"],
    [["a", "b"], 'expected one build context but got 2: "a", "b"'],
    [[""], 'expected a build context but got ""'],
  ])("%j is refused", (args, message) => {
    expect(failure(args)).toMatchObject({ code: "OPTIONS_INVALID", message });
  });

  test("cannot share standard input with the Dockerfile", () => {
    expect(failure(["-f", "-", "-"]).code).toBe("OPTIONS_INVALID");
  });

  test("may be a URL", () => {
    const url = "https://git.example/app.git#v1:docker";
    expect(optionsOf([url]).context).toMatchObject({ kind: "git", url });
    expect(optionsOf(["https://files.example/context.tar.gz"]).context).toMatchObject({ kind: "http" });
  });
});

describe("build arguments", () => {
  test("L2: a name alone takes the value of that variable and of no other", () => {
    const env = { A: "of the environment", SECRET: "hidden" };
    expect(optionsOf(["--build-arg", "A", "--build-arg", "MISSING", "."], { env }).buildArgs).toEqual({
      A: "of the environment",
    });
  });

  test("C4: names of Object.prototype are names like others", () => {
    const { buildArgs } = optionsOf([
      "--build-arg",
      "__proto__=1",
      "--build-arg",
      "toString",
      "--build-arg",
      "constructor=2",
      ".",
    ]);
    expect(Object.entries(buildArgs ?? {})).toEqual([
      ["__proto__", "1"],
      ["constructor", "2"],
    ]);
    expect(({} as Record<string, unknown>)["1"]).toBeUndefined();
  });

  test("the last of equal names counts, and values may hold anything", () => {
    expect(optionsOf(["--build-arg", "A=1", "--build-arg", "A=b=c d", "--build-arg", "E=", "."]).buildArgs).toEqual({
      A: "b=c d",
      E: "",
    });
  });

  test.each(["=x", ""])("%j is refused", (text) => {
    expect(failure(["--build-arg", text, "."]).code).toBe("OPTIONS_INVALID");
  });

  test("SOURCE_DATE_EPOCH of the environment is one, and sets the times", () => {
    const env = { SOURCE_DATE_EPOCH: "1700000000" };
    expect(optionsOf(["."], { env })).toMatchObject({
      sourceDateEpoch: 1_700_000_000,
      buildArgs: { SOURCE_DATE_EPOCH: "1700000000" },
    });
    expect(optionsOf(["--build-arg", "SOURCE_DATE_EPOCH=5", "."], { env }).sourceDateEpoch).toBe(5);
    expect(optionsOf(["."], { env: { SOURCE_DATE_EPOCH: "" } })).not.toHaveProperty("sourceDateEpoch");
    expect(failure(["."], { env: { SOURCE_DATE_EPOCH: "yesterday" } })).toMatchObject({ code: "OPTIONS_INVALID" });
    expect(failure(["."], { env: { SOURCE_DATE_EPOCH: "99999999999999" } })).toMatchObject({ code: "OPTIONS_INVALID" });
  });
});

describe("lists and pairs", () => {
  test("platforms are normalised and named once; local is this machine's", () => {
    expect(
      optionsOf(["--platform", "linux/x86_64, linux/arm64/v8", "--platform", "linux/amd64", "."]).platforms,
    ).toEqual(["linux/amd64", "linux/arm64"]);
    expect(optionsOf(["--platform", "local", "."]).platforms).toEqual([formatPlatform(hostPlatform())]);
  });

  test("labels may have no value", () => {
    expect(optionsOf(["--label", "a", "--label", "b=c=d", "."]).labels).toEqual({ a: "", b: "c=d" });
  });

  test("annotations have one entry for each scope", () => {
    expect(optionsOf(["--annotation", "a=1", "--annotation", "index,manifest:b=2=3", "."]).annotations).toEqual({
      a: "1",
      "index:b": "2=3",
      "manifest:b": "2=3",
    });
  });

  test.each([
    ["a", "OPTIONS_INVALID"],
    ["layer:a=1", "OPTIONS_INVALID"],
    ["index:=1", "OPTIONS_INVALID"],
    ["manifest[linux/amd64]:a=1", "OPTIONS_UNSUPPORTED"],
    ["index-descriptor:a=1", "OPTIONS_UNSUPPORTED"],
  ])("--annotation %s is %s", (text, code) => {
    expect(failure(["--annotation", text, "."]).code).toBe(code);
  });

  test("stages without cache come in lists too; --no-cache is for all", () => {
    expect(optionsOf(["--no-cache-filter", "a,b", "--no-cache-filter=c", "."]).noCache).toEqual(["a", "b", "c"]);
    expect(optionsOf(["--no-cache-filter", "a", "--no-cache", "."]).noCache).toBe(true);
  });

  test.each([
    ["--platform", "linux/amd64/v2/x"],
    ["--platform", "toaster"],
    ["--tag", "UPPER"],
    ["--tag", "a b"],
    ["--tag", `app@sha256:${"0".repeat(64)}`],
    ["--build-context", "lib"],
    ["--registry-mirror", "docker.io"],
    ["--insecure-registry", "http://x"],
    ["--output", "type=nonsense"],
  ])("%s %s is wrong use", (...args) => {
    const error = failure([...args, "."]);
    expect(error.code).toBe("OPTIONS_INVALID");
    expect(error.message).toContain(args[0]!.slice(2, 8));
  });
});

describe("the cache", () => {
  test("can be explained, required, and made of modes as git has them", () => {
    expect(optionsOf(["--explain", "--require-cache", "--context-modes=git", "."])).toMatchObject({
      explain: true,
      requireCache: true,
      contextModes: "git",
    });
    expect(optionsOf(["--context-modes", "keep", "."])).toEqual(optionsOf(["."]));
  });

  test.each([
    [["--context-modes", "umask"], '"--context-modes umask" expected keep or git'],
    [["--require-cache", "--no-cache"], "--require-cache and --no-cache contradict each other"],
    [["--require-cache", "--no-cache-filter", "a"], "--require-cache and --no-cache-filter contradict each other"],
    [["--explain", "-q"], "--explain and --quiet contradict each other"],
    [["--explain", "--progress", "quiet"], "--explain and --quiet contradict each other"],
  ])("refuses %j", (args, message) => {
    expect(failure([...args, "."])).toMatchObject({ code: "OPTIONS_INVALID", message });
  });
});

describe("compression", () => {
  test.each([
    [[], undefined],
    [["--compression", "gzip"], { kind: "gzip", level: 4 }],
    [["--compression", "zstd"], { kind: "zstd", level: 3 }],
    [["--compression-level", "0"], { kind: "gzip", level: 0 }],
    [["--compression", "zstd", "--compression-level", "22"], { kind: "zstd", level: 22 }],
    [["--compression", "uncompressed"], { kind: "uncompressed" }],
  ])("%j is %j", (args, expected) => {
    expect(optionsOf([...args, "."]).compression).toEqual(expected);
  });

  test.each([
    [["--compression", "estargz"]],
    [["--compression-level", "10"]],
    [["--compression-level", "1.5"]],
    [["--compression-level", ""]],
    [["--compression", "zstd", "--compression-level", "0"]],
    [["--compression", "uncompressed", "--compression-level", "1"]],
  ])("%j is wrong use", (args) => {
    expect(failure([...args, "."]).code).toBe("OPTIONS_INVALID");
  });
});

describe("outputs", () => {
  test("an OCI archive without dest goes to standard output, as in docker", () => {
    expect(optionsOf(["-o", "type=oci", "."]).outputs).toMatchObject([{ type: "oci", dest: "-", tar: true }]);
  });

  test.each([
    [["-o", "-", "-o", "type=oci"], "OPTIONS_INVALID"],
    [["-o", "type=oci,tar=false"], "OPTIONS_INVALID"],
    [["-o", "type=oci,tar=false,dest=-"], "OPTIONS_INVALID"],
    [["-o", "out", "--iidfile", "id"], "OPTIONS_INVALID"],
    [["--push"], "OPTIONS_INVALID"],
  ])("%j is %s", (args, code) => {
    expect(failure([...args, "."]).code).toBe(code);
  });

  test("--load, and an image for docker without dest, go into the engine", () => {
    const expected = [{ type: "docker", image: { names: [] } }];
    for (const args of [["--load"], ["-o", "type=docker"]]) {
      const { outputs } = optionsOf([...args, "."], { stdoutIsTTY: true });
      expect(outputs).toMatchObject(expected);
      expect(outputs![0]).not.toHaveProperty("dest");
    }
    expect(optionsOf(["--load", "-o", "out.tar", "."]).outputs).toHaveLength(2);
  });

  test("an archive is not written to a terminal", () => {
    const error = failure(["-o", "-", "."], { stdoutIsTTY: true });
    expect(error).toMatchObject({ code: "OPTIONS_INVALID" });
    expect(error.hint).toContain("> out.tar");
  });

  test("a push takes the names of --tag or of an output", () => {
    expect(optionsOf(["--push", "-t", "r.example/a", "."]).push).toBe(true);
    expect(optionsOf(["--push", "-o", "type=image,name=r.example/a", "."]).push).toBe(true);
  });
});

describe("the environment", () => {
  test("names the store and docker's configuration; an option wins, an empty variable is none", () => {
    expect(optionsOf(["."], { env: { OCIBUILD_ROOT: "/r", DOCKER_CONFIG: "conf" } })).toMatchObject({
      root: expect.stringMatching(/r$/),
      dockerConfigDir: expect.stringMatching(/work.conf$/),
    });
    expect(optionsOf(["--root", "x", "."], { env: { OCIBUILD_ROOT: "/r" } }).root).toMatch(/work.x$/);
    expect(optionsOf(["."], { env: { OCIBUILD_ROOT: "" } })).not.toHaveProperty("root");
  });
});
