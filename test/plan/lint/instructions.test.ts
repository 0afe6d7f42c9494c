import { describe, expect, it } from "vitest";
import { messagesOf, rulesIn } from "../../support/lint.js";
import { baseImage } from "../../support/plan.js";

const inStage = (text: string, base = "busybox"): string => `FROM ${base}\n${text}\n`;

describe("undefined variables", () => {
  it.each([
    ["LABEL a=$X", ["X"]],
    ["LABEL $X=a b=${Y:-z}", ["X", "Y"]],
    // Once in each word, however often it is used there.
    ["LABEL a=$X$X b=$X", ["X", "X"]],
    ["ENV A=$A", ["A"]],
    ["ENV A=1 B=$A", ["A"]],
    ["ENV A=1\nENV B=$A", []],
    ["ARG A\nLABEL a=$A", []],
    ["ARG A B=$A C=$DOWN", ["DOWN"]],
    ["ARG A=$B", ["B"]],
    ["LABEL a=$PATH", []],
    ["LABEL a=\\$X b='$X'", []],
    ["WORKDIR /$X", ["X"]],
    ["USER ${X:-1}", ["X"]],
    ["VOLUME /a$X /$Y", ["X", "Y"]],
    ["STOPSIGNAL ${X:-9}", ["X"]],
    ["COPY --chown=$A --chmod=${B:-1} $C /$D", ["A", "B", "C", "D"]],
    ["ADD --checksum=$E http://h/$F /", ["E", "F"]],
    ["COPY <<E /\n$X\nE", ["X"]],
    ["COPY <<'E' /\n$X\nE", []],
    ["RUN --mount=type=tmpfs,target=/$X y", ["X"]],
    // Not ours to replace:
    ["RUN echo $X", []],
    ['CMD ["$X"]\nENTRYPOINT ["$X"]', []],
    ["ONBUILD LABEL a=$X", []],
    ["EXPOSE ${X:-80}", []],
    ["HEALTHCHECK CMD $X", []],
    ["COPY --exclude=$X a b", []],
    // What steers the builder is no variable, but known.
    ["LABEL a=$BUILDKIT_SBOM_SCAN_STAGE", []],
  ])("%j", async (text, names) => {
    const messages = await messagesOf(inStage(text), { ignore: [] });
    expect(messages).toEqual(names.map((name) => `Usage of undefined variable '$${name}'`));
  });

  it("are those of the base, too", async () => {
    const base = baseImage({ Env: ["HOMEDIR=/x"] });
    const text = "FROM base AS a\nARG B\nENV C=1\nFROM a\nLABEL a=$HOMEDIR b=$B c=$C d=$HOMEDIRR\n";
    expect(await messagesOf(text, { images: { base } })).toEqual([
      "Usage of undefined variable '$HOMEDIRR' (did you mean $HOMEDIR?)",
    ]);
  });

  it("are suggested the one that was set last of equally near ones", async () => {
    const text = inStage("ENV AX=1\nENV AY=1\nENV AX=2\nLABEL a=$AZ");
    expect(await messagesOf(text)).toEqual(["Usage of undefined variable '$AZ' (did you mean $AY?)"]);
  });

  it("are not those of a default that is overridden", async () => {
    expect(await messagesOf(inStage("ARG A=$B"), { buildArgs: { A: "1" } })).toEqual([]);
    expect(await messagesOf(inStage("ARG A=$B"), { buildArgs: { C: "1" } })).toHaveLength(1);
  });

  it("are reported before the error that they lead to", async () => {
    expect(await rulesIn(inStage("VOLUME $X"))).toEqual([
      "2 UndefinedVar",
      "error: VOLUME specified can not be an empty string",
    ]);
    expect(await rulesIn(inStage("COPY <<E /\n${X:?y}\nE"))).toEqual([
      "2-4 UndefinedVar",
      expect.stringMatching(/^error: failed to process .*X: y/),
    ]);
  });

  it("C1: thousands of them take no longer than a build may", async () => {
    const names = Array.from({ length: 2000 }, (_, index) => `NAME_${index}`);
    const declared = `ENV ${names.map((name) => `${name}=1`).join(" ")}`;
    const used = Array.from(
      { length: 250 },
      (_, index) => `LABEL ${names.map((name) => `a=$${name}${index}`).join(" ")}`,
    );
    const rules = await rulesIn(inStage([declared, ...used].join("\n")));
    expect(rules.length).toBe(10_000);
  });
});

describe("CMD, ENTRYPOINT and HEALTHCHECK", () => {
  it.each([
    ["CMD a", ["2 JSONArgsRecommended"]],
    ["ENTRYPOINT a", ["2 JSONArgsRecommended"]],
    ['CMD ["a"]\nENTRYPOINT ["a"]', []],
    ["CMD [ 'a' ]", ["2 JSONArgsRecommended"]],
    ["HEALTHCHECK CMD a", []],
    ['SHELL ["sh"]\nCMD a', []],
    ["CMD []\nCMD []", ["2 MultipleInstructionsDisallowed"]],
    [
      "CMD a\ncmd b\nCMD c",
      [
        "3 ConsistentInstructionCasing",
        "2 JSONArgsRecommended",
        "2 MultipleInstructionsDisallowed",
        "3 JSONArgsRecommended",
        "3 MultipleInstructionsDisallowed",
        "4 JSONArgsRecommended",
      ],
    ],
    ["HEALTHCHECK NONE\nHEALTHCHECK CMD a", ["2 MultipleInstructionsDisallowed"]],
    ["CMD []\nFROM scratch\nCMD []", []],
  ])("%j", async (text, rules) => {
    expect(await rulesIn(inStage(text))).toEqual(rules);
  });

  it("keep silent when the base has a SHELL", async () => {
    const base = baseImage({ Shell: ["bash", "-c"] });
    expect(await rulesIn("FROM base\nCMD a\n", { images: { base } })).toEqual([]);
  });

  it("say the keyword as it is written", async () => {
    expect(await messagesOf("from scratch\ncmd a\n")).toEqual([
      "JSON arguments recommended for cmd to prevent unintended behavior related to OS signals",
    ]);
  });
});

describe("names and values", () => {
  it.each([
    ["ENV A b", ["2 LegacyKeyValueFormat"]],
    ["LABEL A b", ["2 LegacyKeyValueFormat"]],
    ["ENV A=b C=d", []],
    ["ENV A_TOKEN b", ["2 LegacyKeyValueFormat", "2 SecretsUsedInArgOrEnv"]],
    ["ARG A=1 KEY", ["2 SecretsUsedInArgOrEnv"]],
    ["LABEL KEY=1", []],
  ])("%j", async (text, rules) => {
    expect(await rulesIn(inStage(text))).toEqual(rules);
  });

  it.each([
    "apikey",
    "X_AUTH",
    "credential",
    "MY_CREDENTIALS_2",
    "key",
    "KEY_FILE",
    "a_password",
    "pword",
    "Passwd",
    "secret_",
    "GITHUB_TOKEN",
  ])("L2: %s sounds like a secret", async (name) => {
    expect(await rulesIn(inStage(`ARG ${name}`))).toEqual(["2 SecretsUsedInArgOrEnv"]);
  });

  it.each(["PUBLIC_KEY", "key_public_x", "MONKEY", "KEYS", "TOKENS", "AUTHOR", "SECRETS", "A-KEY"])(
    "%s does not",
    async (name) => {
      expect(await rulesIn(inStage(`ARG ${name}`))).toEqual([]);
    },
  );

  it("may sound so above the first FROM", async () => {
    expect(await rulesIn("ARG API_KEY\nFROM busybox\n")).toEqual([]);
  });
});

describe("EXPOSE", () => {
  it.each([
    ["80/TCP", ["2 ExposeProtoCasing"]],
    ["80/tcp 81/Udp", ["2 ExposeProtoCasing"]],
    ["8080:80", ["2 ExposeInvalidFormat"]],
    ["127.0.0.1::80/TCP", ["2 ExposeProtoCasing", "2 ExposeInvalidFormat"]],
    ["80 81-83 84/sctp", []],
    ["300.0.0.1:1:1", ["2 ExposeInvalidFormat", "error: invalid IP address: 300.0.0.1"]],
    ["80/XYZ", ['error: invalid port: "80/XYZ": invalid proto: XYZ']],
  ])("%s", async (ports, rules) => {
    expect(await rulesIn(inStage(`EXPOSE ${ports}`))).toEqual(rules);
  });

  it("is told about the text after expansion", async () => {
    expect(await messagesOf(inStage("ENV P=tcp\nEXPOSE 1:2/$P"))).toEqual([
      "EXPOSE instruction should not define an IP address or host-port mapping, found '1:2/tcp'",
    ]);
  });
});

describe("WORKDIR", () => {
  it.each([
    ["WORKDIR a", ["2 WorkdirRelativePath"]],
    ["WORKDIR a\nWORKDIR b", ["2 WorkdirRelativePath"]],
    ["WORKDIR /a\nWORKDIR b", []],
    ["ENV A=/a\nWORKDIR $A", []],
    ["WORKDIR /a\nFROM scratch\nWORKDIR b", ["4 WorkdirRelativePath"]],
  ])("%j", async (text, rules) => {
    expect(await rulesIn(inStage(text))).toEqual(rules);
  });

  it("of an earlier stage counts, that of an image does not", async () => {
    expect(await rulesIn("FROM busybox AS a\nWORKDIR /a\nFROM a\nWORKDIR b\n")).toEqual([]);
    const base = baseImage({ WorkingDir: "/x" });
    expect(await rulesIn("FROM base\nWORKDIR b\n", { images: { base } })).toEqual(["2 WorkdirRelativePath"]);
  });

  it.each([
    ["C:\\\\a", []],
    ["\\\\a", []],
    ["C:a", ["2 WorkdirRelativePath"]],
    ["a", ["2 WorkdirRelativePath"]],
  ])("on Windows knows drive letters: %s", async (path, rules) => {
    const base = baseImage({}, { os: "windows" });
    const text = `FROM --platform=windows/amd64 base AS windows\nWORKDIR ${path}\n`;
    expect(await rulesIn(text, { images: { base } })).toEqual(rules);
  });
});

describe("ignored sources", () => {
  const on = { BUILDKIT_DOCKERFILE_CHECK: "experimental=CopyIgnoredFile" };
  it.each([
    ["COPY a b /", ["a"], ["2 CopyIgnoredFile"]],
    ["COPY ./a/ /", ["a"], ["2 CopyIgnoredFile"]],
    ["COPY a/b /", ["a"], ["2 CopyIgnoredFile"]],
    ["COPY *.log /", ["*.log"], ["2 CopyIgnoredFile"]],
    ["COPY a b /", ["[ab]"], ["2 CopyIgnoredFile", "2 CopyIgnoredFile"]],
    ["ADD a /", ["a"], ["2 CopyIgnoredFile"]],
    ["ENV A=a\nCOPY $A /", ["a"], ["3 CopyIgnoredFile"]],
    ["COPY a /", ["b"], []],
    ["COPY a /", ["a", "!a/b"], []],
    ["COPY . /", ["a"], []],
    ["COPY . /", ["*"], ["2 CopyIgnoredFile"]],
    ["COPY / /", ["**"], ["2 CopyIgnoredFile"]],
    ["COPY --from=busybox a /", ["a"], []],
    ["COPY <<a /\na", ["a"], []],
    ["ADD http://h/a /", ["*"], []],
  ])("%s with %j", async (text, ignore, rules) => {
    expect(await rulesIn(inStage(text), { ignore, buildArgs: on })).toEqual(rules);
  });

  it("are not looked at unless somebody asks for it", async () => {
    expect(await rulesIn(inStage("COPY a /"), { ignore: ["a"] })).toEqual([]);
    expect(await rulesIn(inStage("# check=experimental=all\nCOPY a /"), { ignore: ["a"] })).toEqual([
      "3 CopyIgnoredFile",
    ]);
    expect(await messagesOf(inStage("# check=experimental=all\nADD a /"), { ignore: ["a"] })).toEqual([
      'Attempting to Add file "a" that is excluded by .dockerignore',
    ]);
  });
});
