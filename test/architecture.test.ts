/** Holds the sources to the rank table, and to the rules about packages and the outside world. */
import { existsSync } from "node:fs";
import { describe, expect, test } from "vitest";
import {
  cycles,
  danglingImports,
  edgeViolations,
  loadedAtStart,
  packageViolations,
  rankViolations,
  type Sources,
  tooLong,
} from "./support/architecture-rules.js";
import { readSource, readSources } from "./support/source-graph.js";

const sources = readSources("src");

describe("the sources", () => {
  test("import from lower ranks and their own folder only", () => {
    expect(rankViolations(sources)).toEqual([]);
  });

  test("import files that exist", () => {
    expect(danglingImports(sources)).toEqual([]);
  });

  test("have no import cycles", () => {
    expect(cycles(sources)).toEqual([]);
  });

  test("import each package, and child_process, only where it belongs", () => {
    expect(packageViolations(sources)).toEqual([]);
  });

  test("S1: ask for clock, environment, working directory and randomness only at the edge", () => {
    expect(edgeViolations(sources)).toEqual([]);
  });

  test.each(["src/index.ts", "src/build.ts", "src/cli/main.ts"].filter((entry) => existsSync(entry)))(
    "%s loads no slow package at its start",
    (entry) => {
      expect(loadedAtStart(sources, entry, ["zod", "undici", "fast-glob", "minimatch", "ignore"])).toEqual([]);
    },
  );

  test("are files of at most 400 lines", () => {
    expect(tooLong(sources)).toEqual([]);
  });
});

describe("the rules themselves", () => {
  const of = (files: Readonly<Record<string, string>>): Sources =>
    new Map(Object.entries(files).map(([path, text]) => [path, readSource(path, text)]));

  test("see an import from a higher or equal rank, type-only ones too, and print the chain to it", () => {
    const wrong = rankViolations(
      of({
        "src/cli/main.ts": 'import "../layers/x.js";',
        "src/layers/x.ts": 'import { b } from "../tar/b.js";',
        "src/tar/b.ts": 'import type { A } from "../plan/a.js"; export const b = 1;',
        "src/plan/a.ts": 'export type A = import("../layers/x.js").X;',
        "src/cache/c.ts": 'export * from "../registry/r.js";',
        "src/registry/r.ts": "",
        "src/new/x.ts": "",
      }),
    );
    expect(wrong).toEqual([
      "src/cli/main.ts → src/layers/x.ts → src/tar/b.ts → src/plan/a.ts (src/tar/b.ts:1: rank 2 may not import rank 5)",
      expect.stringContaining("→ src/layers/x.ts (src/plan/a.ts:1: rank 5 may not import rank 6)"),
      "src/cache/c.ts → src/registry/r.ts (src/cache/c.ts:1: rank 4 may not import rank 4)",
      "src/new/x.ts is in no folder of the rank table",
    ]);
  });

  test("see a cycle through a type and a dynamic import", () => {
    const looped = of({
      "src/tar/a.ts": 'import type { B } from "./b.js";',
      "src/tar/b.ts": 'export const c = () => import("./c.js");',
      "src/tar/c.ts": 'export { a } from "./a.js";',
    });
    expect(cycles(looped)).toEqual(["src/tar/a.ts → src/tar/b.ts → src/tar/c.ts → src/tar/a.ts"]);
  });

  test("are not confused by comments, strings, templates and regular expressions", () => {
    const text = [
      '// import "../cli/x.js"',
      '/* import("undici") */',
      'export const a = "import \'zod\'", b = `import("tar-stream")`, c = /["\'`]import "zod"/;',
      'export const d = "process.env";',
    ].join("\n");
    const file = readSource("src/util/x.ts", text);
    expect(file.imports).toEqual([]);
    expect(file.accesses).toEqual([]);
  });

  test("see packages in the wrong place, unknown ones, and built-ins without their prefix", () => {
    const wrong = packageViolations(
      of({
        "src/plan/a.ts": 'import z from "zod/mini";\nimport fs from "fs";\nconst x = await import("left-pad");',
        "src/oci/schemas.ts": 'import * as z from "zod/mini";',
        "src/oci/other.ts": 'import type { z } from "zod";',
        "src/executor/run.ts": 'import { spawn } from "node:child_process";',
        "src/cache/run.ts": 'import { spawn } from "node:child_process";',
      }),
    );
    expect(wrong).toEqual([
      expect.stringMatching(/^src\/plan\/a\.ts:1 imports "zod\/mini": only schemas\.ts/),
      'src/plan/a.ts:2 imports "fs": write "node:fs"',
      'src/plan/a.ts:3 imports "left-pad": it is not in the table of packages',
      expect.stringMatching(/^src\/oci\/other\.ts:1 imports "zod"/),
      expect.stringMatching(/^src\/cache\/run\.ts:1 imports "node:child_process"/),
    ]);
  });

  test("see the clock and the environment, however they are reached", () => {
    const wrong = edgeViolations(
      of({
        "src/tar/a.ts": 'process.env; process["env"];\nDate.now(); new Date(); new Date(5);',
        "src/tar/b.ts": 'import { env } from "node:process";\nimport { homedir, cpus } from "node:os";',
        "src/build.ts": "process.env; Date.now();",
      }),
    );
    expect(wrong).toEqual([
      "src/tar/a.ts:1 uses process.env",
      "src/tar/a.ts:1 uses process.env",
      "src/tar/a.ts:2 uses Date.now",
      "src/tar/a.ts:2 uses new Date(0)",
      'src/tar/b.ts:1 imports env from "node:process"',
      'src/tar/b.ts:2 imports homedir from "node:os"',
    ]);
  });

  test("see what is loaded at the start, but not what is imported on demand or as a type", () => {
    const graph = of({
      "src/index.ts":
        'import "./layers/a.js"; import type { Z } from "zod"; const late = () => import("./registry/b.js");',
      "src/layers/a.ts": 'import { c } from "../oci/c.js";',
      "src/oci/c.ts": 'import { z } from "zod/mini"; export const c = z;',
      "src/registry/b.ts": 'import "undici";',
    });
    expect(loadedAtStart(graph, "src/index.ts", ["zod", "undici"])).toEqual([
      "src/index.ts → src/layers/a.ts → src/oci/c.ts → zod/mini",
    ]);
  });

  test("see files that are missing and imports that are computed", () => {
    const graph = of({ "src/tar/a.ts": 'import "./gone.js";\nconst x = import(y);' });
    expect(danglingImports(graph)).toEqual([
      'src/tar/a.ts:1 imports "./gone.js", which is no source file',
      'src/tar/a.ts:2 imports "(computed)", which is no source file',
    ]);
  });

  test("see a file of 401 lines", () => {
    expect(tooLong(of({ "src/tar/a.ts": "\n".repeat(401), "src/tar/b.ts": "\n".repeat(400) }))).toEqual([
      "src/tar/a.ts has 401 lines, expected at most 400",
    ]);
  });
});
