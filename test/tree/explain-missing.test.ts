import { expect, test } from "vitest";
import { parseIgnoreFile } from "../../src/context/dockerignore.js";
import { memoryTree } from "../../src/context/memory-tree.js";
import { explainMissing } from "../../src/tree/explain-missing.js";
import { filteredTree } from "../../src/tree/filtered-tree.js";
import { p } from "../support/trees.js";

const files = memoryTree({
  "dist/app.js": "",
  "src/index.ts": "",
  "package.json": "",
  link: { type: "symlink", target: "dist/app.js" },
  grün: "",
});
const tree = filteredTree(files, parseIgnoreFile(Buffer.from("# out\ndist\n"), "f"), "app.Dockerfile.dockerignore");

test.each([
  ["dist", '"dist" is excluded by app.Dockerfile.dockerignore line 2 ("dist")'],
  ["dist/app.js", '"dist" is excluded by app.Dockerfile.dockerignore line 2 ("dist")'],
  ["link", '"link" leads to "dist/app.js", and "dist" is excluded by app.Dockerfile.dockerignore line 2 ("dist")'],
  ["pakage.json", 'did you mean "package.json"'],
  ["Package.json", 'did you mean "package.json"'],
  ["src/index.js", 'did you mean "src/index.ts"'],
  ["scr/index.ts", 'did you mean "src"'],
  ["grun", 'did you mean "grün"'],
  ["completely-different", undefined],
  ["x", undefined],
  ["pack*", undefined],
])("of %j it says %j", (path, expected) => {
  expect(explainMissing(tree, p(path))).toBe(expected);
});
