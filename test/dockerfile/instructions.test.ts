import { describe, expect, it } from "vitest";
import { errorsOf, only, parse, problemOf } from "../support/dockerfile.js";

describe("FROM", () => {
  it("names an image, a platform and a stage", () => {
    const [stage] = parse("from --platform=$BUILDPLATFORM alpine:3 As Build-1.x\n").stages;
    expect(stage).toMatchObject({
      index: 0,
      name: "build-1.x",
      from: {
        keyword: { value: "from" },
        image: { value: "alpine:3" },
        platform: { value: "$BUILDPLATFORM" },
        as: { value: "Build-1.x" },
      },
    });
  });

  it.each([
    ["FROM", "FROM requires either one or three arguments"],
    ["FROM a b", "FROM requires either one or three arguments"],
    ["FROM a AS", "FROM requires either one or three arguments"],
    ["FROM a IS b", "FROM requires either one or three arguments"],
    ["FROM a AS b c", "FROM requires either one or three arguments"],
    ["FROM a AS 1x", `invalid name for build stage: "1x", name can't start with a number or contain symbols`],
    ["FROM a AS $N", `invalid name for build stage: "$N", name can't start with a number or contain symbols`],
    ["FROM --platform=a --platform=b c", "duplicate flag specified: --platform"],
  ])("is checked: %s", (text, message) => {
    expect(errorsOf(text)).toEqual([`1: ${message}`]);
  });
});

describe("COPY and ADD", () => {
  it("take sources, a destination and all their flags", () => {
    const copy = only("COPY", "COPY --from=x --chown=u:g --chmod=755 --link --parents --exclude=*.md a b* /d/");
    expect(copy).toMatchObject({
      sources: [{ value: "a" }, { value: "b*" }],
      destination: { value: "/d/" },
      from: { value: "x" },
      chown: { value: "u:g" },
      chmod: { value: "755" },
      link: true,
      parents: true,
      exclude: [{ value: "*.md" }],
      contents: [],
    });
    expect(only("ADD", "ADD --checksum=sha256:1 a /d/").checksum!.value).toBe("sha256:1");
  });

  it("need two arguments", () => {
    const message = " requires at least two arguments, but only one was provided. Destination could not be determined";
    expect(problemOf("COPY a").message).toBe(`COPY${message}`);
    expect(problemOf("COPY a").hint).toBe("add the destination: COPY a .");
    expect(problemOf('ADD ["a"]').message).toBe(`ADD${message}`);
    expect(problemOf("ADD").message).toBe(`ADD${message}`);
  });
});

describe("RUN", () => {
  it("keeps mount options unexpanded, type among them", () => {
    const { mounts } = only("RUN", "RUN --mount=type=$T,TARGET=/x,ro --mount='type=secret,\"id=a,b\"' x");
    expect(mounts.map(({ options }) => options)).toEqual([
      [
        { name: "type", value: "$T", text: "type=$T" },
        { name: "target", value: "/x", text: "TARGET=/x" },
        { name: "ro", value: undefined, text: "ro" },
      ],
      [
        { name: "type", value: "secret", text: "type=secret" },
        { name: "id", value: "a,b", text: "id=a,b" },
      ],
    ]);
  });

  it("takes network, security and devices", () => {
    const run = only(
      "RUN",
      "RUN --network=host --security=insecure --device=v.com/c=n,required --device=name=x,required=0 y",
    );
    expect(run).toMatchObject({
      network: "host",
      security: "insecure",
      devices: [
        { name: "v.com/c=n", required: true },
        { name: "x", required: false },
      ],
    });
  });

  it.each([
    ["--network=bridge", 'invalid network mode "bridge"'],
    ["--security=none", 'security "none" is not valid'],
    ["--mount=from=$X,target=/", "'from' doesn't support variable expansion, define alias stage instead"],
    ["--mount=", "failed to parse csv mounts: EOF"],
    ["--mount='a\"b'", 'failed to parse csv mounts: parse error on line 1, column 2: bare " in non-quoted field'],
    ["--device=a,b", "invalid field 'b' must be a key=value pair"],
    ["--device=a,required=x", "invalid value for required: x"],
    ["--device=a,nam=x", "unexpected key 'nam' in 'nam=x' (did you mean name?)"],
    ["--device=a,name=x", "device name already set to a"],
  ])("is checked: %s", (flag, message) => {
    expect(problemOf(`RUN ${flag} x`).message).toBe(message);
  });

  it("may be empty", () => {
    expect(only("RUN", "RUN").command).toMatchObject({ form: "shell", line: "" });
  });
});

describe("HEALTHCHECK", () => {
  it("takes durations in nanoseconds and retries", () => {
    const text =
      "HEALTHCHECK --interval=1m30s --timeout=1.5s --start-period=0 --start-interval=5ms --retries=+3 cmd a b";
    expect(only("HEALTHCHECK", text).check).toMatchObject({
      type: "cmd",
      command: { form: "shell", line: "a b" },
      intervalNs: 90e9,
      timeoutNs: 1.5e9,
      startPeriodNs: 0,
      startIntervalNs: 5e6,
      retries: 3,
    });
    expect(only("HEALTHCHECK", 'HEALTHCHECK CMD ["a"]').check).toMatchObject({
      command: { form: "exec", args: ["a"] },
    });
  });

  it.each([
    ["", "HEALTHCHECK requires at least one argument"],
    ["CMD", "Missing command after HEALTHCHECK CMD"],
    ["CMD []", "Missing command after HEALTHCHECK CMD"],
    ["NONE x", "HEALTHCHECK NONE takes no arguments"],
    ["tcp x", 'Unknown type "TCP" in HEALTHCHECK (try CMD)'],
    ["--interval=5 CMD x", 'time: missing unit in duration "5"'],
    ["--timeout=1us CMD x", 'Interval "timeout" cannot be less than 1ms'],
    ["--timeout=-1s CMD x", 'Interval "timeout" cannot be less than 1ms'],
    ["--retries=many CMD x", 'strconv.ParseInt: parsing "many": invalid syntax'],
    ["--retries=4294967296 CMD x", 'strconv.ParseInt: parsing "4294967296": value out of range'],
    ["--retries=-1 CMD x", "--retries cannot be negative (-1)"],
  ])("is checked: %s", (text, message) => {
    expect(problemOf(`HEALTHCHECK ${text}`).message).toBe(message);
  });
});

describe("ONBUILD", () => {
  it("keeps the trigger as text, its trailing blanks too", () => {
    expect(only("ONBUILD", "onbuild  \tRUN --mount=x a \\\n  b  ").trigger).toBe("RUN --mount=x a   b  ");
  });

  it("does not look at the names in the trigger, only at its form", () => {
    expect(only("ONBUILD", "ONBUILD NOSUCH x").trigger).toBe("NOSUCH x");
    expect(only("ONBUILD", "ONBUILD COPY --nosuch a").trigger).toBe("COPY --nosuch a");
    expect(problemOf("ONBUILD ENV A").message).toBe("ENV must have two arguments");
  });

  it.each([
    ["", "ONBUILD requires at least one argument"],
    ["onbuild RUN x", "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed"],
    ["from a", "FROM isn't allowed as an ONBUILD trigger"],
    ["MAINTAINER a", "MAINTAINER isn't allowed as an ONBUILD trigger"],
    ["--x RUN a", "unknown flag: --x"],
  ])("refuses: %s", (text, message) => {
    expect(problemOf(`ONBUILD ${text}`).message).toBe(message);
  });
});

describe("the others", () => {
  it("take the whole line", () => {
    expect(only("WORKDIR", "WORKDIR /a  b ").path.value).toBe("/a  b");
    expect(only("USER", "USER a:b c").user.value).toBe("a:b c");
    expect(only("STOPSIGNAL", "STOPSIGNAL SIGTERM 9").signal.value).toBe("SIGTERM 9");
    expect(only("MAINTAINER", "MAINTAINER me <m@e>").maintainer).toBe("me <m@e>");
  });

  it("take lists in the order written", () => {
    expect(only("EXPOSE", "EXPOSE 90 80/udp $P").ports.map(({ value }) => value)).toEqual(["90", "80/udp", "$P"]);
    expect(only("VOLUME", "VOLUME /b /a").paths.map(({ value }) => value)).toEqual(["/b", "/a"]);
    expect(only("VOLUME", 'VOLUME [" /b ", "/a"]').paths.map(({ value }) => value)).toEqual(["/b", "/a"]);
    expect(only("SHELL", 'SHELL ["a", "b"]').args).toEqual(["a", "b"]);
  });

  it.each([
    ["WORKDIR", "WORKDIR requires exactly one argument"],
    ["USER", "USER requires exactly one argument"],
    ["STOPSIGNAL", "STOPSIGNAL requires exactly one argument"],
    ["MAINTAINER", "MAINTAINER requires exactly one argument"],
    ["EXPOSE", "EXPOSE requires at least one argument"],
    ["VOLUME", "VOLUME requires at least one argument"],
    ["VOLUME []", "VOLUME requires at least one argument"],
    ['VOLUME ["a", " "]', "VOLUME specified can not be an empty string"],
    ["SHELL", "SHELL requires at least one argument"],
    ["SHELL []", "SHELL requires at least one argument"],
    ["SHELL /bin/sh -c", "SHELL requires the arguments to be in JSON form"],
    ["USER --x a", "unknown flag: --x"],
  ])("are checked: %s", (text, message) => {
    expect(problemOf(text).message).toBe(message);
  });
});
