import { describe, expect, test } from "vitest";
import { flag, list, optionTable, refused, refusedFlag, text } from "../../../src/cli/options/define-options.js";
import { parseArguments } from "../../../src/cli/options/parse-arguments.js";

const DEFINITIONS = {
  all: flag({ short: "a", help: "All of them" }),
  pause: flag({ initially: true, help: "Wait" }),
  filter: list({ short: "f", placeholder: "key=value", help: "Only some" }),
  noTrunc: flag({ help: "In full" }),
  format: text({ placeholder: "how", help: "As JSON" }),
  tree: refusedFlag({ hint: "There is none." }),
  pool: refused({ hint: "There is none.", isDefault: (value) => value === "no" }),
};
const table = optionTable(DEFINITIONS);

describe("a table of options", () => {
  test("fills one property for each option, named as the definition is", () => {
    const { request, operands } = parseArguments(table, ["-a", "-f", "x=1", "y", "--filter=z", "--no-trunc"]);
    expect(request).toEqual({
      help: false,
      all: true,
      pause: true,
      filter: ["x=1", "z"],
      noTrunc: true,
      format: undefined,
    });
    expect(operands).toEqual(["y"]);
    expect(parseArguments(table, ["--pause=false"]).request.pause).toBe(false);
  });

  test("makes a new request each time", () => {
    parseArguments(table, ["-f", "x"]);
    expect(parseArguments(table, []).request.filter).toEqual([]);
  });

  test("refuses by name what cannot be honoured", () => {
    expect(() => parseArguments(table, ["--tree"])).toThrow('option "--tree" is not supported by this version');
    expect(() => parseArguments(table, ["--pool", "x"])).toThrow('option "--pool x" is not supported by this version');
    expect(() => parseArguments(table, ["--tree=false", "--pool", "no"])).not.toThrow();
  });

  test("suggests its own names", () => {
    expect(() => parseArguments(table, ["--no-trnc"])).toThrow(
      expect.objectContaining({ hint: 'Did you mean "--no-trunc"?' }),
    );
  });

  test("has --help, and -h unless an option of the command has that letter", () => {
    expect(parseArguments(table, ["-h"]).request.help).toBe(true);
    const taken = optionTable({ hostname: text({ short: "h", placeholder: "name", help: "Name of the host" }) });
    expect(parseArguments(taken, ["-h", "x"]).request).toEqual({ help: false, hostname: "x" });
    expect(parseArguments(taken, ["--help"]).request.help).toBe(true);
  });

  test("with options first leaves everything behind the first operand to another program", () => {
    const first = optionTable(DEFINITIONS, { optionsFirst: true });
    const { request, operands } = parseArguments(first, ["-a", "busybox", "-a", "--help", "--filter", "x"]);
    expect(request).toMatchObject({ all: true, help: false, filter: [] });
    expect(operands).toEqual(["busybox", "-a", "--help", "--filter", "x"]);
  });
});
