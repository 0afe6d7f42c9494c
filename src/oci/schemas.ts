/**
 * Shapes of the image specification's documents. Loose: what is not named here survives.
 *
 * Loaded only when a document of somebody else is read (`documents.ts`): a build that finds everything in its store
 * never needs it. @spec manifest.md, image-index.md, config.md, descriptor.md
 */
import * as z from "zod/mini";

const digest = z.string().check(z.regex(/^sha256:[0-9a-f]{64}$/, 'expected "sha256:" and 64 lower-case hex digits'));
const count = z.int("expected a whole number").check(z.nonnegative("expected a number that is not negative"));
const mediaType = z
  .string()
  .check(
    z.regex(
      /^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}\/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}$/,
      "expected a media type",
    ),
  );
const name = z.string().check(z.minLength(1, "expected a name"));

/** Go writes `null` for what is absent, and readers in Go take it for that. */
function absentable<T extends z.ZodMiniType>(schema: T): z.ZodMiniOptional<z.ZodMiniNullable<T>> {
  return z.optional(z.nullable(schema));
}

const annotations = absentable(z.record(z.string(), z.string()));
const strings = absentable(z.array(z.string()));
const set = absentable(z.record(z.string(), z.nullable(z.looseObject({}))));

const platform = z.looseObject({
  os: z.string(),
  architecture: z.string(),
  variant: absentable(z.string()),
  "os.version": absentable(z.string()),
  "os.features": strings,
});

const descriptor = z.looseObject({
  mediaType,
  digest,
  size: count,
  annotations,
  platform: absentable(platform),
  urls: strings,
  artifactType: absentable(z.string()),
  data: absentable(z.string()),
});

const common = {
  schemaVersion: z.literal(2, "expected 2 (schema 1 is not supported)"),
  mediaType: absentable(mediaType),
  artifactType: absentable(z.string()),
  subject: absentable(descriptor),
  annotations,
};

export const ManifestSchema: z.ZodMiniType = z.looseObject({
  ...common,
  config: descriptor,
  layers: z.nullable(z.array(descriptor)),
});

export const ImageIndexSchema: z.ZodMiniType = z.looseObject({
  ...common,
  manifests: z.nullable(z.array(descriptor)),
});

const nanoseconds = absentable(z.int("expected a whole number"));

const executionConfig = z.looseObject({
  User: absentable(z.string()),
  ExposedPorts: set,
  Env: strings,
  Entrypoint: strings,
  Cmd: strings,
  Volumes: set,
  WorkingDir: absentable(z.string()),
  Labels: annotations,
  StopSignal: absentable(z.string()),
  ArgsEscaped: absentable(z.boolean()),
  Healthcheck: absentable(
    z.looseObject({
      Test: strings,
      Interval: nanoseconds,
      Timeout: nanoseconds,
      StartPeriod: nanoseconds,
      StartInterval: nanoseconds,
      Retries: absentable(z.int("expected a whole number")),
    }),
  ),
  OnBuild: strings,
  Shell: strings,
});

export const ImageConfigSchema: z.ZodMiniType = z.looseObject({
  os: name,
  architecture: name,
  variant: absentable(z.string()),
  "os.version": absentable(z.string()),
  "os.features": strings,
  created: absentable(z.string()),
  author: absentable(z.string()),
  config: absentable(executionConfig),
  rootfs: z.looseObject({
    type: z.literal("layers", 'expected "layers"'),
    diff_ids: z.nullable(z.array(digest)),
  }),
  history: absentable(
    z.array(
      z.looseObject({
        created: absentable(z.string()),
        created_by: absentable(z.string()),
        author: absentable(z.string()),
        comment: absentable(z.string()),
        empty_layer: absentable(z.boolean()),
      }),
    ),
  ),
});
