/** `--volume`, `--mount` and `--tmpfs` of `run`, as docker means them. */
import { mkdirSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { parseCsv } from "../../dockerfile/csv.js";
import { parseSize } from "../../dockerfile/size.js";
import { OcibuildError } from "../../errors.js";
import type { RunOptions } from "../../images/containers/run-container.js";
import { optionError } from "../option-error.js";

type RunMount = NonNullable<RunOptions["mounts"]>[number];

export interface MountTexts {
  readonly volume: readonly string[];
  readonly mount: readonly string[];
  readonly tmpfs: readonly string[];
}

/** In the order volumes, mounts, memory. Folders of volumes that are missing are made, as docker makes them. @throws OPTIONS_… */
export function readMounts({ volume, mount, tmpfs }: MountTexts, cwd: string): readonly RunMount[] {
  return [
    ...volume.map((written) => volumeOf(written, cwd)),
    ...mount.map((written) => mountOf(written, cwd)),
    ...tmpfs.map(tmpfsOf),
  ];
}

/** `SOURCE:TARGET[:ro|rw]`. */
function volumeOf(written: string, cwd: string): RunMount {
  const [source = "", target, mode = "rw", ...rest] = written.split(":");
  if (target === undefined || rest.length > 0) {
    throw target === undefined && written.startsWith("/")
      ? unsupported("--volume", `anonymous volumes ("${written}")`, "Write SOURCE:TARGET, or --tmpfs TARGET.")
      : optionError("--volume", `invalid volume specification: '${written}'`, "Expected SOURCE:TARGET[:ro].");
  }
  if (!/[/.~]/.test(source.slice(0, 1))) {
    throw unsupported("--volume", `named volumes ("${source}")`, `Name a folder: "./${source}:${target}".`);
  }
  assertTarget("--volume", written, target);
  const readOnly = modeOf(mode, written);
  const path = resolve(cwd, source);
  if (statSync(path, { throwIfNoEntry: false }) === undefined) mkdirSync(path, { recursive: true });
  return { type: "host", source: path, target, readOnly };
}

function modeOf(text: string, written: string): boolean {
  let readOnly = false;
  for (const word of text.split(",")) {
    if (word === "ro") readOnly = true;
    else if (word !== "rw" && word !== "rprivate" && word !== "") {
      throw unsupported("--volume", `"${word}" of "${written}"`, "Leave it out; there are ro and rw.");
    }
  }
  return readOnly;
}

/** `type=bind|tmpfs,source=…,target=…[,readonly]`. */
function mountOf(written: string, cwd: string): RunMount {
  const fields = parseCsv(written);
  if (!Array.isArray(fields)) throw optionError("--mount", `--mount "${written}" cannot be read: ${fields.problem}`);
  const found = new Map<string, string>();
  for (const field of fields) {
    const equals = field.indexOf("=");
    const key = (equals === -1 ? field : field.slice(0, equals)).toLowerCase();
    found.set(KEYS.get(key) ?? key, equals === -1 ? "true" : field.slice(equals + 1));
  }
  const unknown = [...found.keys()].find((key) => ![...KEYS.values()].includes(key));
  if (unknown !== undefined) throw unsupported("--mount", `"${unknown}" of "${written}"`, "Leave it out.");
  const type = found.get("type") ?? "volume";
  const target = found.get("target") ?? "";
  assertTarget("--mount", written, target);
  if (type === "tmpfs") return { type, target, sizeBytes: sizeOf(found.get("tmpfs-size"), written) };
  if (type !== "bind") throw unsupported("--mount", `mounts of type "${type}"`, "There are bind and tmpfs.");
  const source = found.get("source") ?? "";
  if (source === "") throw optionError("--mount", `--mount "${written}" names no source`);
  const path = resolve(cwd, source);
  if (statSync(path, { throwIfNoEntry: false }) === undefined) {
    throw optionError("--mount", `bind source path does not exist: ${path}`, "Make it first.");
  }
  const readOnly = /^(?:true|1)$/.test(found.get("readonly") ?? "false");
  return { type: "host", source: path, target, readOnly };
}

const KEYS: ReadonlyMap<string, string> = new Map([
  ["type", "type"],
  ["source", "source"],
  ["src", "source"],
  ["target", "target"],
  ["dst", "target"],
  ["destination", "target"],
  ["readonly", "readonly"],
  ["ro", "readonly"],
  ["tmpfs-size", "tmpfs-size"],
]);

/** `TARGET[:size=SIZE]`. */
function tmpfsOf(written: string): RunMount {
  const colon = written.indexOf(":");
  const target = colon === -1 ? written : written.slice(0, colon);
  assertTarget("--tmpfs", written, target);
  let sizeBytes: number | undefined;
  for (const option of colon === -1 ? [] : written.slice(colon + 1).split(",")) {
    if (!option.startsWith("size=")) throw unsupported("--tmpfs", `"${option}" of "${written}"`, "There is size=.");
    sizeBytes = sizeOf(option.slice("size=".length), written);
  }
  return { type: "tmpfs", target, sizeBytes };
}

function sizeOf(text: string | undefined, written: string): number | undefined {
  if (text === undefined) return undefined;
  const bytes = parseSize(text);
  if (bytes !== undefined && Number.isSafeInteger(bytes)) return bytes;
  throw optionError("--tmpfs", `"${written}" expected a size such as 64m`);
}

function assertTarget(option: string, written: string, target: string): void {
  if (target.startsWith("/") && target !== "/") return;
  throw optionError(option, `${option} "${written}" expected an absolute path in the container below "/"`);
}

function unsupported(option: string, what: string, hint: string): OcibuildError<"OPTIONS_UNSUPPORTED"> {
  return new OcibuildError("OPTIONS_UNSUPPORTED", `${what} are not supported`, { details: { option }, hint });
}
