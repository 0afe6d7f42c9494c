/**
 * `RUN --mount` with its variables expanded: option names, values and combinations checked.
 *
 * Not part of parsing, because BuildKit looks at the mounts of stages that are built and at no others.
 * @spec Dockerfile reference, "RUN --mount"
 */
import { goQuote } from "../util/go-format.js";
import { didYouMean } from "../util/suggest.js";
import type { MountOption, RunMount } from "./ast.js";
import { parseBool } from "./parse-bool.js";
import { parseSize } from "./size.js";

export type MountType = "bind" | "cache" | "tmpfs" | "secret" | "ssh";
export type CacheSharing = "shared" | "private" | "locked";

/** Options as given; what was not given is `undefined` (or `""` for the four texts). Which defaults apply is the plan's part. */
export interface ResolvedMount {
  readonly type: MountType;
  readonly from: string;
  readonly source: string;
  readonly target: string;
  readonly id: string;
  /** Unless given: false for cache and tmpfs, true for the others. */
  readonly readOnly: boolean;
  readonly required: boolean;
  /** Of tmpfs. */
  readonly sizeBytes: number | undefined;
  readonly sharing: CacheSharing | undefined;
  /** Variable that a secret is put into; `""` for the one named by its id. */
  readonly env: string | undefined;
  readonly mode: number | undefined;
  readonly uid: number | undefined;
  readonly gid: number | undefined;
}

/** A sentence in BuildKit's words, and what to do. */
export interface MountProblem {
  readonly problem: string;
  readonly hint?: string;
}

const TYPES: readonly MountType[] = ["bind", "cache", "tmpfs", "secret", "ssh"];
const SHARING: readonly CacheSharing[] = ["shared", "private", "locked"];
const OPTIONS = [
  ..."type from source target readonly id sharing required size mode uid gid".split(" "),
  ..."src dst destination ro rw readwrite env".split(" "),
];

type Draft = { -readonly [K in keyof ResolvedMount]: ResolvedMount[K] | undefined };

/**
 * The mount that `mount` describes, or what is wrong with it. `expand` is called once for each value, in order, and may
 * throw. Options are read from left to right: `required` and `size` want their `type` before them.
 */
export function resolveMount(mount: RunMount, expand: (value: string) => string): ResolvedMount | MountProblem {
  const draft: Draft = {
    type: "bind",
    from: "",
    source: "",
    target: "",
    id: "",
    readOnly: undefined,
    required: false,
    sizeBytes: undefined,
    sharing: undefined,
    env: undefined,
    mode: undefined,
    uid: undefined,
    gid: undefined,
  };
  for (const option of mount.options) {
    const problem = option.value === undefined ? setBare(draft, option) : setValue(draft, option, expand(option.value));
    if (problem !== undefined) return problem;
  }
  const problem = checkTogether(draft);
  if (problem !== undefined) return problem;
  const readOnly = draft.readOnly ?? (draft.type !== "cache" && draft.type !== "tmpfs");
  return { ...draft, readOnly } as ResolvedMount;
}

function setBare(draft: Draft, { name, text }: MountOption): MountProblem | undefined {
  switch (name) {
    case "readonly":
    case "ro":
      draft.readOnly = true;
      return undefined;
    case "readwrite":
    case "rw":
      draft.readOnly = false;
      return undefined;
    case "required":
      return setRequired(draft, name, "true");
    default:
      return { problem: `invalid field '${text}' must be a key=value pair`, hint: `write ${name}=value` };
  }
}

function setValue(draft: Draft, { name, text }: MountOption, value: string): MountProblem | undefined {
  switch (name) {
    case "type": {
      const type = TYPES.find((known) => known === value.toLowerCase());
      if (type === undefined) return unsupported("mount type", value, TYPES);
      draft.type = type;
      return undefined;
    }
    case "sharing": {
      const sharing = SHARING.find((known) => known === value.toLowerCase());
      if (sharing === undefined) return unsupported("sharing value", value, SHARING);
      draft.sharing = sharing;
      return undefined;
    }
    case "from":
    case "id":
    case "env":
      draft[name] = value;
      return undefined;
    case "source":
    case "src":
      draft.source = value;
      return undefined;
    case "target":
    case "dst":
    case "destination":
      draft.target = value;
      return undefined;
    case "readonly":
    case "ro":
      draft.readOnly = parseBool(value);
      return draft.readOnly === undefined ? invalid(name, value) : undefined;
    case "readwrite":
    case "rw": {
      const writable = parseBool(value);
      if (writable === undefined) return invalid(name, value);
      draft.readOnly = !writable;
      return undefined;
    }
    case "required":
      return setRequired(draft, name, value);
    case "size":
      if (draft.type !== "tmpfs") return notFor(name, draft);
      draft.sizeBytes = parseSize(value);
      return draft.sizeBytes === undefined ? invalid(name, value) : undefined;
    case "mode":
    case "uid":
    case "gid":
      draft[name] = parseUint32(value, name === "mode" ? 8 : 10);
      if (draft[name] !== undefined) return undefined;
      return {
        problem: `invalid value ${value} for ${name}`,
        hint: `${name} is ${name === "mode" ? "an octal" : "a"} number`,
      };
    default:
      return { problem: `unexpected key '${name}' in '${text}'${didYouMean(name, OPTIONS)}` };
  }
}

function setRequired(draft: Draft, name: string, value: string): MountProblem | undefined {
  if (draft.type !== "secret" && draft.type !== "ssh") return notFor(name, draft);
  draft.required = parseBool(value);
  return draft.required === undefined ? invalid(name, value) : undefined;
}

function checkTogether(draft: Draft): MountProblem | undefined {
  const { type } = draft;
  if (type === "bind" || type === "tmpfs") {
    for (const name of ["mode", "uid", "gid"] as const) {
      if (draft[name] !== undefined) return { problem: `${name} not allowed for ${goQuote(type)} type mounts` };
    }
  }
  if (type === "secret") {
    if (draft.from !== "") return { problem: "secret mount should not have a from" };
    if (draft.sharing !== undefined) return { problem: "secret mount should not define sharing" };
    if (draft.source === "" && draft.target === "" && draft.id === "") {
      return { problem: "invalid secret mount. one of source, target required", hint: "write id=NAME" };
    }
    if (draft.source !== "" && draft.id !== "") {
      return { problem: "both source and id can't be set", hint: "source is another name of id here" };
    }
  }
  if (draft.sharing !== undefined && type !== "cache")
    return { problem: `invalid cache sharing set for ${type} mount` };
  return undefined;
}

function unsupported(what: string, value: string, known: readonly string[]): MountProblem {
  const problem = `unsupported ${what} ${goQuote(value)}${didYouMean(value, known)}`;
  return { problem, hint: `expected one of: ${known.join(", ")}` };
}

function invalid(name: string, value: string): MountProblem {
  return { problem: `invalid value for ${name}: ${value}` };
}

function notFor(name: string, draft: Draft): MountProblem {
  const problem = `unexpected key '${name}' for mount type '${draft.type}'`;
  return { problem, hint: `options are read from left to right: if this is another type, put type= before ${name}` };
}

function parseUint32(text: string, base: 8 | 10): number | undefined {
  if (!(base === 8 ? /^[0-7]+$/ : /^[0-9]+$/).test(text)) return undefined;
  const value = Number.parseInt(text, base);
  return value <= 0xffffffff ? value : undefined;
}
