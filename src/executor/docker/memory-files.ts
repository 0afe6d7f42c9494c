/**
 * Files in the memory of the engine's machine, for secrets: a volume that is a tmpfs, and gone with its last user.
 *
 * An engine mounts such a volume as long as a container that has it runs, or while an archive is put into it. So on
 * Docker the archive is not ended before the run is; when we die the connection does, and the secret with it. Podman
 * mounts volumes for containers that are set up but not started.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { TarEntry } from "../../tar/entry.js";
import { bytesOf } from "../../util/bytes.js";
import { executorFailed } from "../kit/failures.js";
import { END, entryOf, fileInTar, header } from "../kit/tar-parts.js";
import { DOCKER } from "./engine.js";
import { HELPER_MOUNT, type Helpers } from "./helper.js";
import { ownedLabels } from "./labels.js";
import { removeContainer } from "./removal.js";
import { uniqueName } from "./unique-name.js";
import type { FileVolumes } from "./volume-files.js";

export interface MemoryFile extends Pick<TarEntry, "mode" | "uid" | "gid"> {
  readonly content: Buffer;
}

export interface MemoryFiles {
  /** Path of the file `index` on the engine's machine. */
  path(index: number): string;
  /** The files are gone for all who have not got them mounted. */
  close(): Promise<void>;
}

export interface MemoryFileParts {
  readonly helpers: Helpers;
  readonly volumes: FileVolumes;
  readonly isPodman: boolean;
}

const TMPFS = { type: "tmpfs", device: "tmpfs", o: "mode=0711,nosuid,nodev" };
const LAST = "end";

/** Keeps `files` until `close`. @throws EXECUTOR_FAILED; the signal's reason */
export async function keepInMemory(
  parts: MemoryFileParts,
  files: readonly MemoryFile[],
  signal: AbortSignal,
): Promise<MemoryFiles> {
  const { volumes, isPodman } = parts;
  const name = uniqueName("memory");
  const folder = await volumes.make(name, ownedLabels("memory"), signal, TMPFS);
  const content = files.map(({ content, ...owner }, index) =>
    fileInTar(entryOf({ path: bytesOf(String(index)), ...owner }), content),
  );
  const tar = Buffer.concat([...content, header(entryOf({ path: bytesOf(LAST) }))]);
  let letGo = async (): Promise<void> => {};
  const close = async (): Promise<void> => {
    await letGo();
    await volumes.remove(name);
  };
  try {
    letGo = isPodman ? await setUp(parts, name, tar, signal) : await hold(parts, name, tar, signal);
  } catch (error) {
    await close();
    throw error;
  }
  return { path: (index) => `${folder}/${index}`, close };
}

/** On Podman: a container that is set up. */
async function setUp(
  { helpers }: MemoryFileParts,
  volume: string,
  tar: Buffer,
  signal: AbortSignal,
): Promise<() => Promise<void>> {
  const { engine } = helpers;
  const id = (await helpers.make({ mount: { type: "volume", source: volume, readOnly: false }, signal }))!;
  const remove = (): Promise<void> => removeContainer(engine, id);
  try {
    await engine.done({ method: "POST", path: `/v4.0.0/libpod/containers/${id}/init`, signal });
    const query = { path: HELPER_MOUNT };
    const whole = Buffer.concat([tar, END]);
    await engine.done({ method: "PUT", path: `/containers/${id}/archive`, query, tar: whole, signal });
  } catch (error) {
    await remove();
    throw error;
  }
  return remove;
}

/** On Docker: an archive that does not end. */
async function hold(
  { helpers }: MemoryFileParts,
  volume: string,
  tar: Buffer,
  signal: AbortSignal,
): Promise<() => Promise<void>> {
  const { engine } = helpers;
  const mount = { type: "volume", source: volume, readOnly: false } as const;
  const writer = (await helpers.make({ mount, signal }))!;
  let reader: string | undefined;
  let end: () => void = () => {};
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  async function* body(): AsyncGenerator<Buffer, void, undefined> {
    yield tar;
    await ended;
    yield END;
  }
  const over = new AbortController();
  const call = { method: "PUT", path: `/containers/${writer}/archive`, query: { path: HELPER_MOUNT } } as const;
  const writing = engine.done({ ...call, tar: body(), signal: over.signal }).catch((error: unknown) => error);
  const letGo = async (): Promise<void> => {
    end();
    // An archive that does not end any more must not keep us.
    const waited = await Promise.race([writing, delay(5000, "late", { ref: false })]);
    if (waited === "late") over.abort();
    await removeContainer(engine, writer);
    if (reader !== undefined) await removeContainer(engine, reader);
  };
  try {
    // The engine unpacks while it reads: the file behind the others tells that those are there.
    reader = (await helpers.make({ mount: { ...mount, readOnly: true }, signal }))!;
    const query = { path: `${HELPER_MOUNT}/${LAST}` };
    for (;;) {
      const looked = engine.done({ method: "HEAD", path: `/containers/${reader}/archive`, query, signal }, [404]);
      const first = await Promise.race([writing.then((error) => ({ error })), looked]);
      if ("error" in first) throw executorFailed(DOCKER, "the engine did not keep a secret", undefined, first.error);
      if (first.status !== 404) break;
      await delay(5, undefined, { signal });
    }
  } catch (error) {
    await letGo();
    throw error;
  }
  return letGo;
}
