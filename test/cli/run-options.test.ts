import { describe, expect, test } from "vitest";
import { emptyRequest } from "../../src/cli/options/build-request.js";
import { readRunOptions } from "../../src/cli/run-options.js";
import { isOcibuildError } from "../../src/errors.js";

const surroundings = { cwd: "/work", env: { TOKEN: "value", SSH_AUTH_SOCK: "/run/agent" } };

function read(request: Partial<ReturnType<typeof emptyRequest>>): ReturnType<typeof readRunOptions> {
  return readRunOptions({ ...emptyRequest(), ...request }, surroundings);
}

function failure(request: Partial<ReturnType<typeof emptyRequest>>): { code: string; message: string } {
  try {
    read(request);
  } catch (error) {
    if (isOcibuildError(error)) return error;
    throw error;
  }
  throw new Error("it was accepted");
}

describe("--secret", () => {
  test.each([
    ["id=a,src=a.txt", { a: { file: "/work/a.txt" } }],
    ["id=a,source=/a.txt", { a: { file: "/work/../a.txt".replace("/work/..", "") } }],
    ["type=file,id=a", { a: { file: "/work/a" } }],
    ["id=a", { a: { file: "/work/a" } }],
    ["id=TOKEN", { TOKEN: { env: "TOKEN" } }],
    ["id=a,env=TOKEN", { a: { env: "TOKEN" } }],
    ["type=env,id=a", { a: { env: "a" } }],
    ["id=a,type=env,src=TOKEN", { a: { env: "TOKEN" } }],
    ['"id=a","src=with,comma"', { a: { file: "/work/with,comma" } }],
  ])("%s", (text, secrets) => {
    expect(read({ secrets: [text] }).secrets).toEqual(secrets);
  });

  test.each(["", "src=x", "id=", "id=a,type=other", "hunter2", "id=a,value=hunter2"])(
    "L1: %j is refused without a word of its value",
    (text) => {
      const { code, message } = failure({ secrets: [text] });
      expect(code).toBe("OPTIONS_INVALID");
      expect(message).not.toContain("hunter2");
    },
  );
});

describe("--ssh", () => {
  test("takes the agent of the environment, or a socket", () => {
    expect(read({ ssh: ["default", "git=keys.sock"] }).ssh).toEqual({
      default: "/run/agent",
      git: "/work/keys.sock",
    });
  });

  test("says how to start an agent when there is none", () => {
    expect(() => readRunOptions({ ...emptyRequest(), ssh: ["default"] }, { cwd: "/", env: {} })).toThrow(
      "SSH_AUTH_SOCK is not set",
    );
  });
});

test("X3: networks, entitlements, hosts and limits are words that are known, or errors", () => {
  expect(
    read({
      network: "none",
      allow: ["network.host"],
      addHosts: ["a:10.0.0.1", "b=[::1]"],
      shmSize: "2m",
      ulimits: ["nofile=1:2"],
    }),
  ).toEqual({
    network: "none",
    allow: ["network.host"],
    addHosts: ["a:10.0.0.1", "b=[::1]"],
    shmSize: 2 << 20,
    ulimits: ["nofile=1:2"],
  });
  for (const wrong of [
    { network: "bridge" },
    { allow: ["everything"] },
    { addHosts: ["a"] },
    { addHosts: ["a:nowhere"] },
    { addHosts: ["a b:10.0.0.1"] },
    { addHosts: ["a\nb:10.0.0.1"] },
    { shmSize: "big" },
    { ulimits: ["files=1"] },
    { ulimits: ["nofile=5:1"] },
    { ulimits: ["nofile=-1:1"] },
  ]) {
    expect(failure(wrong).code, JSON.stringify(wrong)).toBe("OPTIONS_INVALID");
  }
});
