/** Changed files as GNU tar reads them → an OCI layer. @spec layer.md#whiteouts */
import { OcibuildError } from "../../errors.js";
import type { ByteString } from "../../util/bytes.js";
import { entryOf } from "./tar-parts.js";
import type { TarOutput, TarRewrite } from "./tar-rewriter.js";
import { imageXattrs, isOpaque } from "./xattrs.js";

export interface ChangesetOptions {
  readonly executor: string;
  readonly limitBytes: number;
  /** How the top directory was when the command started: it is in the changeset only when that is not so any more. */
  readonly root: { readonly mode: number; readonly uid: number; readonly gid: number };
  /** Deleted paths that no device in the archive stands for. */
  readonly deleted?: readonly ByteString[];
}

/** Turns overlayfs' marks into whiteouts. @throws (while it is read) EXECUTOR_FAILED above the limit */
export function changesetRewrite(options: ChangesetOptions): TarRewrite {
  let bytes = 0;
  return {
    entry(entry, output) {
      bytes += entry.size;
      if (bytes > options.limitBytes) throw tooLarge(options);
      if (entry.path === "") {
        const { mode, uid, gid } = options.root;
        if (entry.mode !== mode || entry.uid !== uid || entry.gid !== gid) output.emit({ ...entry, xattrs: undefined });
        return;
      }
      const slash = entry.path.lastIndexOf("/") + 1;
      const name = entry.path.slice(slash);
      if (entry.type === "char" && entry.devMajor === 0 && entry.devMinor === 0) {
        emitWhiteout(output, entry.path);
        return;
      }
      // A layer has no way to say it: it would delete another file of the image.
      if (name.startsWith(".wh.")) return;
      output.emit({ ...entry, xattrs: imageXattrs(entry.xattrs, true) });
      if (entry.size > 0) output.keepContent();
      if (entry.type === "dir" && isOpaque(entry.xattrs)) emitMark(output, `${entry.path}/.wh..wh..opq`);
    },
    end(output) {
      for (const path of options.deleted ?? []) emitWhiteout(output, path);
    },
  };
}

/** Writes an entry that takes away the file `path`. */
export function emitWhiteout(output: TarOutput, path: ByteString): void {
  const slash = path.lastIndexOf("/") + 1;
  // No layer has it, so none can delete it.
  if (path.startsWith(".wh.", slash)) return;
  emitMark(output, `${path.slice(0, slash)}.wh.${path.slice(slash)}`);
}

function emitMark(output: TarOutput, path: string): void {
  output.emit(entryOf({ path: path as ByteString, mode: 0o600 }));
}

function tooLarge({ executor, limitBytes }: ChangesetOptions): OcibuildError {
  return new OcibuildError("EXECUTOR_FAILED", `what RUN changed is larger than the limit of ${limitBytes} bytes`, {
    details: { executor },
    hint: "Write less in this step, or raise the limit.",
  });
}
