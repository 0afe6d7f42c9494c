import { describe, expect, it } from "vitest";
import type { Dockerfile, Instruction } from "../../../src/dockerfile/ast.js";
import { editDockerfile, formatDockerfile } from "../../../src/dockerfile/edit/edit-dockerfile.js";
import {
  appendStage,
  appendToStage,
  type Edit,
  insertAfter,
  insertBefore,
  remove,
  replaceInstruction,
  setDirective,
  setValue,
  updateInstruction,
} from "../../../src/dockerfile/edit/edits.js";
import { isOcibuildError } from "../../../src/errors.js";
import { allInstructions, parse } from "../../support/dockerfile.js";

/** The text that the edits make of `text`. */
function edited(text: string, edits: (dockerfile: Dockerfile) => readonly Edit[]): string {
  const dockerfile = parse(text);
  return formatDockerfile(editDockerfile(dockerfile, edits(dockerfile)));
}

/** The first instruction of `kind`. */
function the<K extends Instruction["kind"]>(dockerfile: Dockerfile, kind: K): Extract<Instruction, { kind: K }> {
  const found = allInstructions(dockerfile).find((instruction) => instruction.kind === kind);
  if (found === undefined) throw new Error(`no ${kind}`);
  return found as Extract<Instruction, { kind: K }>;
}

function problemOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (isOcibuildError(error, "DOCKERFILE_EDIT")) return error.message;
    throw error;
  }
  return "none";
}

const SAMPLE = `# syntax=docker/dockerfile:1

# Versions
ARG  NODE=22   # not a comment
FROM --platform=$BUILDPLATFORM   node:$NODE   as build
# Sources
COPY   package.json  ./
RUN npm ci \\
    # why
    && npm test

FROM scratch
COPY --from=build /app /app
`;

describe("editDockerfile", () => {
  it("changes nothing without edits", () => {
    const dockerfile = parse(SAMPLE);
    expect(editDockerfile(dockerfile, [])).toBe(dockerfile);
    expect(formatDockerfile(dockerfile)).toBe(SAMPLE);
  });

  it("sets the image of a FROM and keeps platform, name and spacing", () => {
    const text = edited(SAMPLE, (d) => [updateInstruction(d.stages[0]!.from, { image: "node:24@sha256:abc" })]);
    expect(text).toBe(SAMPLE.replace("node:$NODE", "node:24@sha256:abc"));
  });

  it.each<[string, Parameters<typeof updateInstruction<"FROM">>[1], string]>([
    ["FROM a", { as: "x" }, "FROM a AS x"],
    ["from  a", { as: "x" }, "from  a as x"],
    ["FROM a  AS   x", { as: "y" }, "FROM a  AS   y"],
    ["FROM a  AS   x", { as: undefined }, "FROM a"],
    ["FROM a", { platform: "linux/arm64" }, "FROM --platform=linux/arm64 a"],
    ["FROM  --platform=x  a", { platform: "$P" }, "FROM  --platform=$P  a"],
    ["FROM  --platform=x  a", { platform: undefined }, "FROM  a"],
    ["FROM \\\n  a \\\n  AS b", { image: "c" }, "FROM \\\n  c \\\n  AS b"],
  ])("updates %j by %j", (text, changes, expected) => {
    expect(edited(text, (d) => [updateInstruction(d.stages[0]!.from, changes)])).toBe(expected);
  });

  it.each<[string, Parameters<typeof updateInstruction<"COPY">>[1], string]>([
    ["COPY   a  b", { destination: "/c" }, "COPY   a  /c"],
    ["COPY   a  b", { sources: ["x"] }, "COPY   x  b"],
    ["COPY   a  b", { sources: ["a", "x"] }, "COPY   a x  b"],
    ["COPY a  b   /c", { sources: ["b"] }, "COPY b   /c"],
    ["COPY a  b   /c", { sources: ["a"] }, "COPY a   /c"],
    ["COPY   a  b", { sources: ["a b"] }, 'COPY   ["a b", "b"]'],
    ['COPY   ["a",  "b"]', { destination: "/c d" }, 'COPY   ["a",  "/c d"]'],
    ['COPY   ["a",  "b"]', { sources: ["a", "x"] }, 'COPY   ["a", "x", "b"]'],
    ["COPY --chown=1  a b", { chown: "2", link: true }, "COPY --chown=2 --link  a b"],
    ["COPY --link=false a b", { link: true }, "COPY --link a b"],
    ["COPY --link --chown=1 a b", { link: undefined }, "COPY --chown=1 a b"],
    ["COPY --from=x a b", { from: "y z" }, 'COPY --from="y z" a b'],
    ["COPY --exclude=a --exclude=b --link c d", { exclude: ["x"] }, "COPY --exclude=x --link c d"],
    ["COPY --exclude=a c d", { exclude: ["a", "b"] }, "COPY --exclude=a --exclude=b c d"],
    ["COPY \\\n  --link \\\n  --chown=1 \\\n  a b", { link: false }, "COPY \\\n  --chown=1 \\\n  a b"],
    ["COPY -- --a b", { destination: "c" }, "COPY -- --a c"],
    ["COPY a b", { sources: ["--a"] }, "COPY -- --a b"],
    ["COPY <<E /a\nx\nE", { contents: [{ name: "E", content: "y\n", expand: true }] }, "COPY <<E /a\ny\nE"],
    ["COPY <<E /a\nx\nE", { destination: "/b" }, "COPY <<E /b\nx\nE"],
    ["COPY a /a", { sources: [], contents: [{ content: "y\n" }] }, 'COPY <<"EOF" /a\ny\nEOF'],
  ])("updates %j by %j", (line, changes, expected) => {
    const text = edited(`FROM a\n${line}\nUSER x\n`, (d) => [updateInstruction(the(d, "COPY"), changes)]);
    expect(text).toBe(`FROM a\n${expected}\nUSER x\n`);
  });

  it.each<[string, Parameters<typeof updateInstruction<"RUN">>[1], string]>([
    ["RUN  a \\\n  # c\n  b", { network: "none" }, "RUN --network=none  a \\\n  # c\n  b"],
    ["RUN  a", { command: ["b", "c d"] }, 'RUN  ["b", "c d"]'],
    ['RUN  ["a"]', { command: "b c" }, "RUN  b c"],
    ["RUN <<E\nx\nE", { command: "y" }, "RUN y"],
    ["RUN  y", { script: "x" }, "RUN <<EOF\nx\nEOF"],
    ["RUN <<EOF\nx\nEOF", { script: "EOF\n" }, "RUN <<EOF2\nEOF\nEOF2"],
    ["RUN  <<EOF\nx\nEOF", { script: "y" }, "RUN  <<EOF\ny\nEOF"],
    [
      "RUN --mount=type=cache,target=/a  x",
      { mounts: [{ type: "cache", target: "/b,c" }, "type=tmpfs,target=/t"] },
      'RUN --mount=type=cache,\\"target=/b,c\\" --mount=type=tmpfs,target=/t  x',
    ],
  ])("updates %j by %j", (line, changes, expected) => {
    const text = edited(`FROM a\n${line}\nUSER x\n`, (d) => [updateInstruction(the(d, "RUN"), changes)]);
    expect(text).toBe(`FROM a\n${expected}\nUSER x\n`);
  });

  it.each<[string, string, string | undefined, string]>([
    ["ENV A=1  B=2", "A", "x y", 'ENV A="x y"  B=2'],
    ["ENV A=1  B=2", "B", undefined, "ENV A=1"],
    ["ENV A=1  B=2", "A", undefined, "ENV  B=2"],
    ["ENV A=1  B=2", "C", "$A/3", "ENV A=1  B=2 C=$A/3"],
    ["ENV A=1 \\\n    B=2 \\\n    C=3", "B", undefined, "ENV A=1 \\\n    C=3"],
    ["ENV A=1 \\\n    # two\n    B=2 \\\n    C=3", "C", "", "ENV A=1 \\\n    # two\n    B=2 \\\n    C="],
    ["ENV A some value", "A", "more of it", "ENV A more of it"],
    ["ENV A some value", "B", "x", 'ENV A="some value" B=x'],
    ["LABEL a=b", "c d", 'say "hi"', 'LABEL a=b "c d"="say \\"hi\\""'],
    ["ARG A", "A", "1", "ARG A=1"],
    ["ARG  A=1   B", "A", "2", "ARG  A=2   B"],
    ["ARG  A=1   B", "A", undefined, "ARG  A   B"],
    ["ARG  A=1   B", "C", "it's", "ARG  A=1   B C=it\\'s"],
    ["ARG A", "__proto__", "1", "ARG A __proto__=1"],
  ])("sets a value of %j: %s to %j", (line, name, value, expected) => {
    const text = edited(`FROM a\n${line}\n`, (d) => {
      const [instruction] = d.stages[0]!.instructions;
      if (instruction?.kind !== "ENV" && instruction?.kind !== "LABEL" && instruction?.kind !== "ARG")
        throw new Error();
      return [setValue(instruction, name, value)];
    });
    expect(text).toBe(`FROM a\n${expected}\n`);
  });

  it("makes several changes of one instruction", () => {
    const text = edited("FROM a\nENV A=1  B=2\n", (d) => [
      setValue(the(d, "ENV"), "A", "x"),
      setValue(the(d, "ENV"), "C", "z"),
      setValue(the(d, "ENV"), "B", undefined),
    ]);
    expect(text).toBe("FROM a\nENV A=x C=z\n");
  });

  it("inserts above the comments of an instruction and below its last line", () => {
    const text = edited(SAMPLE, (d) => [
      insertBefore(the(d, "COPY"), "# Who\n", { kind: "USER", user: "node" }),
      insertAfter(the(d, "RUN"), { kind: "CMD", command: ["node", "a b"] }, { kind: "EXPOSE", ports: [80, "$PORT"] }),
    ]);
    expect(text).toBe(
      SAMPLE.replace("# Sources", "# Who\nUSER node\n# Sources").replace(
        "npm test\n",
        'npm test\nCMD ["node", "a b"]\nEXPOSE 80 $PORT\n',
      ),
    );
  });

  it("replaces an instruction and leaves its comments", () => {
    const text = edited(SAMPLE, (d) => [
      replaceInstruction(the(d, "COPY"), { kind: "WORKDIR", path: "/app" }, "COPY . .  # x"),
    ]);
    expect(text).toBe(SAMPLE.replace("COPY   package.json  ./", "WORKDIR /app\nCOPY . .  # x"));
  });

  it("removes instructions and stages, with their comments when asked to", () => {
    expect(edited(SAMPLE, (d) => [remove(the(d, "COPY"))])).toBe(SAMPLE.replace("COPY   package.json  ./\n", ""));
    expect(edited(SAMPLE, (d) => [remove(the(d, "COPY"), { comments: true })])).toBe(
      SAMPLE.replace("# Sources\nCOPY   package.json  ./\n", ""),
    );
    expect(edited(SAMPLE, (d) => [remove(d.stages[1]!)])).toBe(SAMPLE.slice(0, SAMPLE.indexOf("FROM scratch")));
    expect(edited("# check=skip=all\nARG A\nFROM a\n", (d) => [remove(the(d, "ARG"), { comments: true })])).toBe(
      "# check=skip=all\nFROM a\n",
    );
  });

  it("appends to a stage, before the lines that belong to the next one", () => {
    const text = edited(SAMPLE, (d) => [
      appendToStage(d.stages[0]!, { kind: "STOPSIGNAL", signal: "SIGINT" }),
      appendToStage(d.stages[1]!, { kind: "ENTRYPOINT", command: "run it" }),
    ]);
    expect(text).toBe(`${SAMPLE.replace("npm test\n", "npm test\nSTOPSIGNAL SIGINT\n")}ENTRYPOINT run it\n`);
  });

  it("appends a stage with a blank line above", () => {
    const stage = appendStage(
      "# Tests",
      { kind: "FROM", image: "build", as: "test" },
      { kind: "RUN", command: "npm test" },
    );
    expect(edited("FROM a\n", () => [stage])).toBe("FROM a\n\n# Tests\nFROM build AS test\nRUN npm test\n");
    expect(edited("FROM a\n\n", () => [stage])).toBe("FROM a\n\n# Tests\nFROM build AS test\nRUN npm test\n");
    expect(edited("", () => [stage])).toBe("# Tests\nFROM build AS test\nRUN npm test\n");
  });

  it("sets directives in place or at the top", () => {
    expect(edited(SAMPLE, () => [setDirective("syntax", "docker/dockerfile:2")])).toBe(
      SAMPLE.replace("dockerfile:1", "dockerfile:2"),
    );
    expect(edited(SAMPLE, () => [setDirective("check", "error=true")])).toBe(
      SAMPLE.replace("\n\n", "\n# check=error=true\n\n"),
    );
    expect(edited("\ufeffFROM a", () => [setDirective("check", "error=true")])).toBe(
      "\ufeff# check=error=true\nFROM a",
    );
    expect(edited("#!/bin/x\nFROM a", () => [setDirective("syntax", "x")])).toBe("#!/bin/x\n# syntax=x\nFROM a");
    expect(edited("#  Escape = `\nFROM a", () => [setDirective("syntax", "x")])).toBe(
      "#  Escape = `\n# syntax=x\nFROM a",
    );
  });

  it("keeps CRLF, the byte order mark and a missing newline at the end", () => {
    const text = "\ufefffrom a\r\n  copy b c\r\n  run x";
    const result = edited(text, (d) => [
      insertBefore(d.stages[0]!.from, { kind: "ARG", args: { V: "1" } }),
      insertBefore(the(d, "COPY"), "# one\n# two\nuser x"),
      insertAfter(the(d, "COPY"), { kind: "WORKDIR", path: "/a" }),
      appendToStage(d.stages[0]!, { kind: "CMD", command: "y" }),
      appendStage({ kind: "FROM", image: "b", as: "c" }),
    ]);
    expect(result).toBe(
      "\ufeff  arg V=1\r\nfrom a\r\n# one\r\n# two\r\nuser x\r\n  copy b c\r\n  workdir /a\r\n  run x\r\n  cmd y\r\n\r\nfrom b as c",
    );
    expect(edited("FROM a\nUSER b", (d) => [remove(the(d, "USER"))])).toBe("FROM a");
  });

  it("writes escapes of the file's own escape character", () => {
    const text = edited("# escape=`\nFROM a\n", (d) => [
      appendToStage(
        d.stages[0]!,
        { kind: "WORKDIR", path: "C:\\app `1`\\" },
        { kind: "ENV", pairs: { A: { literal: '$5 "x" `' }, B: "$A" } },
        { kind: "COPY", sources: ["it's"], destination: "C:\\" },
      ),
    ]);
    expect(text).toBe('# escape=`\nFROM a\nWORKDIR C:\\app ``1``\\\nENV A="`$5 `"x`" ``" B=$A\nCOPY it`\'s C:\\\n');
  });

  it("takes instructions of another tree as descriptions", () => {
    const other = parse("FROM b\ncopy  --chown=1:1   <<-X  $A  'q' /d\n\ttext\n\tX\n");
    const text = edited("FROM a\n", (d) => [
      appendToStage(d.stages[0]!, { ...the(other, "COPY"), chmod: "755" }, other.stages[0]!.from),
    ]);
    expect(text).toBe("FROM a\nCOPY --chown=1:1 --chmod=755 $A 'q' <<X /d\ntext\nX\nFROM b\n");
  });

  it.each<[string, string, (dockerfile: Dockerfile) => readonly Edit[]]>([
    ["a node of another tree", "another Dockerfile", () => [remove(parse(SAMPLE).stages[0]!)]],
    [
      "two edits of one place",
      "the same place",
      (d) => [remove(the(d, "RUN")), replaceInstruction(the(d, "RUN"), "USER x")],
    ],
    ["text that is no instruction", "unknown instruction: RUNN", (d) => [appendToStage(d.stages[0]!, "RUNN x")]],
    ["a heredoc without end", "unterminated heredoc", (d) => [appendToStage(d.stages[0]!, "RUN <<X\n")]],
    ["text that goes on below", "in another way", (d) => [appendToStage(d.stages[0]!, "RUN x \\")]],
    ["a line break", "line break", (d) => [setValue(the(d, "ARG"), "NODE", "1\n2")]],
    [
      "a shell line in JSON form",
      "no way to say it",
      (d) => [appendToStage(d.stages[0]!, { kind: "CMD", command: '["a"]' })],
    ],
    ["an image with a blank", "FROM requires", (d) => [updateInstruction(d.stages[0]!.from, { image: "a b" })]],
    ["an unknown network", "invalid network mode", (d) => [updateInstruction(the(d, "RUN"), { network: "x" })]],
    [
      "a file that ends in the middle of a line",
      "ends in a newline",
      (d) => [appendToStage(d.stages[0]!, { kind: "COPY", contents: [{ content: "x" }], destination: "/" })],
    ],
  ])("refuses %s", (_, message, edits) => {
    const dockerfile = parse(SAMPLE);
    expect(problemOf(() => editDockerfile(dockerfile, edits(dockerfile)))).toContain(message);
  });

  it("refuses a comment that would become a directive", () => {
    const dockerfile = parse("ARG A\nFROM a\n");
    const edit = insertBefore(the(dockerfile, "ARG"), "# escape=`");
    expect(problemOf(() => editDockerfile(dockerfile, [edit]))).toContain("in another way");
  });

  it("refuses to add below an instruction that the end of the file cuts off", () => {
    const dockerfile = parse("FROM a\nRUN x \\\n\n");
    expect(problemOf(() => editDockerfile(dockerfile, [appendToStage(dockerfile.stages[0]!, "USER x")]))).toContain(
      "goes on below",
    );
  });
});
