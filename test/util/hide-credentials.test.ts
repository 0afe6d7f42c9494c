import { expect, test } from "vitest";
import { hideCredentials, hideCredentialsIn } from "../../src/util/hide-credentials.js";
import { locate, sourceText } from "../../src/util/source-text.js";

test.each([
  ["https://user:pw@h/x", "https://xxxxx@h/x"],
  ["https://token@h/x", "https://xxxxx@h/x"],
  ["https://a@b:c@h/x", "https://xxxxx@h/x"],
  ["ssh://git@h/x", "ssh://git@h/x"],
  ["ssh://git:pw@h/x", "ssh://xxxxx@h/x"],
  ["https://h/x@y", "https://h/x@y"],
  ["https://h?a=b@c", "https://h?a=b@c"],
  ["git@h:x", "git@h:x"],
  ["a/b.txt", "a/b.txt"],
])("C12: %s is kept and shown as %s", (url, shown) => {
  expect(hideCredentials(url)).toBe(shown);
});

test("L5: excerpts show no credentials, and the caret stays where it was", () => {
  const source = sourceText("Dockerfile", "FROM x\nADD https://u:pw@h/x ssh://git@h/y http://t@i/z /\n");
  const { excerpt } = locate(source, { start: 7, end: 10 });
  expect(excerpt).toContain("> 2 | ADD https://xxxx@h/x ssh://git@h/y http://x@i/z /\n    | ^^^");
});

test("L5: a line that is cut within the credentials shows none of them", () => {
  const line = `ADD https://user:${"s".repeat(200)}@h/x /`;
  expect(hideCredentialsIn(line, 160)).toBe(`ADD https://${"x".repeat(148)}`);
});

test("C1: a long line is no trouble", () => {
  expect(hideCredentialsIn("a".repeat(1_000_000), 10)).toBe("a".repeat(10));
  expect(hideCredentialsIn("a://".repeat(100_000), 8)).toBe("a://a://");
  expect(hideCredentialsIn("@".repeat(1_000_000), 3)).toBe("@@@");
});
