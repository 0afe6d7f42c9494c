/** What every command finds beside the image: device nodes, the run's output by its names, the network's files. */
import { chmodSync, linkSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type ByteString, bytesOf, fsPath } from "../../util/bytes.js";
import type { RunSpec } from "../contract.js";
import { runChild } from "../kit/child.js";
import { executorFailed } from "../kit/failures.js";
import type { OutputPipe } from "../kit/fifo-pool.js";
import { requireProgram } from "../kit/programs.js";
import { shellWord } from "../kit/quote.js";
import { DEVICE_NUMBERS, hostsText, readResolvConf } from "../kit/system-files.js";
import type { Furniture } from "./furniture.js";

export interface SystemParts {
  readonly executor: string;
  readonly furniture: Furniture;
  readonly spec: RunSpec;
  readonly output: readonly [OutputPipe, OutputPipe];
  readonly signal: AbortSignal;
}

export async function addSystemFurniture({ executor, furniture, spec, output, signal }: SystemParts): Promise<void> {
  const put = (path: string, kind: "dir" | "file", make: (place: ByteString) => void | Promise<void>): Promise<void> =>
    furniture.put(bytesOf(path), kind, make);
  for (const path of ["/proc", "/sys"]) await put(path, "dir", (place) => makeFolder(place, 0o555));
  await put("/dev", "dir", async (place) => {
    makeFolder(place, 0o755);
    await makeDevices(executor, place, signal);
    for (const name of ["mqueue", "pts"]) makeFolder(`${place}/${name}` as ByteString, 0o755);
    makeFolder(`${place}/shm` as ByteString, 0o1777);
    // The usual links lead through /proc. These are the pipes themselves.
    ["stdout", "stderr"].forEach((name, at) => {
      linkSync(output[at]!.path, fsPath(`${place}/${name}` as ByteString));
    });
  });
  await put("/etc/resolv.conf", "file", (place) => makeFile(place, readResolvConf()));
  await put("/etc/hosts", "file", (place) => makeFile(place, hostsText(spec)));
}

/** Makes the directory `place`, whatever the umask of this process. */
export function makeFolder(place: ByteString, mode: number): void {
  mkdirSync(fsPath(place));
  chmodSync(fsPath(place), mode);
}

/** Makes a file of root. */
export function makeFile(place: ByteString, content: string | Buffer, mode = 0o644): void {
  writeFileSync(fsPath(place), content, { mode: 0o600, flag: "wx" });
  chmodSync(fsPath(place), mode);
}

async function makeDevices(executor: string, folder: ByteString, signal: AbortSignal): Promise<void> {
  const mknod = shellWord(requireProgram("mknod", executor));
  const lines = [...DEVICE_NUMBERS].map(
    ([name, numbers]) => `${mknod} -m 666 ${shellWord(join(folder, name))} c ${numbers.join(" ")}`,
  );
  const input = `${["set -e", ...lines].join("\n")}\n`;
  const { code, words } = await runChild([requireProgram("sh", executor), "-s"], { input, signal });
  if (code !== 0) throw executorFailed(executor, `making device nodes ended with ${code}: ${words}`);
}
