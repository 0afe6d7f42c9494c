/** Checks the options of users' code: unknown keys, wrong types. Loaded only for callers that may be wrong. */
import { z } from "zod";
import { OcibuildError } from "./errors.js";
import type { BuildOptions } from "./options.js";
import { nearestName } from "./util/suggest.js";

const strings = z.record(z.string(), z.string());
const compression = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("uncompressed") }),
  z.strictObject({ kind: z.literal("gzip"), level: z.int().min(0).max(9) }),
  z.strictObject({ kind: z.literal("zstd"), level: z.int().min(1).max(22) }),
]);
/** Made by `dir()`, `memory()` and `tar()`, which know their own shape. */
const context = z.union([z.string(), z.looseObject({ kind: z.string() })]);

const BuildOptionsSchema = z.strictObject({
  context,
  file: z.string().optional(),
  dockerfile: z.string().optional(),
  target: z.string().optional(),
  buildArgs: strings.optional(),
  buildContexts: z.record(z.string(), context).optional(),
  platforms: z.array(z.string()).optional(),
  labels: strings.optional(),
  annotations: strings.optional(),
  tags: z.array(z.string()).optional(),
  outputs: z.array(z.union([z.string(), z.looseObject({ type: z.string() })])).optional(),
  push: z.boolean().optional(),
  noCache: z.union([z.boolean(), z.array(z.string())]).optional(),
  pull: z.boolean().optional(),
  compression: compression.optional(),
  reproducible: z.boolean().optional(),
  sourceDateEpoch: z.int().optional(),
  root: z.string().optional(),
  registryMirrors: z.array(z.string()).optional(),
  insecureRegistries: z.array(z.string()).optional(),
  dockerConfigDir: z.string().optional(),
  cwd: z.string().optional(),
  stdin: z.looseObject({}).optional(),
  stdout: z.looseObject({}).optional(),
  onEvent: z.custom<BuildOptions["onEvent"]>((value) => typeof value === "function").optional(),
  signal: z.instanceof(AbortSignal).optional(),
});

/** Fails to compile when the schema and the interface have different keys. */
type SameKeys<A, B> = [keyof A, keyof B] extends [keyof B, keyof A] ? true : never;
const sameKeys: SameKeys<z.infer<typeof BuildOptionsSchema>, BuildOptions> = true;
void sameKeys;

/** @throws OPTIONS_UNKNOWN_KEY, OPTIONS_INVALID */
export function checkOptions(options: BuildOptions): void {
  const result = BuildOptionsSchema.safeParse(options);
  if (result.success) return;
  const issue = result.error.issues[0]!;
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
