import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FsEdit } from "../../src/layers/fs/fs-edit.js";
import { directoryMeta } from "../../src/layers/fs/fs-node.js";
import { emptyTree, FsTree } from "../../src/layers/fs/fs-tree.js";
import { layerEntriesOf } from "../../src/layers/fs/layer-entries.js";
import { rootfsEntries } from "../../src/layers/fs/rootfs-entries.js";
import type { ByteString } from "../../src/util/bytes.js";
import { arbitraryChanges, change, layerTarOf, modelOf, withLayer } from "../support/fs-model.js";
import { LONG_TIMEOUT_MS, runs } from "../support/runs.js";

describe("a layer", () => {
  test(
    "turns the base into what was edited, whatever was changed: apply(a, diff(a, b)) = b",
    async () => {
      await fc.assert(
        fc.asyncProperty(arbitraryChanges, arbitraryChanges, arbitraryChanges, async (first, second, third) => {
          let tree = emptyTree("test");
          for (const changes of [first, second, third]) {
            const edit = new FsEdit(tree);
            change(edit, changes);
            const before = modelOf(tree.root);
            const applied = await withLayer(tree, await layerTarOf(edit));
            expect(modelOf(applied.root)).toEqual(modelOf(edit.root));
            expect(modelOf(tree.root)).toEqual(before);
            tree = applied;
          }
        }),
        { numRuns: runs(150) },
      );
    },
    LONG_TIMEOUT_MS,
  );

  test("says nothing when nothing has changed", () => {
    fc.assert(
      fc.property(arbitraryChanges, (changes) => {
        const edit = new FsEdit(emptyTree("test"));
        change(edit, changes);
        expect([
          ...layerEntriesOf(new FsEdit({ ...emptyTree("test"), root: edit.root } as never), (time) => time),
        ]).toEqual([]);
      }),
      { numRuns: 50 },
    );
  });

  test("holds what is thousands of folders deep", async () => {
    const edit = new FsEdit(emptyTree("test"));
    let path = "d" as ByteString;
    for (let depth = 1; depth < 4000; depth++, path = `${path}/d` as ByteString) {
      edit.putDirectory(path, directoryMeta(0o755, 0, 0, 0));
    }
    const paths = [...layerEntriesOf(edit, (time) => time)].map(({ entry }) => entry.path);
    expect(paths).toHaveLength(3999);
    expect([...rootfsEntries(new FsTree(edit.root, "test"))].map(({ entry }) => entry.path)).toEqual(paths);
  });

  test("has parents before children, whiteouts before their siblings, names bytewise, and each path once", () => {
    fc.assert(
      fc.property(arbitraryChanges, arbitraryChanges, (first, second) => {
        const base = new FsEdit(emptyTree("test"));
        change(base, first);
        const edit = new FsEdit({ ...emptyTree("test"), root: base.root } as never);
        change(edit, second);
        const paths = [...layerEntriesOf(edit, (time) => time)].map(({ entry }) => entry.path);
        const sortKey = (path: string): string =>
          path
            .split("/")
            .map((name) => (name.startsWith(".wh.") ? `\x01${name}` : `\x02${name}`))
            .join("\x00");
        expect(paths).toEqual([...paths].sort((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1)));
        expect(new Set(paths).size).toBe(paths.length);
      }),
      { numRuns: 200 },
    );
  });
});
