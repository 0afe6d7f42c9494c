import { describe, expect, it } from "vitest";
import { parsePorts } from "../../../src/plan/ports.js";
import { isSignal } from "../../../src/plan/signals.js";
import { baseImage, historyOf, planStage, problemOf } from "../../support/plan.js";

describe("history lines", () => {
  it.each([
    ["ENV a=b 'c'=\"d e\"", "ENV a=b c=d e"],
    ["LABEL b=2 a=1", "LABEL b=2 a=1"],
    ["MAINTAINER  me <a@b>", "MAINTAINER me <a@b>"],
    ["EXPOSE 90 80/udp 8000-8002/TCP", "EXPOSE [80/udp 8000/tcp 8001/tcp 8002/tcp 90/tcp]"],
    ["USER a:b", "USER a:b"],
    ['VOLUME ["/a", "/b c"]', "VOLUME [/a /b c]"],
    ["STOPSIGNAL sigterm", "STOPSIGNAL sigterm"],
    ['SHELL ["a", "-b"]', "SHELL [a -b]"],
    ['CMD ["a", "b\\"c"]', 'CMD ["a" "b\\"c"]'],
    ["CMD a b", 'CMD ["/bin/sh" "-c" "a b"]'],
    ["ENTRYPOINT a", 'ENTRYPOINT ["/bin/sh" "-c" "a"]'],
    ["HEALTHCHECK NONE", `HEALTHCHECK &{["NONE"] "0s" "0s" "0s" "0s" '\\x00'}`],
    ["HEALTHCHECK --interval=90s --retries=3 CMD x", `HEALTHCHECK &{["CMD-SHELL" "x"] "1m30s" "0s" "0s" "0s" '\\x03'}`],
  ])("of %s are BuildKit's", async (line, expected) => {
    expect(await historyOf(`FROM scratch\n${line}\n`)).toEqual([expected]);
  });
});

describe("the config", () => {
  it("has its maps sorted and leaves out what is empty", async () => {
    const text = "FROM scratch\nLABEL b=1 a=2 B=3\nVOLUME /b /a\nEXPOSE 90 80\nCMD []\n";
    const { config } = (await planStage(text)).config;
    expect(JSON.stringify(config)).toBe(
      JSON.stringify({
        ExposedPorts: { "80/tcp": {}, "90/tcp": {} },
        Env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
        Volumes: { "/a": {}, "/b": {} },
        WorkingDir: "/",
        Labels: { B: "3", a: "2", b: "1" },
        ArgsEscaped: true,
      }),
    );
  });

  it("loses the CMD of the base to a new ENTRYPOINT, but not one of its own", async () => {
    const images = { base: baseImage({ Cmd: ["old"] }) };
    const cmdAfter = async (lines: string) => (await planStage(`FROM base\n${lines}\n`, { images })).config.config.Cmd;
    expect(await cmdAfter("LABEL a=b")).toEqual(["old"]);
    expect(await cmdAfter('ENTRYPOINT ["e"]')).toBeUndefined();
    expect(await cmdAfter('CMD ["new"]\nENTRYPOINT ["e"]')).toEqual(["new"]);
    expect(await cmdAfter('ENTRYPOINT ["e"]\nCMD ["new"]')).toEqual(["new"]);
  });

  it("inherits the health check until another or NONE", async () => {
    const check = { Test: ["CMD", "x"], Interval: 1_000_000 };
    const images = { base: baseImage({ Healthcheck: check }) };
    const checkAfter = async (line: string) =>
      (await planStage(`FROM base\n${line}\n`, { images })).config.config.Healthcheck;
    expect(await checkAfter("LABEL a=b")).toEqual(check);
    expect(await checkAfter("HEALTHCHECK NONE")).toEqual({ Test: ["NONE"] });
    expect(await checkAfter('HEALTHCHECK --timeout=1s CMD ["y"]')).toEqual({ Test: ["CMD", "y"], Timeout: 1e9 });
  });

  it("has the author of MAINTAINER", async () => {
    expect((await planStage("FROM scratch\nMAINTAINER me\n")).config.author).toBe("me");
  });

  it.each([
    ["VOLUME $NONE", "VOLUME specified can not be an empty string"],
    ["STOPSIGNAL SIGNOPE", "invalid signal: SIGNOPE"],
    ["EXPOSE $A", "invalid containerPort: x"],
  ])("refuses %s", async (line, message) => {
    const error = await problemOf(`FROM scratch\nARG A="1 x"\n${line}\n`);
    expect(error.message).toBe(message);
    expect(error.location?.line).toBe(3);
    expect(error.hint).toBeDefined();
  });
});

describe("parsePorts", () => {
  it.each([
    ["80", ["80/tcp"]],
    ["80/", ["80/tcp"]],
    ["80/UDP", ["80/udp"]],
    ["0080", ["80/tcp"]],
    ["+80", ["80/tcp"]],
    ["80-80/sctp", ["80/sctp"]],
    ["80-82", ["80/tcp", "81/tcp", "82/tcp"]],
    ["8080:80", ["80/tcp"]],
    ["8080-8090:80", ["80/tcp"]],
    ["127.0.0.1:8080:80/udp", ["80/udp"]],
    ["127.0.0.1::80", ["80/tcp"]],
    ["[::1]:8080:80", ["80/tcp"]],
    ["::1:8080:80", ["80/tcp"]],
  ])("reads %s", (text, ports) => {
    expect(parsePorts(text)).toEqual(ports);
  });

  it.each([
    ["", 'invalid port: "": no port specified'],
    ["/tcp", 'invalid port: "/tcp": no port specified'],
    ["80/http", 'invalid port: "80/http": invalid proto: http'],
    ["x", "invalid containerPort: x"],
    ["1.5", "invalid containerPort: 1.5"],
    ["65536", "invalid containerPort: 65536"],
    ["90-80", "invalid containerPort: 90-80"],
    ["80-", "invalid containerPort: 80-"],
    ["x:80", "invalid hostPort: x"],
    ["80-82:90-91", "invalid ranges specified for container and host Ports: 90-91 and 80-82"],
    ["300.0.0.1:80:80", "invalid IP address: 300.0.0.1"],
    ["fe80::1%eth0:80:80", "invalid IP address: fe80::1%eth0"],
  ])("refuses %j in BuildKit's words", (text, problem) => {
    expect(parsePorts(text)).toEqual({ problem });
  });
});

describe("isSignal", () => {
  it.each(["TERM", "SIGTERM", "sigterm", "15", "-1", "99", "RTMIN", "SIGRTMIN+15", "RTMAX-14"])("takes %s", (text) => {
    expect(isSignal(text)).toBe(true);
  });

  it.each(["", "0", "NOPE", "SIGSIGTERM", "RTMIN+16", "RTMAX-0", " TERM", "1.5"])("refuses %j", (text) => {
    expect(isSignal(text)).toBe(false);
  });
});
