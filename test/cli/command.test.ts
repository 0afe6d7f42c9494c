import { describe, expect, test } from "vitest";
import { defineCommand } from "../../src/cli/command.js";
import { COMMANDS, splitCommand } from "../../src/cli/commands.js";
import { flag } from "../../src/cli/options/define-options.js";
import { fakeIo } from "./support/fake-io.js";

const seen: unknown[] = [];
const copy = defineCommand({
  name: "copy",
  usage: "[OPTIONS] SOURCE TARGET",
  description: "Copies an image.",
  options: { all: flag({ short: "a", help: "All platforms" }) },
  operands: { min: 2, max: 2 },
  run: async (_, request, operands) => {
    seen.push({ ...request, operands });
    return 7;
  },
});

describe("a command", () => {
  test("gets its request and its operands, and gives the exit code", async () => {
    expect(await copy.start(fakeIo([]), ["x", "-a", "y"])).toBe(7);
    expect(seen).toEqual([{ help: false, all: true, operands: ["x", "y"] }]);
  });

  test("shows its help", async () => {
    const io = fakeIo([]);
    expect(await copy.start(io, ["--help"])).toBe(0);
    expect(io.written.stdout).toBe(`Usage: ocibuild copy [OPTIONS] SOURCE TARGET

Copies an image.

Options:
  -a, --all   All platforms
  -h, --help  Show this and do nothing
`);
  });

  test("wants its number of arguments, in docker's words", async () => {
    await expect(copy.start(fakeIo([]), ["x"])).rejects.toMatchObject({
      code: "OPTIONS_INVALID",
      message: '"ocibuild copy" requires 2 arguments but got 1',
      hint: "Usage: ocibuild copy [OPTIONS] SOURCE TARGET",
    });
  });
});

describe("the first words", () => {
  const split = (...argv: string[]) => {
    const { command, args } = splitCommand(argv);
    return [typeof command === "string" ? command : command.name, ...args];
  };

  test("are a command, or a build", () => {
    expect(split("images", "-q")).toEqual(["images", "-q"]);
    expect(split("build", ".")).toEqual(["build", "."]);
    expect(split("-t", "x", ".")).toEqual(["build", "-t", "x", "."]);
    expect(split("folder")).toEqual(["build", "folder"]);
    expect(split()).toEqual(["build"]);
  });

  test("may name the store", () => {
    expect(split("--root", "/s", "images")).toEqual(["images", "--root", "/s"]);
    expect(split("--root=/s", "help")).toEqual(["help", "--root=/s"]);
    expect(split("--root", "/s", ".")).toEqual(["build", "--root", "/s", "."]);
    expect(split("--root")).toEqual(["build", "--root"]);
    expect(split("--root", "images")).toEqual(["build", "--root", "images"]);
  });

  test("may be docker's longer names", () => {
    expect(split("image", "ls", "-q")).toEqual(["images", "-q"]);
    expect(split("--root=/s", "container", "rm", "x")).toEqual(["rm", "--root=/s", "x"]);
    expect(split("buildx", "build", ".")).toEqual(["build", "."]);
    expect(split("image")).toEqual(["build", "image"]);
    expect(split("image", "constructor")).toEqual(["build", "image", "constructor"]);
  });
});

describe("the commands", () => {
  test("have a name each", () => {
    const names = [...COMMANDS.map(({ name }) => name), "build", "help"];
    expect(new Set(names).size).toBe(names.length);
  });

  test.each(COMMANDS.map((entry) => [entry.name, entry] as const))("%s says what it is", async (name, entry) => {
    const command = await entry.load();
    expect(command.name).toBe(name);
    expect(command.help(80)).toMatch(new RegExp(`^Usage: ocibuild ${name} `));
    const words = command.options.flatMap(({ name: long, short }) => (short === undefined ? [long] : [long, short]));
    expect(new Set(words).size).toBe(words.length);
  });
});
