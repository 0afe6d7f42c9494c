import { describe, expect, it } from "vitest";
import { only, parse, problemOf, sliceOf } from "../support/dockerfile.js";

describe("flags", () => {
  it("stand between the keyword and the arguments", () => {
    const copy = only("COPY", "COPY --link --chown=a:b src --chmod=1 /d/");
    expect(copy.flags.map(({ name, value }) => [name, value])).toEqual([
      ["link", undefined],
      ["chown", "a:b"],
    ]);
    expect(copy.sources.map(({ value }) => value)).toEqual(["src", "--chmod=1"]);
  });

  it("end at a --, which is dropped", () => {
    const run = only("RUN", "RUN --network=none -- --x y");
    expect(run.command).toMatchObject({ form: "shell", line: "--x y" });
    expect(run.network).toBe("none");
  });

  it.each([
    ['--chown="a b"', "a b"],
    ["--chown='a'\\ b", "a b"],
    ['--cho"wn=x"y', "xy"],
    ["--chown=", ""],
    ["--chown=$U:${G}", "$U:${G}"],
    ["--chown=a=b", "a=b"],
    ["--chown=ü", "ü"],
  ])("lose quotes and escapes but keep variables: %s", (flag, value) => {
    expect(only("COPY", `COPY ${flag} a b`).chown!.value).toBe(value);
  });

  it("have spans of the whole and of the value, also across lines", () => {
    const { source, stages } = parse('FROM a\nCOPY --chown="x\\\ny" --link a b\n');
    const { flags } = stages[0]!.instructions[0]!;
    expect(flags.map(({ span }) => sliceOf(source, span))).toEqual(['--chown="x\\\ny"', "--link"]);
    expect(sliceOf(source, flags[0]!.valueSpan!)).toBe('"x\\\ny"');
    expect(flags[0]!.value).toBe("xy");
  });

  it.each([
    ["COPY --link a b", true],
    ["COPY --link=true a b", true],
    ["COPY --link=FALSE a b", false],
    ["COPY a b", false],
  ])("may be boolean: %s", (text, link) => {
    expect(only("COPY", text).link).toBe(link);
  });

  it("may be absent, true or false on ADD", () => {
    const add = only("ADD", "ADD --unpack=false --keep-git-dir a b");
    expect([add.unpack, add.keepGitDir]).toEqual([false, true]);
    expect(only("ADD", "ADD a b").unpack).toBeUndefined();
  });

  it("may repeat where they make a list", () => {
    expect(only("COPY", "COPY --exclude=a --exclude=b x y").exclude.map(({ value }) => value)).toEqual(["a", "b"]);
  });

  it.each([
    ["COPY --link=maybe a b", "expecting boolean value for flag --link, not: maybe"],
    ["COPY --link= a b", "missing a value on flag: --link"],
    ["COPY --chown a b", "missing a value on flag: --chown"],
    ["COPY --chown=a --chown=b c d", "duplicate flag specified: --chown"],
    ["COPY --link --link=false c d", "duplicate flag specified: --link"],
    ["COPY --chowm=a b c", "unknown flag: --chowm (did you mean chown?)"],
    ["RUN --nope x", "unknown flag: --nope"],
  ])("are checked: %s", (text, message) => {
    expect(problemOf(text).message).toBe(message);
  });

  it.each([
    ["COPY --checksum=a b c", "--checksum is a flag of ADD, not of COPY"],
    ["COPY --CHOWN=a b c", "flags are lower case: --chown"],
    ["RUN --zzzzz x", "flags of RUN: --device, --mount, --network, --security"],
    ["CMD --zzzzz x", "CMD takes no flags"],
  ])("that are unknown come with advice: %s", (text, hint) => {
    expect(problemOf(text).hint).toContain(hint);
  });

  it("are let through on ARG, STOPSIGNAL and HEALTHCHECK NONE, as BuildKit does", () => {
    expect(only("ARG", "ARG --x A").args[0]!.name.value).toBe("A");
    expect(only("STOPSIGNAL", "STOPSIGNAL --x 9").signal.value).toBe("9");
    expect(only("HEALTHCHECK", "HEALTHCHECK --x NONE").check).toEqual({ type: "none" });
  });
});
