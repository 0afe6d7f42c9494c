import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { InstructionDescription } from "../../../src/dockerfile/edit/descriptions.js";
import { formatInstruction } from "../../../src/dockerfile/edit/format-instruction.js";
import { expandWord } from "../../../src/dockerfile/expand.js";
import { isOcibuildError } from "../../../src/errors.js";
import { parse } from "../../support/dockerfile.js";
import { runs } from "../../support/runs.js";
import { description, literalText } from "./arbitrary.js";

describe("formatInstruction", () => {
  it.each<[InstructionDescription, string]>([
    [{ kind: "FROM", image: "a:$V", platform: "$P", as: "x" }, "FROM --platform=$P a:$V AS x"],
    [{ kind: "ARG", args: { A: "1", B: undefined, C: "x y" } }, 'ARG A=1 B C="x y"'],
    [{ kind: "ARG", args: new Map([["__proto__", "1"]]) }, "ARG __proto__=1"],
    [{ kind: "ENV", pairs: { PATH: "/opt/bin:$PATH", HI: 'say "hi"' } }, 'ENV PATH=/opt/bin:$PATH HI="say \\"hi\\""'],
    [{ kind: "ENV", pairs: { A: { literal: "$5" }, B: { value: "'$5'" }, C: "" } }, "ENV A=\\$5 B='$5' C="],
    [{ kind: "LABEL", pairs: [{ key: "a", value: "b c", delimited: false }] }, "LABEL a b c"],
    [{ kind: "RUN", command: "make -j4 && make install" }, "RUN make -j4 && make install"],
    [{ kind: "RUN", command: ["a", 'b "c"'] }, 'RUN ["a", "b \\"c\\""]'],
    [{ kind: "RUN", command: "--version" }, "RUN -- --version"],
    [{ kind: "RUN", script: "set -e\nmake" }, "RUN <<EOF\nset -e\nmake\nEOF"],
    [
      { kind: "RUN", command: "python3 <<X > /log", heredocs: [{ name: "X", content: "print(1)\n" }] },
      "RUN python3 <<X > /log\nprint(1)\nX",
    ],
    [
      {
        kind: "RUN",
        command: "x",
        mounts: [{ type: "bind", target: "/a b", rw: true }, "type=tmpfs,target=/t"],
        network: "none",
        devices: ["vendor.com/class=name"],
      },
      'RUN --mount="type=bind,target=/a b,rw" --mount=type=tmpfs,target=/t --device=vendor.com/class=name --network=none x',
    ],
    [{ kind: "COPY", sources: ["a", "b"], destination: "/c/" }, "COPY a b /c/"],
    [{ kind: "COPY", sources: ["a b"], destination: "/c", link: true }, 'COPY --link ["a b", "/c"]'],
    [{ kind: "COPY", sources: ["[a-c].txt"], destination: "/c" }, "COPY [a-c].txt /c"],
    [
      { kind: "COPY", contents: [{ name: "a.txt", content: "x\n", expand: true }], destination: "/" },
      "COPY <<a.txt /\nx\na.txt",
    ],
    [
      { kind: "ADD", sources: ["https://x/y"], destination: "/", checksum: "sha256:1", unpack: false },
      "ADD --checksum=sha256:1 --unpack=false https://x/y /",
    ],
    [{ kind: "WORKDIR", path: "/a b" }, "WORKDIR /a b"],
    [{ kind: "USER", user: " x" }, 'USER " x"'],
    [{ kind: "STOPSIGNAL", signal: "SIGINT" }, "STOPSIGNAL SIGINT"],
    [{ kind: "MAINTAINER", maintainer: "a b" }, "MAINTAINER a b"],
    [{ kind: "EXPOSE", ports: [80, "443/tcp", "$P"] }, "EXPOSE 80 443/tcp $P"],
    [{ kind: "VOLUME", paths: ["/a", "/b c"] }, 'VOLUME ["/a", "/b c"]'],
    [{ kind: "SHELL", args: ["/bin/bash", "-c"] }, 'SHELL ["/bin/bash", "-c"]'],
    [{ kind: "HEALTHCHECK", check: "none" }, "HEALTHCHECK NONE"],
    [
      { kind: "HEALTHCHECK", check: { command: "curl x", interval: "90s", retries: 3 } },
      "HEALTHCHECK --interval=1m30s --retries=3 CMD curl x",
    ],
    [{ kind: "ONBUILD", trigger: { kind: "COPY", sources: ["."], destination: "/app" } }, "ONBUILD COPY . /app"],
    [{ kind: "ONBUILD", trigger: "RUN <<E\nx\nE" }, "ONBUILD RUN <<E\nx\nE"],
  ])("writes %j", (instruction, expected) => {
    expect(formatInstruction(instruction)).toBe(expected);
  });

  it("writes in the style asked for", () => {
    const style = { escape: "`", newline: "\r\n", keywordCase: "lower" } as const;
    expect(formatInstruction({ kind: "FROM", image: "a", as: "b" }, style)).toBe("from a as b");
    expect(formatInstruction({ kind: "RUN", script: "x\ny\n" }, style)).toBe("run <<EOF\r\nx\ny\nEOF");
    expect(formatInstruction({ kind: "ENV", pairs: { A: '`"\\' } }, style)).toBe('env A=```"\\');
  });

  it("reads back as what was described, or is refused", () => {
    let written = 0;
    fc.assert(
      fc.property(description, fc.constantFrom("\\" as const, "`" as const), (wanted, escapeChar) => {
        let text: string;
        try {
          text = formatInstruction(wanted, { escape: escapeChar });
        } catch (error) {
          expect(isOcibuildError(error, "DOCKERFILE_EDIT")).toBe(true);
          return;
        }
        written++;
        const file = parse(`# escape=${escapeChar}\n${wanted.kind === "FROM" ? "" : "FROM a\n"}${text}\n`);
        expect(file.diagnostics.filter(({ severity }) => severity === "error")).toEqual([]);
        const [stage] = file.stages;
        const instruction = wanted.kind === "FROM" ? stage!.from : stage!.instructions[0]!;
        expect(stage!.instructions).toHaveLength(wanted.kind === "FROM" ? 0 : 1);
        // Written once more, from the tree.
        expect(formatInstruction(instruction, { escape: escapeChar })).toBe(text);
      }),
      { numRuns: runs(2000) },
    );
    expect(written).toBeGreaterThan(1500);
  });

  it("writes words that expand to the text asked for", () => {
    fc.assert(
      fc.property(literalText, fc.constantFrom("\\" as const, "`" as const), (text, escapeChar) => {
        const expanded = (line: string): string[] => {
          const [stage] = parse(`# escape=${escapeChar}\nFROM a\n${line}\n`).stages;
          const [instruction] = stage!.instructions;
          const words =
            instruction?.kind === "ENV"
              ? [instruction.pairs[0]!.value]
              : instruction?.kind === "COPY"
                ? [instruction.chown!, instruction.sources[0]!]
                : instruction?.kind === "WORKDIR"
                  ? [instruction.path]
                  : [];
          return words.map(({ value }) => expandWord(value, new Map(), { escape: escapeChar }).value);
        };
        const write = (wanted: InstructionDescription): string => formatInstruction(wanted, { escape: escapeChar });
        expect(expanded(write({ kind: "ENV", pairs: { A: text } }))).toEqual([text.literal]);
        if (text.literal !== "") expect(expanded(write({ kind: "WORKDIR", path: text }))).toEqual([text.literal]);
        if (text.literal.includes("<<")) return;
        const copy = write({ kind: "COPY", sources: [text], destination: "/", chown: text });
        expect(expanded(copy)).toEqual([text.literal, text.literal]);
      }),
      { numRuns: runs(2000) },
    );
  });
});
