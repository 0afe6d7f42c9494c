/** The layer that somebody else made of what changed → the changeset. */
import type { TarEntry } from "../../tar/entry.js";
import type { ByteString } from "../../util/bytes.js";
import { executorFailed } from "./failures.js";
import type { LowerFiles } from "./lower-files.js";
import type { TarRewrite } from "./tar-rewriter.js";

export interface LayerChangesetOptions {
  readonly executor: string;
  /** The image, without what was added to it to mount on. */
  readonly view: LowerFiles;
  readonly limitBytes: number;
}

/** Without the top folder, which builders and engines make themselves, and without whiteouts of what is not the image's. */
export function layerChangeset({ executor, view, limitBytes }: LayerChangesetOptions): TarRewrite {
  let bytes = 0;
  return {
    entry(entry, output) {
      bytes += entry.size;
      if (bytes > limitBytes) {
        const message = `what RUN changed is larger than the limit of ${limitBytes} bytes`;
        throw executorFailed(executor, message, "Write less in this step, or raise the limit.");
      }
      if (entry.path === "" || isForeign(entry, view)) return;
      output.emit(entry);
      if (entry.size > 0) output.keepContent();
    },
  };
}

function isForeign({ path }: TarEntry, view: LowerFiles): boolean {
  const at = path.lastIndexOf("/") + 1;
  const name = path.slice(at);
  if (!name.startsWith(".wh.") || name === ".wh..wh..opq") return false;
  return view.lookUp((path.slice(0, at) + name.slice(".wh.".length)) as ByteString) === undefined;
}
