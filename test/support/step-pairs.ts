/** Builds that differ in one thing, which decides what their last step makes. */
import type { MemoryFiles } from "../../src/index.js";
import type { TestOptions } from "./builds.js";

/** In the build context unless an option says otherwise. */
export const FILES: MemoryFiles = { a: "same", b: "same", "d/a": "same", "d/b": "same" };

/** A stage from scratch. */
export const on = (lines: string): TestOptions => ({ dockerfile: `FROM scratch\n${lines}\n` });
/** A step that copies the folder `d`. */
export const withFiles = (files: MemoryFiles): TestOptions => ({ ...on("COPY d /d/"), files });

/** Pairs of builds whose last step differs in one thing. */
export const DIFFERENT_STEPS: readonly (readonly [what: string, first: TestOptions, second: TestOptions])[] = [
  ["the source, with equal content", on("COPY a /x"), on("COPY b /x")],
  ["the destination", on("COPY a /x"), on("COPY a /y")],
  ["a slash after the destination", on("COPY d /x"), on("COPY d /x/")],
  ["one source more", on("COPY a /x/"), on("COPY a b /x/")],
  ["the order of sources", on("COPY a b /x/"), on("COPY b a /x/")],
  ["a pattern for a name", on("COPY a /x/"), on("COPY [a] /x/")],
  ["--chown", on("COPY a /x"), on("COPY --chown=0 a /x")],
  ["the user of --chown", on("COPY --chown=1:2 a /x"), on("COPY --chown=3:2 a /x")],
  ["the group of --chown", on("COPY --chown=1:2 a /x"), on("COPY --chown=1:3 a /x")],
  ["user and group of --chown swapped", on("COPY --chown=1:2 a /x"), on("COPY --chown=2:1 a /x")],
  ["--chmod", on("COPY a /x"), on("COPY --chmod=644 a /x")],
  ["the mode of --chmod", on("COPY --chmod=644 a /x"), on("COPY --chmod=600 a /x")],
  ["--link", on("COPY a /x"), on("COPY --link a /x")],
  ["--parents", on("COPY d/a /x/"), on("COPY --parents d/a /x/")],
  ["the pivot of --parents", on("COPY --parents d/a /x/"), on("COPY --parents d/./a /x/")],
  ["--exclude", on("COPY d /x"), on("COPY --exclude=none d /x")],
  ["the pattern of --exclude", on("COPY --exclude=a d /x"), on("COPY --exclude=b d /x")],
  ["the order of --exclude", on("COPY --exclude=a --exclude=!a d /x"), on("COPY --exclude=!a --exclude=a d /x")],
  ["ADD for COPY", on("COPY a /x"), on("ADD a /x")],
  ["--unpack", on("ADD a /x"), on("ADD --unpack=false a /x")],
  ["the name of a heredoc", on("COPY <<e /x/\ntext\ne"), on("COPY <<f /x/\ntext\nf")],
  ["the text of a heredoc", on("COPY <<e /x\ntext\ne"), on("COPY <<e /x\ntexT\ne")],
  ["a line moved from one heredoc to the next", on("COPY <<e <<f /x/\n1\n2\ne\nf"), on("COPY <<e <<f /x/\n1\ne\n2\nf")],
  ["expansion of a heredoc", on("COPY <<e /x\n$a\ne"), on('COPY <<"e" /x\n$a\ne')],
  ["WORKDIR", on("WORKDIR /x"), on("WORKDIR /y")],
  ["the user of WORKDIR", on("WORKDIR /x"), on("USER 5\nWORKDIR /x")],
  ["the group of WORKDIR", on("USER 5:6\nWORKDIR /x"), on("USER 5:7\nWORKDIR /x")],
  [
    "where COPY reads from",
    on("COPY a /x"),
    { dockerfile: "FROM scratch AS s\nCOPY a /a\nFROM scratch\nCOPY --from=s /a /x\n" },
  ],
  ["a file's content", withFiles({ "d/a": "1" }), withFiles({ "d/a": "2" })],
  ["a file's name", withFiles({ "d/a": "1" }), withFiles({ "d/b": "1" })],
  [
    "a byte moved from one file to the next",
    withFiles({ "d/a": "12", "d/b": "3" }),
    withFiles({ "d/a": "1", "d/b": "23" }),
  ],
  ["contents of two files swapped", withFiles({ "d/a": "1", "d/b": "2" }), withFiles({ "d/a": "2", "d/b": "1" })],
  ["a folder in a name", withFiles({ "d/a/b": "1" }), withFiles({ "d/ab": "1" })],
  ["a file's mode", withFiles({ "d/a": "1" }), withFiles({ "d/a": { content: "1", mode: 0o600 } })],
  ["a file's user", withFiles({ "d/a": "1" }), withFiles({ "d/a": { content: "1", uid: 1 } })],
  ["a file's group", withFiles({ "d/a": "1" }), withFiles({ "d/a": { content: "1", gid: 1 } })],
  [
    "a file's capability",
    withFiles({ "d/a": "1" }),
    withFiles({ "d/a": { content: "1", xattrs: { "security.capability": Buffer.from("c") } } }),
  ],
  ["an empty folder", withFiles({ "d/a": "1" }), withFiles({ "d/a": "1", "d/e/": "" })],
  ["a folder's mode", withFiles({ "d/a": "1" }), withFiles({ "d/": { type: "dir", mode: 0o700 }, "d/a": "1" })],
  [
    "a link's target",
    withFiles({ "d/l": { type: "symlink", target: "a" } }),
    withFiles({ "d/l": { type: "symlink", target: "b" } }),
  ],
  [
    "a link for a file",
    withFiles({ "d/a": "1", "d/l": "a" }),
    withFiles({ "d/a": "1", "d/l": { type: "symlink", target: "a" } }),
  ],
  [
    "a second name for a copy",
    withFiles({ "d/a": "1", "d/l": "1" }),
    withFiles({ "d/a": "1", "d/l": { type: "hardlink", target: "d/a" } }),
  ],
  ["the epoch", { ...on("COPY a /x"), sourceDateEpoch: 1 }, { ...on("COPY a /x"), sourceDateEpoch: 2 }],
  ["being reproducible", on("COPY a /x"), { ...on("COPY a /x"), reproducible: true, sourceDateEpoch: 1 }],
  [
    "clamping",
    { ...on("COPY a /x"), sourceDateEpoch: 1 },
    { ...on("COPY a /x"), sourceDateEpoch: 1, outputs: ["type=image,rewrite-timestamp=true"] },
  ],
];
