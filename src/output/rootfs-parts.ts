/** Which root file systems an output writes, and the folder that each goes to. */
import type { LayerEntry } from "../layers/layer-entry.js";
import { formatPlatform } from "../oci/platform.js";
import type { Platform } from "../oci/types.js";
import type { TarEntry } from "../tar/entry.js";
import { type ByteString, bytesOf } from "../util/bytes.js";
import type { BuildResult } from "./exporter.js";
import { invalidOutput } from "./output-file.js";

export interface RootfsOptions {
  /** A folder for each platform (`linux_amd64`). Without it: when there are several. */
  readonly platformSplit?: boolean;
  /** Every time is this one, in seconds since 1970. */
  readonly epochSeconds?: number;
}

export interface RootfsPart {
  /** Empty, or the name of the platform's folder: safe as a file name everywhere. */
  readonly folder: ByteString;
  readonly entries: () => Iterable<LayerEntry>;
}

/**
 * The parts of `output`.
 * @throws OUTPUT_INVALID
 */
export function rootfsParts(result: BuildResult, output: string, options: RootfsOptions): readonly RootfsPart[] {
  const { images, rootfs } = result;
  if (rootfs === undefined) throw invalidOutput(output, `output "${output}" needs the files of the image but got none`);
  const split = options.platformSplit ?? images.length > 1;
  if (!split && images.length > 1) {
    throw invalidOutput(
      output,
      `output "${output}" cannot mix ${images.length} platforms`,
      "Leave platform-split=false out.",
    );
  }
  return images.map((image) => ({
    folder: split ? platformFolder(image.config, output) : ("" as ByteString),
    entries: () => rootfs(image),
  }));
}

/** `linux/arm/v7` → `linux_arm_v7`. A platform is text from a config that anybody may have written. */
function platformFolder(platform: Platform, output: string): ByteString {
  const name = formatPlatform(platform).replaceAll("/", "_");
  if (/^[A-Za-z0-9_.()-]{1,200}$/.test(name) && !/^\.|\.$/.test(name)) return bytesOf(name);
  throw invalidOutput(output, `platform ${JSON.stringify(name.slice(0, 100))} cannot be the name of a folder`);
}

/** The folder itself as an entry. */
export function folderEntry(folder: ByteString, mtimeSeconds: number): TarEntry {
  return {
    path: folder,
    type: "dir",
    mode: 0o755,
    uid: 0,
    gid: 0,
    size: 0,
    mtimeSeconds,
    mtimeNanos: 0,
    linkname: "" as ByteString,
    devMajor: 0,
    devMinor: 0,
    xattrs: undefined,
  };
}

/** `entry` as it stands in its part's folder, with the time that was asked for. */
export function placedEntry(entry: TarEntry, folder: ByteString, { epochSeconds }: RootfsOptions): TarEntry {
  if (folder === "" && epochSeconds === undefined) return entry;
  const below = (path: ByteString): ByteString => (folder === "" ? path : (`${folder}/${path}` as ByteString));
  return {
    ...entry,
    path: below(entry.path),
    linkname: entry.type === "hardlink" ? below(entry.linkname) : entry.linkname,
    ...(epochSeconds === undefined ? {} : { mtimeSeconds: epochSeconds, mtimeNanos: 0 }),
  };
}
