/** Where the mounts of a RUN are, looked up inside the image before anybody else touches their targets (X1). */
import { type ByteString, bytesOf } from "../../util/bytes.js";
import type { Mount, RootFiles } from "../contract.js";
import { executorFailed, executorUnsupported } from "./failures.js";
import type { IndexView } from "./layer-index.js";
import type { StubLayer } from "./stub-layer.js";

/** A mount with a target, and where that is. */
export interface MountPlace {
  readonly mount: Exclude<Mount, { type: "secret" }> | (Mount & { readonly type: "secret"; readonly target: string });
  /** Without symlinks; no leading slash. */
  readonly path: ByteString;
}

/** Of equal targets only the last. @throws EXECUTOR_UNSUPPORTED, EXECUTOR_FAILED */
export function mountPlaces(view: IndexView, mounts: readonly Mount[], executor: string): readonly MountPlace[] {
  const places = new Map<ByteString, MountPlace>();
  for (const mount of mounts) {
    if (mount.type === "secret" && mount.target === undefined) continue;
    const path = placeOf(view, mount.target!, executor);
    places.delete(path);
    places.set(path, { mount: mount as MountPlace["mount"], path });
  }
  return [...places.values()];
}

function placeOf(view: IndexView, target: string, executor: string): ByteString {
  const path = view.resolve(bytesOf(target));
  if (path === undefined) throw executorFailed(executor, `"${target}" leads through too many symlinks of the image`);
  if (path === "") throw executorUnsupported(executor, "mount on /", `nothing can be mounted on "/"`);
  const top = path.split("/", 1)[0]!;
  if (top === "proc" || top === "sys" || path === "dev") {
    throw executorUnsupported(executor, "mount on a system folder", `nothing can be mounted on "${target}"`);
  }
  return path;
}

/** The one of `places` that is nearest above `path`. */
export function placeAbove(places: readonly MountPlace[], path: ByteString): MountPlace | undefined {
  let found: MountPlace | undefined;
  for (const place of places) {
    if (!path.startsWith(`${place.path}/`)) continue;
    if (found === undefined || place.path.length > found.path.length) found = place;
  }
  return found;
}

/** What a bind mount's source has at `path`. @throws EXECUTOR_FAILED when it is not there */
export type LookIntoSource = (source: RootFiles, path: string) => Promise<"dir" | "file">;

export async function kindOf({ mount }: MountPlace, look: LookIntoSource): Promise<"dir" | "file"> {
  if (mount.type === "bind") return look(mount.source, mount.path);
  return mount.type === "cache" || mount.type === "tmpfs" ? "dir" : "file";
}

/** Mount points for all `places`, in the root file system where no other mount covers them; /dev is none of the image. */
export async function addMountStubs(
  stubs: StubLayer,
  places: readonly MountPlace[],
  look: LookIntoSource,
): Promise<void> {
  for (const place of places) {
    if (place.path.startsWith("dev/") || placeAbove(places, place.path) !== undefined) continue;
    // Runtimes give a tmpfs the mode of what it covers.
    const mode = place.mount.type === "tmpfs" ? 0o1777 : undefined;
    stubs.add(place.path, await kindOf(place, look), mode);
  }
}

/** `path` of a mount's source, without symlinks. @throws EXECUTOR_FAILED when it is not there */
export function sourcePlace(view: IndexView, path: string, executor: string): ByteString {
  const found = view.resolve(bytesOf(path));
  if (found === undefined || (found !== "" && view.lookUp(found) === undefined)) {
    throw executorFailed(executor, `mount source "${path}" is not there`);
  }
  return found;
}
