/**
 * What a container changed, read from the folder in which the engine's overlay keeps it: a helper has that folder mounted,
 * and the engine gives it out as one archive, so hard links stay links. Which folders hide what is below them is not in
 * the archive; the engine's list of changes has it.
 */
import { type ByteString, bytesOf } from "../../util/bytes.js";
import { changesetRewrite, emitWhiteout } from "../kit/changeset.js";
import type { IndexView } from "../kit/layer-index.js";
import { rewriteTar, type TarRewrite } from "../kit/tar-rewriter.js";
import { DOCKER } from "./engine.js";
import { HELPER_MOUNT, type Helpers } from "./helper.js";
import { ChangesSchema } from "./schemas.js";

export interface ChangesetParts {
  readonly helpers: Helpers;
  readonly id: string;
  /** The image without what was added to mount on. */
  readonly view: IndexView;
  readonly limitBytes: number;
  readonly signal: AbortSignal;
}

const DELETED = 2;
const OPAQUE = "trusted.overlay.opaque" as ByteString;

/** The layer. @throws EXECUTOR_FAILED; the signal's reason */
export async function* upperChangeset(
  { helpers, id, view, limitBytes, signal }: ChangesetParts,
  upperDir: string,
): AsyncGenerator<Buffer, void, undefined> {
  const { engine } = helpers;
  const mount = { type: "bind", source: upperDir, readOnly: true } as const;
  const listing = engine.json({ method: "GET", path: `/containers/${id}/changes`, signal }, ChangesSchema);
  // Its error is thrown below, once the helper can be removed.
  listing.catch(() => {});
  const helper = (await helpers.make({ mount, signal }))!;
  try {
    const changes = (await listing) ?? [];
    const deleted = changes.filter(({ Kind }) => Kind === DELETED).map(({ Path }) => bytesOf(Path.slice(1)));
    const query = { path: `${HELPER_MOUNT}/.` };
    const tar = engine.stream({ method: "GET", path: `/containers/${helper}/archive`, query, signal });
    yield* rewriteTar(tar, upperRewrite(new Set(deleted), view, limitBytes));
  } finally {
    helpers.removeSoon(helper);
  }
}

/** `deleted` has deleted files, and directories that hide what is below them or what of it is hidden. */
export function upperRewrite(deleted: ReadonlySet<ByteString>, view: IndexView, limitBytes: number): TarRewrite {
  const seen = new Set<ByteString>();
  const whiteouts = new Set<ByteString>();
  const top = view.lookUp("" as ByteString);
  const root = top?.type === "dir" ? top : { mode: 0o755, uid: 0, gid: 0 };
  const inner = changesetRewrite({ executor: DOCKER, limitBytes, root });
  return {
    entry(entry, output) {
      const { path, type } = entry;
      seen.add(path);
      // Engines make the top folder themselves, whatever the image says of it.
      if (path === "" && entry.mode === 0o755 && entry.uid === 0 && entry.gid === 0) return;
      const isDevice = type === "char" && entry.devMajor === 0 && entry.devMinor === 0;
      // The kernel has one inode for several deleted files, which engines take for names of one file.
      if (isDevice || (type === "hardlink" && whiteouts.has(entry.linkname))) {
        whiteouts.add(path);
        const device = { type: "char", linkname: "" as ByteString, devMajor: 0, devMinor: 0 } as const;
        if (view.lookUp(path) !== undefined) inner.entry({ ...entry, ...device }, output);
        return;
      }
      const isOpaque = type === "dir" && deleted.has(path);
      const xattrs = isOpaque ? new Map([...(entry.xattrs ?? []), [OPAQUE, Buffer.from("y")] as const]) : entry.xattrs;
      inner.entry({ ...entry, xattrs }, output);
    },
    end(output) {
      for (const path of deleted) {
        if (seen.has(path) || view.lookUp(path) === undefined) continue;
        emitWhiteout(output, path);
      }
    },
  };
}
