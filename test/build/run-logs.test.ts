import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { type BuildEvent, isOcibuildError, OcibuildError } from "../../src/index.js";
import { type FakeCommand, fakeExecutor } from "../../src/testing/fake-executor.js";
import { buildOnly, expectNoTemporaryFiles, fresh, type TestOptions } from "../support/builds.js";

/** Builds; the events, the error if there was one, and the logs by name. */
async function built(run: string, command: FakeCommand, options: Partial<TestOptions> = {}) {
  const events: BuildEvent[] = [];
  const onEvent = (event: BuildEvent): void => void events.push(event);
  const all = fresh({
    executor: fakeExecutor(command),
    dockerfile: `FROM scratch AS app\n${run}`,
    onEvent,
    ...options,
  });
  let error: OcibuildError | undefined;
  try {
    await buildOnly(all);
  } catch (thrown) {
    if (!isOcibuildError(thrown)) throw thrown;
    error = thrown;
  }
  const ends = events.filter((event) => event.type === "task-finished");
  const warnings = events.flatMap((event) => (event.type === "warning" ? [event.message] : []));
  return { error, logs: ends.flatMap(({ log }) => log ?? []), root: all.root, warnings };
}

const printing =
  (text: string, exitCode = 0): FakeCommand =>
  async (_spec, _files, io) => {
    await io.onOutput("stdout", Buffer.from(text));
    await io.onOutput("stderr", Buffer.from("the end\n"));
    return exitCode === 0 ? [] : { exitCode };
  };

describe("L7: all that a command printed", () => {
  test("is in a file that the error of a failed command names, with its last lines beside it", async () => {
    const text = Array.from({ length: 5000 }, (_, index) => `line ${index}\n`).join("");
    const { error, logs, root } = await built("RUN true\nRUN make", (spec, files, io) =>
      spec.args.includes("make") ? printing(text, 2)(spec, files, io) : [],
    );
    if (!isOcibuildError(error, "RUN_FAILED")) throw error ?? new Error("the build went well");
    expect(logs).toEqual([error.details.log]);
    expect(error.hint).toBe(`all that it printed is in ${logs[0]}`);
    expect(logs[0]).toMatch(/[/\\]logs[/\\]v1[/\\]\d{8}T\d{6}Z-app-2-[0-9a-f]{8}\.log$/);
    expect(readFileSync(logs[0]!, "utf8")).toBe(`${text}the end\n`);
    expect(error.details.output).toContain("line 4999\nthe end");
    expectNoTemporaryFiles(root);
  });

  test("stays beside what the exit code may mean", async () => {
    const { error, logs } = await built("RUN make", printing("sh: make: not found\n", 127));
    expect(error?.hint).toBe(
      `127 mostly means that a program was not found in the image; all that it printed is in ${logs[0]}`,
    );
  });

  test("is kept of commands that went well, and there is no file for those that said nothing", async () => {
    const { error, logs, root } = await built("RUN make\nRUN true", (spec, files, io) =>
      spec.args.includes("make") ? printing("hello\n")(spec, files, io) : [],
    );
    expect(error).toBeUndefined();
    expect(logs.map((path) => readFileSync(path, "utf8"))).toEqual(["hello\nthe end\n"]);
    expect(readdirSync(join(root, "logs", "v1"))).toHaveLength(1);
  });

  test("is kept of a command that the executor lost, too", async () => {
    const { error, logs } = await built("RUN make", async (_spec, _files, io) => {
      await io.onOutput("stdout", Buffer.from("so far\n"));
      throw new OcibuildError("EXECUTOR_FAILED", "the machine is gone", { details: { executor: "fake" } });
    });
    expect(error).toMatchObject({ code: "EXECUTOR_FAILED", message: "the machine is gone" });
    expect(logs.map((path) => readFileSync(path, "utf8"))).toEqual(["so far\n"]);
  });

  test("comes to nothing where no log can be written: the build goes on with a warning", async () => {
    const options = fresh({ executor: fakeExecutor(() => []), dockerfile: "FROM scratch\nRUN true" });
    await buildOnly(options);
    writeFileSync(join(options.root, "logs"), "");
    const { error, logs, warnings } = await built("RUN make", printing("hello\n"), { root: options.root });
    expect(error).toBeUndefined();
    expect(logs).toEqual([]);
    expect(warnings).toEqual([expect.stringContaining("what commands print cannot be kept in")]);
  });

  test("L1: holds no secret that the command was given, also when it is printed in pieces", async () => {
    const secrets = { token: "correct horse\nbattery staple\n" };
    const run = "RUN --mount=type=secret,id=token make";
    const { logs, root } = await built(
      run,
      async (_spec, _files, io) => {
        const secret = String(await io.readSecret("token"));
        await io.onOutput("stdout", Buffer.from(`token=${secret.slice(0, 5)}`));
        await io.onOutput("stderr", Buffer.from("between\n"));
        await io.onOutput("stdout", Buffer.from(secret.slice(5)));
        return [];
      },
      { secrets },
    );
    expect(readFileSync(logs[0]!, "utf8")).toBe("token=between\n***\n***\n");
    for (const name of readdirSync(root, { recursive: true, encoding: "utf8" })) {
      const path = join(root, name);
      if (statSync(path).isFile()) expect(readFileSync(path, "latin1")).not.toMatch(/correct|staple/);
    }
  });
});

describe("L1: build arguments of a command", () => {
  const dockerfile = 'FROM scratch\nARG TOKEN\nRUN curl -H "$TOKEN" https://files.example\nRUN ["make", "all"]';
  const buildArgs = { TOKEN: "hunter2-canary" };

  test("are in the history of the image, as BuildKit has it, and neither in events nor in errors", async () => {
    const events: BuildEvent[] = [];
    const onEvent = (event: BuildEvent): void => void events.push(event);
    const executor = fakeExecutor(({ args }) => (args.includes("all") ? { exitCode: 1 } : []));
    const failed = await buildOnly(fresh({ executor, dockerfile, buildArgs, onEvent })).catch(
      (error: unknown) => error,
    );
    const names = events.flatMap((event) => (event.type === "task-started" ? [event.task.name] : []));
    expect(names).toEqual(['[1/2] RUN curl -H "$TOKEN" https://files.example', "[2/2] RUN make all"]);
    expect(failed).toMatchObject({ code: "RUN_FAILED" });
    const none = fresh({ executor: "none", dockerfile, buildArgs, onEvent });
    const refused = await buildOnly(none).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: "EXECUTOR_NONE" });
    expect(inspect([events, failed, refused], { depth: 9 })).not.toContain("hunter2");
  });
});
