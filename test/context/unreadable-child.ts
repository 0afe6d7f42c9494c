/** Run by dir-tree.test.ts as a user who may not read everything; prints what the trees say. */
import { dirTree } from "../../src/context/dir-tree.js";
import { isOcibuildError } from "../../src/errors.js";
import { filteredTree } from "../../src/tree/filtered-tree.js";
import { matcherForPatterns } from "../../src/tree/ignore-matcher.js";
import { walkTree } from "../../src/tree/walk.js";
import { bytesOf, textOf } from "../../src/util/bytes.js";

const tree = dirTree(process.argv[2]!);

function messageOf(call: () => unknown): string {
  try {
    call();
    return "no error";
  } catch (error) {
    return isOcibuildError(error) ? `${error.code} ${error.message}` : String(error);
  }
}

const locked = bytesOf("locked");
const kept = filteredTree(tree, matcherForPatterns(["closed", "locked"]), ".dockerignore");
console.log(
  JSON.stringify({
    closed: messageOf(() => tree.list(bytesOf("closed"))),
    locked: messageOf(() => tree.open(locked, tree.lstat(locked)!)),
    below: messageOf(() => tree.lstat(bytesOf("closed/x"))),
    kept: [...walkTree(kept, bytesOf(""))].map(({ path }) => textOf(path)).filter((path) => path !== ""),
  }),
);
