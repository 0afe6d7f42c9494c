import fc from "fast-check";
import { expect, test } from "vitest";
import { isOcibuildError, type MemoryFiles } from "../../src/index.js";
import { buildOnly, expectNoTemporaryFiles, fresh } from "../support/builds.js";
import { LONG_TIMEOUT_MS, runs } from "../support/runs.js";
import { tarBytes } from "../support/tar-bytes.js";

const name = fc.constantFrom("a", "b", "c", "d", "l", "t", "*", "[ab]", ".", "..", "a b", "é", ".wh.a");
const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((parts) => parts.join("/"));
const place = fc
  .tuple(fc.constantFrom("", "/", "./", "../"), path, fc.constantFrom("", "/", "/."))
  .map((all) => all.join(""));
const flags = fc.constantFrom(
  "",
  "--link ",
  "--chown=1:2 ",
  "--chown=a ",
  "--chmod=u+s ",
  "--chmod=7777 ",
  "--parents ",
  "--exclude=b ",
  "--from=one ",
  "--link --chown=5 --chmod=0 ",
);
const quoted = (text: string): string => JSON.stringify(text);

const line = fc.oneof(
  fc
    .tuple(fc.constantFrom("COPY", "ADD"), flags, fc.array(place, { minLength: 1, maxLength: 2 }), place)
    .map(([word, flag, sources, to]) => `${word} ${flag}[${[...sources, to].map(quoted).join(",")}]`),
  place.map((to) => `WORKDIR ${to}`),
  fc
    .tuple(flags, path, place)
    .map(
      ([flag, file, to]) =>
        `COPY ${flag.replace("--from=one ", "")}<<"${file.replaceAll(/["\s]/g, "")}" ${to}\ntext\n${file.replaceAll(/["\s]/g, "")}`,
    ),
  fc.constantFrom("USER a", "USER 5:6", "ENV A=b", "VOLUME /a"),
);

const entry = fc.oneof(
  fc.string({ maxLength: 5 }),
  path.map((target) => ({ type: "symlink" as const, target })),
  fc.record({
    content: fc.string({ maxLength: 3 }),
    mode: fc.nat(0o7777),
    uid: fc.nat(),
    gid: fc.nat(),
    mtime: fc.integer(),
  }),
  fc.constant({ type: "dir" as const }),
  fc
    .array(fc.tuple(path, fc.constantFrom("file", "dir", "symlink", "hardlink"), path), { maxLength: 4 })
    .map((members) => ({
      content: tarBytes(
        members.map(([at, type, linkname]) => ({
          path: at.replaceAll(/(^|\/)\.+(?=\/|$)/g, "$1x"),
          type: type as "file",
          ...(type === "symlink" || type === "hardlink"
            ? { linkname: linkname.replaceAll(/(^|\/)\.+(?=\/|$)/g, "$1y") }
            : {}),
        })),
      ),
    })),
);
const files = fc.dictionary(path, entry, { maxKeys: 6 }) as fc.Arbitrary<MemoryFiles>;

test(
  "S4: whatever a Dockerfile copies of whatever files, a build is done or fails with an error of ours, and leaves nothing",
  async () => {
    let built = 0;
    let failed = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(line, { maxLength: 3 }),
        fc.array(line, { minLength: 1, maxLength: 4 }),
        files,
        async (one, two, context) => {
          const dockerfile = ["FROM scratch AS one", ...one, "FROM scratch", ...two, ""].join("\n");
          const options = fresh({ dockerfile, files: context, outputs: ["type=cacheonly"] });
          await buildOnly(options).then(
            () => built++,
            (error: unknown) => {
              if (!isOcibuildError(error)) throw error;
              failed++;
            },
          );
          expectNoTemporaryFiles(options.root);
        },
      ),
      { numRuns: runs(60) },
    );
    expect(built).toBeGreaterThan(0);
    expect(failed).toBeGreaterThan(0);
  },
  LONG_TIMEOUT_MS,
);
