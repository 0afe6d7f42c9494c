import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { lastStep, planStage, problemOf } from "../../support/plan.js";

const copy = (line: string, before = "") => lastStep(`FROM scratch\n${before}${line}\n`, "copy");
const problem = (line: string) => problemOf(`FROM scratch\n${line}\n`);

describe("the destination of COPY", () => {
  it.each([
    ["/", "."],
    ["/", "/"],
    ["/x", "x"],
    ["/x/", "x/"],
    ["/x/", "x/."],
    ["/x", "a/../x"],
    ["/x", "/a//../x"],
    ["/x", "../../x"],
    ["/", ".."],
    ["/w/x", "x", "WORKDIR /w\n"],
    ["/w/", ".", "WORKDIR /w\n"],
    ["/w/", "./", "WORKDIR /w\n"],
    ["/", "..", "WORKDIR /w\n"],
    ["/a/c/x", "x", "WORKDIR /a/b/../c/\n"],
    ["/x/", "/x/", "WORKDIR /w\n"],
  ])("is %s for %s", async (expected, written, before = "") => {
    expect((await copy(`COPY f ${written}`, before)).destination).toBe(expected);
  });

  it("on Windows takes backslashes and the drive C:", async () => {
    // A backslash would continue the line.
    const text = "# escape=`\nFROM scratch\nWORKDIR c:\\app\nCOPY C:\\x\\y sub\\\n";
    const real = await lastStep(text, "copy", { platforms: ["windows/amd64"] });
    expect(real.destination).toBe("/app/sub/");
    expect(real.sources).toEqual([{ kind: "path", pattern: "/x/y", unpack: false }]);
    const wrong = await problemOf("# escape=`\nFROM scratch\nCOPY d:\\x .\n", { platforms: ["windows/amd64"] });
    expect(wrong.message).toContain("not on the system drive");
  });
});

describe("COPY", () => {
  it("has everything expanded, and a history line that shows it as expanded", async () => {
    const line = "COPY --chown=$U --chmod=$M --link --parents --exclude=$U a/./$U $U/";
    const step = await copy(line, "ARG U=u M=0644\n");
    expect(step).toMatchObject({
      instruction: "COPY",
      from: { kind: "context" },
      sources: [{ kind: "path", pattern: "a/./u", unpack: false }],
      destination: "/u/",
      chown: "u",
      chmod: "0644",
      link: true,
      parents: true,
      exclude: ["$U"],
      createdBy: "COPY --parents --chown=u --chmod=0644 a/./u u/",
    });
  });

  it("takes empty flags as not given", async () => {
    const step = await copy("COPY --chown=$NONE --chmod=$NONE a /");
    expect(step).toMatchObject({ chown: undefined, chmod: undefined, createdBy: "COPY a /" });
  });

  it("writes heredocs last, expanded unless the word is quoted", async () => {
    const text = `FROM scratch
ARG X=val
COPY <<one file <<"two" /d/
it's $X \\$X
one
"$X"
two
`;
    const step = await lastStep(text, "copy");
    expect(step.sources).toEqual([
      { kind: "path", pattern: "file", unpack: false },
      { kind: "inline", name: "one", content: "it's val $X\n" },
      { kind: "inline", name: "two", content: '"$X"\n' },
    ]);
    expect(step.createdBy).toBe("COPY file <<one <<two /d/");
  });

  it.each(["<<a/b", "<<../../a/b", "<<..", "<</"])("refuses %s, which names no plain file", async (word) => {
    const error = await problem(`COPY ${word} /d/\nx\n${word.slice(2)}`);
    expect(error.message).toContain("no such file or directory");
  });

  it.each([
    ["COPY --chmod=888 a /", "invalid chmod parameter: '888'"],
    ["COPY --chmod=17777 a /", "invalid chmod parameter: '17777'"],
    ["COPY --chmod=u* a /", "invalid syntax"],
    ["COPY http://h/x /", "source can't be a URL for COPY"],
    ["COPY git@h:x.git /", "source can't be a git ref for COPY"],
    ["ADD --checksum=sha256:00 a /", "checksum requires HTTP(S) or Git sources"],
    ["ADD --checksum=sha256:00 http://h/a http://h/b /", "checksum can't be specified for multiple sources"],
    ["ADD --checksum=sha256:00 http://h/a /", "invalid checksum digest length"],
    [`ADD --checksum=md5:${"0".repeat(32)} http://h/a /`, "unsupported digest algorithm"],
    ["ADD --checksum=nothing http://h/a /", "invalid checksum digest format"],
    [`ADD --checksum=sha256:${"X".repeat(64)} http://h/a /`, "invalid checksum digest format"],
    ["ADD http://[ /", 'invalid URL "http://["'],
    ["ADD https://h/x.git?nope=1 /", 'unexpected query "nope"'],
    ["ADD --keep-git-dir=true https://h/x.git?keep-git-dir=false /", "inconsistent keep-git-dir configuration"],
    ["ADD --checksum=abc https://h/x.git?checksum=def /", 'checksum mismatch "abc" != "def"'],
    ['COPY "a /', "unexpected end of statement while looking for matching double-quote"],
  ])("%s is refused", async (line, message) => {
    const error = await problem(line);
    expect(error.code).toBe("PLAN_INVALID");
    expect(error.message).toContain(message);
    expect(error.location?.line).toBe(2);
  });
});

describe("ADD", () => {
  it("unpacks local archives unless told otherwise, and remote ones only when told", async () => {
    const unpacks = async (line: string) =>
      (await copy(line)).sources.map((source) => "unpack" in source && source.unpack);
    expect(await unpacks("ADD a.tar http://h/b.tar /")).toEqual([true, false]);
    expect(await unpacks("ADD --unpack=false a.tar http://h/b.tar /")).toEqual([false, false]);
    expect(await unpacks("ADD --unpack a.tar http://h/b.tar /")).toEqual([true, true]);
  });

  it("tells URLs, repositories and paths apart", async () => {
    const kinds = async (word: string) => (await copy(`ADD ${word} /`)).sources[0]!.kind;
    expect(await kinds("https://h/x.tar")).toBe("http");
    expect(await kinds("https://h/x.git")).toBe("git");
    expect(await kinds("https://h/x.git#v1:sub")).toBe("git");
    expect(await kinds("https://h/x.gitx")).toBe("http");
    expect(await kinds("git://h/x")).toBe("git");
    expect(await kinds("ssh://git@h/x")).toBe("git");
    expect(await kinds("git@h:x")).toBe("git");
    expect(await kinds("github.com/a/b")).toBe("path");
    expect(await kinds("ftp://h/x")).toBe("path");
    expect(await kinds("./git@h:x")).toBe("path");
    expect(await kinds("a:b")).toBe("path");
  });

  it("reads what a repository's URL says", async () => {
    const checksum = "a".repeat(40);
    const step = await copy(
      `ADD --checksum=${checksum} --keep-git-dir https://u:p@h/x.git?submodules=false#v1:a/../b /r`,
    );
    expect(step.sources).toEqual([
      {
        kind: "git",
        remote: "https://u:p@h/x.git",
        ref: "v1",
        subdirectory: "b",
        checksum,
        keepGitDir: true,
        submodules: false,
      },
    ]);
  });
});

describe("heredoc words", () => {
  interface Row {
    readonly text: string;
    readonly content?: string;
    readonly error?: string;
  }
  const url = new URL("../../fixtures/conformance/tables/heredoc-words.json", import.meta.url);
  const { rows } = JSON.parse(readFileSync(url, "utf8")) as { rows: Row[] };

  it.each(rows)("$text gives the file that BuildKit makes", async ({ text, content, error }) => {
    const dockerfile = `FROM scratch\nARG X=val\nCOPY ${text} /f\nbody $X\n\tEOF\nEOF\nLABEL end=1\n`;
    if (error !== undefined) {
      expect((await problemOf(dockerfile)).message).toContain(error);
      return;
    }
    const { steps } = await planStage(dockerfile);
    const step = steps.find((candidate) => candidate.kind === "copy")!;
    const source = step.sources.at(-1)!;
    expect(source.kind === "inline" ? source.content : `file ${source.kind === "path" && source.pattern}`).toBe(
      content,
    );
  });
});
