/** What differs between two steps as the Dockerfile and the options say them: parts of the instruction, variables, options. */
import type { StepShape } from "../../cache/key.js";
import type { MissCause } from "../../events.js";
import { soundsSecret } from "../../plan/secret-names.js";
import { canonicalJson, type JsonObject, type JsonValue } from "../../util/canonical-json.js";
import { hideCredentialsIn } from "../../util/hide-credentials.js";
import { shownChange } from "./shown-text.js";
import { commandText } from "./step-title.js";

export interface ShapeComparison {
  readonly kind: string;
  /** Names of the build arguments that the step sees; other variables come from ENV. */
  readonly buildArgs: readonly string[];
}

/** @returns nothing when the shapes are equal */
export function compareShapes(before: StepShape, now: StepShape, { kind, buildArgs }: ShapeComparison): MissCause[] {
  const [old, young] = [member(before.projection, "step"), member(now.projection, "step")];
  const causes: MissCause[] = [];
  if (kind === "run") {
    const [was, is] = [member(old, "step"), member(young, "step")];
    causes.push(...compareVariables(list(member(was, "env")), list(member(is, "env")), new Set(buildArgs)));
    causes.push(...compareMembers(was, is, RUN_PARTS, "instruction"));
    const platforms = [{ platform: member(old, "platform") }, { platform: member(young, "platform") }] as const;
    causes.push(...compareMembers(...platforms, {}, "option"));
    const options = [member(old, "execution"), member(young, "execution")] as const;
    causes.push(...compareMembers(...options, EXECUTION_OPTIONS, "option"));
  } else {
    causes.push(...compareMembers(old, young, kind === "copy" ? COPY_PARTS : {}, "instruction"));
  }
  const times = [member(before.projection, "times"), member(now.projection, "times")] as const;
  return [...causes, ...compareMembers(...times, TIME_OPTIONS, "option")];
}

/** Members of the projections by what people call them; those that are not here are called what they are. */
type Names = Readonly<Record<string, string>>;

const RUN_PARTS: Names = { args: "command", files: "script", env: "", cwd: "working directory", mounts: "--mount" };
const COPY_PARTS: Names = {
  from: "kind of source",
  chown: "--chown",
  chmod: "--chmod",
  link: "--link",
  parents: "--parents",
  exclude: "--exclude",
};
const EXECUTION_OPTIONS: Names = {
  network: "--network",
  hostname: "BUILDKIT_SANDBOX_HOSTNAME",
  hosts: "--add-host",
  shmSizeBytes: "--shm-size",
  ulimits: "--ulimit",
};
const TIME_OPTIONS: Names = { files: "times of files", epochSeconds: "SOURCE_DATE_EPOCH" };

function compareMembers(before: JsonValue, now: JsonValue, names: Names, kind: "instruction" | "option"): MissCause[] {
  const [old, young] = [objectOf(before), objectOf(now)];
  const members = new Set([...Object.keys(old), ...Object.keys(young)]);
  const causes: MissCause[] = [];
  for (const name of members) {
    const called = Object.hasOwn(names, name) ? names[name]! : name;
    if (called === "" || isEqual(member(old, name), member(young, name))) continue;
    const [was, is] = [shownText(name, member(old, name)), shownText(name, member(young, name))];
    const text = `${called}: ${shownChange(was, is)}`;
    causes.push({
      kind,
      subject: called,
      ...(was === undefined ? {} : { before: was }),
      ...(is === undefined ? {} : { after: is }),
      text,
    });
  }
  return causes;
}

/** One cause for each variable. Values that may be secrets are not shown. */
function compareVariables(
  before: readonly string[],
  now: readonly string[],
  buildArgs: ReadonlySet<string>,
): MissCause[] {
  const [old, young] = [valuesByName(before), valuesByName(now)];
  const causes: MissCause[] = [];
  for (const name of new Set([...young.keys(), ...old.keys()])) {
    const [was, is] = [old.get(name), young.get(name)];
    if (was === is) continue;
    const called = !young.has(name) ? "variable" : buildArgs.has(name) ? "ARG" : "ENV";
    const [before, after] = [withoutCredentials(was), withoutCredentials(is)];
    const values = {
      ...(before === undefined ? {} : { before }),
      ...(after === undefined ? {} : { after }),
    };
    causes.push(
      soundsSecret(name)
        ? {
            kind: "variable",
            subject: name,
            text: `${called} ${name} changed (its name sounds like a secret: not shown)`,
          }
        : { kind: "variable", subject: name, ...values, text: `${called} ${name}: ${shownChange(before, after)}` },
    );
  }
  return causes;
}

function valuesByName(variables: readonly string[]): Map<string, string> {
  return new Map(
    variables.map((variable) => {
      const equals = variable.indexOf("=");
      return equals === -1 ? [variable, ""] : [variable.slice(0, equals), variable.slice(equals + 1)];
    }),
  );
}

/** Longest value that an explanation carries. */
const MOST = 4096;

/** `value` as far as it is told: without the credentials of URLs in it. */
function withoutCredentials(value: string | undefined): string | undefined {
  return value === undefined ? undefined : hideCredentialsIn(value, MOST);
}

function shownText(name: string, value: JsonValue): string | undefined {
  return withoutCredentials(textOf(name, value));
}

/** The value of a member as people would write it; `undefined` for none. */
function textOf(name: string, value: JsonValue): string | undefined {
  if (value === null || value === false || value === "") return undefined;
  if (value === true) return "set";
  if (typeof value === "string" || typeof value === "number") return String(value);
  if (name === "args") return commandText(list(value));
  if (name === "files") return (value as readonly JsonObject[]).map((file) => String(file.content)).join("\n");
  if (name === "from") return String(member(value, "kind"));
  if (name === "mounts") return (value as readonly JsonObject[]).map(mountText).join(" ") || undefined;
  if (name === "sources") return (value as readonly JsonObject[]).map(sourceText).join(" ");
  if (Array.isArray(value) && value.length === 0) return undefined;
  if (Array.isArray(value))
    return value.map((item) => (typeof item === "string" ? item : canonicalJson(item))).join(" ");
  return canonicalJson(value);
}

/** As in `--mount`, without what is not set. */
function mountText(mount: JsonObject): string {
  const fields = Object.entries(mount).filter(([, field]) => field !== null && typeof field !== "object");
  return fields.map(([name, field]) => `${name}=${String(field)}`).join(",");
}

function sourceText(source: JsonObject): string {
  const flags = source.unpack === true ? " (unpacked)" : "";
  if (source.kind === "path") return `${String(source.pattern)}${flags}`;
  if (source.kind === "inline") return `<<${String(source.name)} ${String(source.content)}`;
  if (source.kind === "http") return `${String(source.name)}${flags}`;
  return canonicalJson(source);
}

function isEqual(a: JsonValue, b: JsonValue): boolean {
  return canonicalJson(a) === canonicalJson(b);
}

/** The own member `name`, `null` when there is none. */
function member(value: JsonValue, name: string): JsonValue {
  const object = objectOf(value);
  return (Object.hasOwn(object, name) ? object[name] : undefined) ?? null;
}

function objectOf(value: JsonValue): JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : {};
}

function list(value: JsonValue): readonly string[] {
  return Array.isArray(value) ? value.map(String) : [];
}
