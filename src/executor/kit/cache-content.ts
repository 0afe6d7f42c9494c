/** The content of a cache mount as a tar, and such a tar as files: see `ExecutorCaches`. */
import type { ByteString } from "../../util/bytes.js";
import { Child, collectText, runChild } from "./child.js";
import { executorFailed } from "./failures.js";
import type { IdSpace } from "./id-space.js";
import { LayerRewrite } from "./layer-rewrite.js";
import { requireProgram } from "./programs.js";
import { measureAllArguments, measuredBytes, readAllArguments } from "./tar-arguments.js";
import { rewriteTar, type TarRewrite } from "./tar-rewriter.js";
import { unpackTar } from "./unpack-tar.js";
import { imageXattrs } from "./xattrs.js";

export interface ContentOptions {
  readonly executor: string;
  readonly space: IdSpace;
  readonly signal: AbortSignal;
}

/** Bytes that the tar of `folder` takes; only names are looked at. @throws EXECUTOR_FAILED */
export async function measureContent(folder: string, { executor, space, signal }: ContentOptions): Promise<number> {
  const command = space.command([requireProgram("tar", executor), ...measureAllArguments(folder)]);
  const { code, words } = await runChild(command, { signal });
  const bytes = measuredBytes(words);
  if (code !== 0 || bytes === undefined) throw failed(executor, "measuring", code, words);
  return bytes;
}

/** The tar of `folder`; `release` is called when nobody reads any more. */
export async function* readContent(
  folder: string,
  { executor, space, signal }: ContentOptions,
  release: () => Promise<void>,
): AsyncGenerator<Buffer, void, undefined> {
  try {
    signal.throwIfAborted();
    const command = space.command([requireProgram("tar", executor), ...readAllArguments(folder)]);
    const child = new Child(command, { stdio: ["ignore", "pipe", "pipe"], signal });
    const words = collectText(child.process.stderr!);
    try {
      yield* rewriteTar(child.output(), new ContentRewrite());
      const { code } = await child.ended;
      signal.throwIfAborted();
      if (code !== 0) throw failed(executor, "reading", code, words());
    } finally {
      child.kill();
    }
  } finally {
    await release();
  }
}

/** Unpacks `tar` into the empty folder `folder`: whatever it says, nothing outside is touched (U1 to U3, U7, U8). */
export function unpackContent(tar: AsyncIterable<Buffer>, folder: string, options: ContentOptions): Promise<void> {
  const { ids, maxId } = options.space;
  const rewrite = new LayerRewrite({ overlay: "none", ids, maxId, lower: NOTHING, isPlain: true });
  return unpackTar(tar, rewrite, folder, { ...options, what: "a cache mount" });
}

const NOTHING = { lookUp: () => undefined };

/** Leaves out what another machine could not have: devices, and further names of them. */
export class ContentRewrite implements TarRewrite {
  readonly #leftOut = new Set<ByteString>();

  entry(...[entry, output]: Parameters<TarRewrite["entry"]>): void {
    const { path, type, linkname, size } = entry;
    if (type === "char" || type === "block" || (type === "hardlink" && this.#leftOut.has(linkname))) {
      this.#leftOut.add(path);
      return;
    }
    output.emit({ ...entry, xattrs: imageXattrs(entry.xattrs, false) });
    if (size > 0) output.keepContent();
  }
}

function failed(executor: string, what: string, code: number | null, words: string): Error {
  return executorFailed(executor, `${what} the content of a cache mount ended with ${code}: ${words}`);
}
