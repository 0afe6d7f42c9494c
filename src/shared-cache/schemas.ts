/** Shapes of what a shared cache holds: written by other machines, so nothing of it is taken on trust. */
import * as z from "zod/mini";

const text = z.string();
const count = z.int().check(z.gte(0));
const digest = text.check(z.regex(/^sha256:[0-9a-f]{64}$/));

/** Everything that a key is made of, as digests; the key itself is computed from it. */
const parts = z.strictObject({
  kind: z.enum(["copy", "workdir", "run", "selection", "mount", "files", "cache"]),
  platform: z.literal(""),
  projection: text.check(z.regex(/^[0-9a-f]{64}$/)),
  parent: z.nullable(digest),
  inputs: z.array(digest),
});

const stack = z.array(z.strictObject({ diffId: digest, createdSeconds: z.int() }));
const result = z.union([
  z.strictObject({ stack: stack.check(z.minLength(1), z.maxLength(1000)) }),
  z.strictObject({ digest: text.check(z.maxLength(1000)) }),
]);

export const RecordSchema: z.ZodMiniType = z.strictObject({ version: z.literal(1), parts, result });

const descriptor = z.looseObject({ mediaType: text, digest, size: count });

/** The manifest of an entry: its record is an annotation, its layers are those of the stack, or stand-ins for them. */
export const EntryManifestSchema: z.ZodMiniType = z.looseObject({
  schemaVersion: z.literal(2),
  artifactType: text,
  config: descriptor,
  layers: z.array(z.extend(descriptor, { annotations: z.optional(z.record(text, text)) })).check(z.minLength(1)),
  annotations: z.record(text, text),
});

/** What an image config with an inline cache says. */
export const InlineSchema: z.ZodMiniType = z.looseObject({
  version: z.literal(1),
  compression: text,
  records: z.array(z.unknown()),
});
