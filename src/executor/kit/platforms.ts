/** Platforms whose programs run on this machine. */
import { readdirSync, readFileSync } from "node:fs";
import { arch } from "node:process";
import { parsePlatform } from "../../oci/platform.js";
import type { Platform } from "../../oci/types.js";

const ARCHITECTURES: ReadonlyMap<string, string> = new Map([
  ["x64", "linux/amd64"],
  ["arm64", "linux/arm64"],
  ["arm", "linux/arm/v7"],
  ["ia32", "linux/386"],
  ["ppc64", "linux/ppc64le"],
  ["s390x", "linux/s390x"],
  ["riscv64", "linux/riscv64"],
  ["loong64", "linux/loong64"],
]);
const EMULATORS: ReadonlyMap<string, string> = new Map([
  ["qemu-x86_64", "linux/amd64"],
  ["qemu-aarch64", "linux/arm64"],
  ["qemu-arm", "linux/arm/v7"],
  ["qemu-i386", "linux/386"],
  ["qemu-ppc64le", "linux/ppc64le"],
  ["qemu-s390x", "linux/s390x"],
  ["qemu-riscv64", "linux/riscv64"],
  ["qemu-loongarch64", "linux/loong64"],
]);

/** The machine's own platform, those its processor runs too, and those with an emulator that opens its files early. */
export function runnablePlatforms(): Platform[] {
  const own = ARCHITECTURES.get(arch);
  const texts = new Set(own === undefined ? [] : [own]);
  if (arch === "x64") texts.add("linux/386");
  try {
    for (const name of readdirSync("/proc/sys/fs/binfmt_misc")) {
      const platform = EMULATORS.get(name);
      // Without F the emulator's path would be looked up inside the image.
      if (platform !== undefined && /^flags:.*F/m.test(readFileSync(`/proc/sys/fs/binfmt_misc/${name}`, "utf8"))) {
        texts.add(platform);
      }
    }
  } catch {
    // No foreign programs then.
  }
  return [...texts].map((text) => parsePlatform(text));
}
