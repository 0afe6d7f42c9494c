/** What engines mount and make in every container, and what of it the image must have for that. */
import { type ByteString, bytesOf } from "../../util/bytes.js";
import { executorFailed } from "../kit/failures.js";
import type { IndexView } from "../kit/layer-index.js";
import type { StubLayer } from "../kit/stub-layer.js";
import { assertSystemFolders, SYSTEM_FOLDERS } from "../kit/system-folders.js";
import { DOCKER } from "./engine.js";

const FILES: readonly string[] = ["etc/resolv.conf", "etc/hosts", "etc/hostname"];
const OF_PODMAN: readonly string[] = ["etc/passwd", "etc/group", "run/.containerenv"];

/**
 * Adds what an engine would else make in the container. Docker has a layer of its own for that, below the container's, but
 * follows symlinks of the image to what that layer does not have.
 * @throws EXECUTOR_FAILED when the image has something else where system folders are mounted (X1)
 */
export function addSystemStubs(stubs: StubLayer, view: IndexView, isPodman: boolean): void {
  assertSystemFolders(view, DOCKER);
  if (isPodman) for (const folder of SYSTEM_FOLDERS) stubs.add(folder, "dir");
  for (const file of isPodman ? [...FILES, ...OF_PODMAN] : FILES) {
    const path = view.resolve(bytesOf(file));
    if (path === undefined) throw executorFailed(DOCKER, `"/${file}" leads through too many symlinks of the image`);
    if (view.lookUp(path) !== undefined || (!isPodman && path === file)) continue;
    stubs.add(path, "file");
  }
  if (isPodman && view.resolve(bytesOf("etc")) === "etc") stubs.addLink("etc/mtab" as ByteString, "/proc/mounts");
}
