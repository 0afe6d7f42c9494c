import { describe, expect, it } from "vitest";
import { parseGitUrl } from "../../../src/context/git/git-url.js";

describe("parseGitUrl", () => {
  it.each([
    ["https://h/x.git", { remote: "https://h/x.git", ref: undefined, subdirectory: "" }],
    ["HTTPS://h/x.git", { remote: "HTTPS://h/x.git" }],
    ["https://h/x.git#v1", { ref: "v1", subdirectory: "" }],
    ["https://h/x.git#:a/b/", { ref: undefined, subdirectory: "a/b" }],
    ["https://h/x.git#v1:../../a", { ref: "v1", subdirectory: "a" }],
    ["git@h:a/x.git#v1:sub", { remote: "git@h:a/x.git", ref: "v1", subdirectory: "sub" }],
    ["https://h/x.git?ref=v1&subdir=s", { remote: "https://h/x.git", ref: "v1", subdirectory: "s" }],
    ["https://h/x.git?tag=v1", { ref: "refs/tags/v1" }],
    ["https://h/x.git?branch=refs/heads/b", { ref: "refs/heads/b" }],
    ["https://h/x.git?ref=v1#v1", { ref: "v1" }],
    [
      "https://h/x.git?commit=abc&keep-git-dir=1&submodules=0",
      { checksum: "abc", keepGitDir: true, submodules: false },
    ],
    ["https://h/x.git?keep-git-dir", { keepGitDir: true, submodules: undefined }],
  ])("reads %s", (text, expected) => {
    expect(parseGitUrl(text)).toMatchObject(expected);
  });

  it.each([
    "x.git",
    "./x.git",
    "github.com/a/b",
    "https://h/x",
    "https://h/x.git/y",
    "ftp://h/x.git",
    "file:///x.git",
    "ext::sh",
    "-x@h:y\n",
    "h:x",
    "https://[/x.git",
  ])("takes %j for no repository", (text) => {
    expect(parseGitUrl(text)).toBeUndefined();
  });

  it.each([
    ["nope=1", 'unexpected query "nope"'],
    ["ref=", 'query "ref" has no value'],
    ["ref=a&ref=b", 'query "ref" has multiple values'],
    ["ref=a#b", 'ref conflicts: "b" vs "a"'],
    ["subdir=a#:b", 'subdir conflicts: "b" vs "a"'],
    ["tag=a&branch=b", "branch conflicts with tag"],
    ["tag=a#b", 'ref conflicts: "b" vs "refs/tags/a"'],
    ["keep-git-dir=perhaps", 'invalid keep-git-dir value: "perhaps"'],
    ["__proto__=1", 'unexpected query "__proto__"'],
  ])("refuses ?%s", (query, problem) => {
    expect(parseGitUrl(`https://h/x.git?${query}`)).toEqual({ problem });
  });
});
