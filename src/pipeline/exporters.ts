/** `--output` values → exporters, each with the form in which it wants the image. */
import { resolve } from "node:path";
import type { Store } from "../cache/store.js";
import { type Compression, DEFAULT_GZIP_LEVEL, DEFAULT_ZSTD_LEVEL } from "../compression/compression.js";
import { OcibuildError } from "../errors.js";
import type { ImagePusher } from "../oci/pusher.js";
import { parseReference, type Reference } from "../oci/reference.js";
import type { Exporter } from "../output/exporter.js";
import { localStore } from "../output/local-store.js";
import type { Destination } from "../output/output-file.js";
import { type ImageAttributes, type OutputSpec, parseOutputSpec } from "../output/parse-output-spec.js";
import type { RegistryClient } from "../registry/client.js";
import type { ImageForm } from "./assemble.js";

export interface ExporterOptions {
  readonly outputs: readonly (string | OutputSpec)[];
  readonly tags: readonly string[];
  readonly push: boolean;
  readonly compression: Compression;
  readonly annotations: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly stdout: NodeJS.WritableStream;
  readonly store: Store;
  readonly client: () => Promise<RegistryClient>;
  /** Environment of this process: where the engine is. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** One output of a build. */
export interface PlannedOutput {
  readonly spec: OutputSpec;
  /** Full names that the image gets there. */
  readonly names: readonly Reference[];
  readonly form: ImageForm;
  /** Whether the output reads every layer's blob, so that fetching them side by side pays. */
  readonly readsBlobs: boolean;
  /** Whether the output reads the flattened root file system. */
  readonly readsRootfs: boolean;
  /** What the output pushes with, where it does: one for all that is pushed to its names, early or late. */
  readonly pusher?: () => Promise<ImagePusher>;
  create(): Promise<Exporter | undefined>;
}

/** Decides the outputs before anything is built. @throws OPTIONS_…, OUTPUT_INVALID, REFERENCE_INVALID */
export function planOutputs(options: ExporterOptions): readonly PlannedOutput[] {
  const specs = options.outputs.map((output) => (typeof output === "string" ? parseOutputSpec(output) : output));
  if (options.push) specs.push(imageSpec(true));
  if (specs.length === 0) specs.push(imageSpec(false));
  const tags = options.tags.map(parseTag);
  const toStdout = specs.filter((spec) => "dest" in spec && spec.dest === "-");
  if (toStdout.length > 1) {
    throw new OcibuildError("OPTIONS_INVALID", "only one output can go to standard output", {
      details: { option: "output" },
    });
  }
  return specs.map((spec) => plannedOutput(spec, tags, options));
}

function plannedOutput(spec: OutputSpec, tags: readonly Reference[], options: ExporterOptions): PlannedOutput {
  const attributes = "image" in spec ? spec.image : undefined;
  const names = attributes !== undefined && attributes.names.length > 0 ? attributes.names.map(parseTag) : tags;
  if (spec.type === "image" && spec.push && names.length === 0) {
    throw new OcibuildError("OPTIONS_INVALID", "a push needs a name, but there is none", {
      details: { option: "push" },
      hint: "Add --tag HOST/NAME:TAG, or name= to the output.",
    });
  }
  assertPossible(spec);
  const readsBlobs = spec.type === "oci" || spec.type === "docker" || (spec.type === "image" && !spec.push);
  const readsRootfs = spec.type === "local" || spec.type === "tar";
  const pusher = spec.type === "image" && spec.push ? pusherOf(options) : undefined;
  return {
    spec,
    names,
    form: formOf(attributes, options),
    readsBlobs,
    readsRootfs,
    ...(pusher === undefined ? {} : { pusher }),
    create: () => create(spec, options, pusher),
  };
}

/** The pusher, made when it is first needed. */
function pusherOf({ client }: ExporterOptions): () => Promise<ImagePusher> {
  let pusher: Promise<ImagePusher> | undefined;
  const make = async (): Promise<ImagePusher> => {
    const [{ registryPusher }, { sharedPusher }] = await Promise.all([
      import("../registry/push.js"),
      import("../output/shared-pusher.js"),
    ]);
    return sharedPusher(registryPusher(await client()));
  };
  return () => {
    pusher ??= make();
    return pusher;
  };
}

function imageSpec(push: boolean): OutputSpec {
  return { type: "image", push, pushByDigest: false, insecure: false, image: { names: [], annotations: [] } };
}

function parseTag(text: string): Reference {
  const reference = parseReference(text);
  if (reference.digest === undefined) return reference;
  throw new OcibuildError("REFERENCE_INVALID", `tag "${text}" expected a name but got a digest`, {
    details: { reference: text },
    hint: "The digest of an image is what comes out of a build.",
  });
}

function formOf(attributes: ImageAttributes | undefined, options: ExporterOptions): ImageForm {
  const annotations = new Map<string, string>();
  const indexAnnotations = new Map<string, string>();
  for (const [key, value] of Object.entries(options.annotations)) {
    const [, scopes, platform, name] = /^(?:([a-z,-]+)(\[[^\]]*\])?:)?(.*)$/s.exec(key)!;
    if (platform !== undefined) throw unsupportedAnnotation(`annotation ${scopes}${platform}`);
    for (const scope of (scopes ?? "manifest").split(",")) annotationsOf(scope).set(name!, value);
  }
  for (const { scope, platform, key, value } of attributes?.annotations ?? []) {
    if (platform !== undefined) throw unsupportedAnnotation(`annotation[${platform.os}/${platform.architecture}]`);
    annotationsOf(scope).set(key, value);
  }
  const form: ImageForm = {
    mediaTypes: attributes?.ociMediaTypes === false ? "docker" : "oci",
    compression: compressionOf(attributes, options.compression),
    forceCompression: attributes?.forceCompression ?? false,
    annotations,
    indexAnnotations,
  };
  if (form.mediaTypes === "docker" && annotations.size + indexAnnotations.size > 0) {
    throw new OcibuildError("OPTIONS_INVALID", "Docker's media types have no annotations", {
      details: { option: "annotation" },
      hint: "Leave oci-mediatypes=false out.",
    });
  }
  return form;

  function annotationsOf(scope: string): Map<string, string> {
    if (scope === "manifest") return annotations;
    if (scope === "index") return indexAnnotations;
    throw unsupportedAnnotation(`annotation-${scope}`);
  }
}

function unsupportedAnnotation(option: string): OcibuildError<"OPTIONS_UNSUPPORTED"> {
  return new OcibuildError("OPTIONS_UNSUPPORTED", `"${option}" is not supported`, {
    details: { option },
    hint: 'Annotations can be put on the manifest or, with "index:", on the index.',
  });
}

function compressionOf(attributes: ImageAttributes | undefined, fallback: Compression): Compression {
  const kind = attributes?.compression ?? fallback.kind;
  if (kind === "uncompressed") return { kind };
  const same = fallback.kind === kind ? fallback.level : undefined;
  const level = attributes?.compressionLevel ?? same ?? (kind === "gzip" ? DEFAULT_GZIP_LEVEL : DEFAULT_ZSTD_LEVEL);
  return { kind, level };
}

async function create(
  spec: OutputSpec,
  options: ExporterOptions,
  pusher: PlannedOutput["pusher"],
): Promise<Exporter | undefined> {
  switch (spec.type) {
    case "oci": {
      if (!spec.tar) {
        const { ociLayout } = await import("../output/oci-layout.js");
        return ociLayout(resolve(options.cwd, spec.dest ?? ""));
      }
      const { ociArchive } = await import("../output/oci-archive.js");
      return ociArchive(destination(spec.dest ?? "", options));
    }
    case "docker": {
      if (spec.dest === undefined) {
        const { dockerEngine } = await import("../output/docker-engine.js");
        return dockerEngine(async () => {
          const { EngineStore } = await import("../executor/docker/engine-store.js");
          return new EngineStore(options.env);
        });
      }
      const { dockerArchive } = await import("../output/docker-archive.js");
      return dockerArchive(destination(spec.dest, options));
    }
    case "image": {
      if (!spec.push || pusher === undefined) return localStore(options.store);
      const { registryExporter } = await import("../output/registry.js");
      return registryExporter(await pusher(), { byDigest: spec.pushByDigest });
    }
    case "local": {
      const { rootfsFolder } = await import("../output/rootfs-folder.js");
      return rootfsFolder(resolve(options.cwd, spec.dest), rootfsOptions(spec));
    }
    case "tar": {
      const { rootfsTar } = await import("../output/rootfs-tar.js");
      return rootfsTar(destination(spec.dest, options), rootfsOptions(spec));
    }
    case "cacheonly":
      return undefined;
    default:
      return spec satisfies never;
  }
}

function rootfsOptions(spec: OutputSpec & { readonly type: "local" | "tar" }): object {
  return {
    ...(spec.platformSplit === undefined ? {} : { platformSplit: spec.platformSplit }),
    ...(spec.sourceDateEpoch === undefined ? {} : { epochSeconds: spec.sourceDateEpoch }),
  };
}

function destination(dest: string, options: ExporterOptions): Destination {
  return dest === "-" ? { stream: options.stdout, name: "standard output" } : { path: resolve(options.cwd, dest) };
}

/** Said before anything is built. @throws OPTIONS_INVALID, OPTIONS_UNSUPPORTED */
function assertPossible(spec: OutputSpec): void {
  switch (spec.type) {
    case "oci":
      if (!spec.tar && (spec.dest === undefined || spec.dest === "" || spec.dest === "-")) {
        throw needsDest("type=oci,tar=false", "a folder");
      }
      if (spec.dest === undefined || spec.dest === "") throw needsDest("type=oci", "a file");
      return;
    case "docker":
      if (spec.dest === "") throw needsDest("type=docker", "a file");
      return;
    case "tar":
      if (spec.dest === undefined || spec.dest === "") throw needsDest(`type=${spec.type}`, "a file");
      return;
    case "image":
      if (!spec.insecure) return;
      throw new OcibuildError("OPTIONS_UNSUPPORTED", '"registry.insecure=true" is not supported', {
        details: { option: "output registry.insecure" },
        hint: "Name the host with --insecure-registry HOST.",
      });
    case "local":
    case "cacheonly":
      return;
    default:
      spec satisfies never;
  }
}

function needsDest(output: string, what: string): OcibuildError<"OPTIONS_INVALID"> {
  return new OcibuildError("OPTIONS_INVALID", `"--output ${output}" expected dest to be ${what} but got none`, {
    details: { option: "output" },
    hint: "Add dest=PATH, or dest=- for standard output.",
  });
}
