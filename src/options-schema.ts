/** Checks the options of users' code: unknown keys, wrong types. Loaded only for callers that may be wrong. */
import * as z from "zod/mini";
import { OcibuildError } from "./errors.js";
import type { BuildOptions } from "./options.js";
import { nearestName } from "./util/suggest.js";

const strings = z.record(z.string(), z.string());
const list = z.array(z.string());
const level = (least: number, most: number) => z.int().check(z.gte(least), z.lte(most));
const compression = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("uncompressed") }),
  z.strictObject({ kind: z.literal("gzip"), level: level(0, 9) }),
  z.strictObject({ kind: z.literal("zstd"), level: level(1, 22) }),
]);
/** Made by `dir()`, `memory()` and `tar()`, which know their own shape. */
const context = z.union([z.string(), z.looseObject({ kind: z.string() })]);
const object = z.looseObject({});
const secret = z.union([
  z.string(),
  z.instanceof(Uint8Array),
  z.strictObject({ file: z.string() }),
  z.strictObject({ env: z.string() }),
]);

const BuildOptionsSchema = z.strictObject({
  context,
  file: z.optional(z.string()),
  dockerfile: z.optional(z.string()),
  target: z.optional(z.string()),
  buildArgs: z.optional(strings),
  buildContexts: z.optional(z.record(z.string(), context)),
  secrets: z.optional(z.record(z.string(), secret)),
  executor: z.optional(z.union([z.string(), z.looseObject({ name: z.string() })])),
  ssh: z.optional(strings),
  network: z.optional(z.enum(["default", "none", "host"])),
  allow: z.optional(list),
  addHosts: z.optional(list),
  shmSize: z.optional(z.int().check(z.gte(0))),
  ulimits: z.optional(list),
  platforms: z.optional(list),
  labels: z.optional(strings),
  annotations: z.optional(strings),
  tags: z.optional(list),
  outputs: z.optional(z.array(z.union([z.string(), z.looseObject({ type: z.string() })]))),
  push: z.optional(z.boolean()),
  cacheFrom: z.optional(z.array(z.union([z.string(), z.looseObject({ type: z.string() })]))),
  cacheTo: z.optional(z.array(z.union([z.string(), z.looseObject({ type: z.string() })]))),
  noCache: z.optional(z.union([z.boolean(), list])),
  explain: z.optional(z.boolean()),
  requireCache: z.optional(z.boolean()),
  contextModes: z.optional(z.enum(["keep", "git"])),
  pull: z.optional(z.boolean()),
  compression: z.optional(compression),
  reproducible: z.optional(z.boolean()),
  sourceDateEpoch: z.optional(z.int()),
  root: z.optional(z.string()),
  storeLimit: z.optional(z.int().check(z.gte(0))),
  registryMirrors: z.optional(list),
  insecureRegistries: z.optional(list),
  dockerConfigDir: z.optional(z.string()),
  cwd: z.optional(z.string()),
  stdin: z.optional(object),
  stdout: z.optional(object),
  onEvent: z.optional(z.custom<BuildOptions["onEvent"]>((value) => typeof value === "function")),
  signal: z.optional(z.instanceof(AbortSignal)),
});

/** Fails to compile when the schema and the interface have different keys. */
type SameKeys<A, B> = [keyof A, keyof B] extends [keyof B, keyof A] ? true : never;
const sameKeys: SameKeys<z.infer<typeof BuildOptionsSchema>, BuildOptions> = true;
void sameKeys;

/** @throws OPTIONS_UNKNOWN_KEY, OPTIONS_INVALID */
export function checkOptions(options: BuildOptions): void {
  const result = BuildOptionsSchema.safeParse(options);
  if (result.success) return;
  const { issues } = result.error;
  // A misspelt name is the likelier mistake where something else seems to be missing.
  const issue = issues.find(({ code }) => code === "unrecognized_keys") ?? issues[0]!;
  const path = issue.path.join(".");
  if (issue.code === "unrecognized_keys") {
    const option = [...issue.path, issue.keys[0]!].join(".");
    const nearest = nearestName(issue.keys[0]!, Object.keys(BuildOptionsSchema.shape));
    throw new OcibuildError("OPTIONS_UNKNOWN_KEY", `option "${option}" is not known`, {
      details: { option, ...(nearest === undefined ? {} : { nearest }) },
      ...(nearest === undefined ? {} : { hint: `did you mean "${nearest}"?` }),
    });
  }
  const message = path === "" ? "build() expected an object of options" : `option "${path}" is not valid`;
  throw new OcibuildError("OPTIONS_INVALID", `${message}: ${issue.message}`, { details: { option: path } });
}
