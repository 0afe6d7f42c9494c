import { describe, expect, it } from "vitest";
import { parseRemote, submoduleRemote } from "../../../src/context/git/git-remote.js";
import { isOcibuildError } from "../../../src/errors.js";

describe("parseRemote", () => {
  it.each([
    ["https://h/x.git", { url: "https://h/x.git", scheme: "https", host: "h" }],
    ["HTTPS://H:8443/x.git", { url: "https://h:8443/x.git", scheme: "https", host: "h:8443" }],
    ["http://h/x.git#frag", { url: "http://h/x.git", scheme: "http" }],
    ["ssh://git@h:22/x", { url: "ssh://git@h:22/x", scheme: "ssh", host: "h:22" }],
    ["git://h/x", { url: "git://h/x", scheme: "git" }],
    ["git@h.example:a/x.git", { url: "git@h.example:a/x.git", scheme: "ssh", host: "h.example" }],
  ])("reads %s", (text, expected) => {
    expect(parseRemote(text)).toMatchObject({ ...expected, basic: undefined });
  });

  it("C12: takes credentials out of what git and people see", () => {
    expect(parseRemote("https://us%40er:p%2Fw@h/x.git")).toMatchObject({
      url: "https://h/x.git",
      basic: { username: "us@er", password: "p/w" },
    });
    expect(parseRemote("https://token@h/x.git")).toMatchObject({
      url: "https://h/x.git",
      basic: { username: "token", password: "" },
    });
    expect(parseRemote("ssh://git:pw@h/x")).toMatchObject({ url: "ssh://git@h/x", basic: undefined });
  });

  it.each([
    "",
    "x.git",
    "/etc",
    "../x",
    "-x",
    "--upload-pack=x",
    "file:///etc",
    "FILE:///etc",
    "ext::sh -c id",
    "ext://x",
    "fd::17",
    "ftp://h/x",
    "ssh:///x",
    "https://-h/x",
    "ssh://-oProxyCommand=x/y",
    "ssh://-x@h/y",
    "-x@h:y",
    "git@-h:y",
    "git@h:x\ny",
    "https://h/x\u0000y",
    "https://h/\u001b[2J",
  ])("C12: refuses %j", (text) => {
    expect(() => parseRemote(text)).toThrow(
      expect.toSatisfy((error) => isOcibuildError(error, "CONTEXT_INVALID")) as never,
    );
  });

  it("C12: does not show credentials of what it refuses", () => {
    expect(() => parseRemote("ftp://user:canary@h/x")).toThrow(
      expect.toSatisfy((error) => !String(error).includes("canary")) as never,
    );
  });
});

describe("submoduleRemote", () => {
  it.each([
    ["https://h/g/a.git", "../b.git", "https://h/g/b.git"],
    ["https://h/g/a.git/", "../b.git/", "https://h/g/b.git"],
    ["https://h/g/a.git", "./b.git", "https://h/g/a.git/b.git"],
    ["https://h/g/a.git", "./../../c/b.git", "https://h/c/b.git"],
    ["https://h/a.git", "https://i/b.git", "https://i/b.git"],
    ["git@h:g/a.git", "../b.git", "git@h:g/b.git"],
    ["git@h:a.git", "../b.git", "git@h:b.git"],
    ["https://h/a.git", "git@i:b.git", "git@i:b.git"],
  ])("of %s, %s is %s", (parent, text, url) => {
    expect(submoduleRemote(parseRemote(parent), text).url).toBe(url);
  });

  it.each([
    ["https://h/a.git", "../../b.git"],
    ["https://h/a.git", "../../../etc"],
    ["git@h:a.git", "../../b.git"],
    ["https://h/a.git", "/etc"],
    ["https://h/a.git", "ext::sh"],
    ["https://h/a.git", "file:///etc"],
  ])("C12: of %s, %s is refused", (parent, text) => {
    expect(() => submoduleRemote(parseRemote(parent), text)).toThrow();
  });
});
