/** Every option that `build` knows. Parsing, `--help`, suggestions and the tests all read this one list. */
import { type BuildRequest, emptyRequest } from "./build-request.js";
import type { CommandLineOption, HonouredOption, OptionTable } from "./option.js";
import { REFUSED_OPTIONS } from "./refused-options.js";
import { RUN_OPTIONS } from "./run-entries.js";

/** The options that do something, in the order of `--help`. */
export const HONOURED_OPTIONS: readonly HonouredOption<BuildRequest>[] = [
  {
    kind: "value",
    name: "file",
    short: "f",
    placeholder: "path",
    group: "What to build",
    help: 'Dockerfile to read instead of "PATH/Dockerfile": a path, a URL, or "-" for standard input',
    apply: (request, value) => {
      request.file = value;
    },
  },
  {
    kind: "value",
    name: "target",
    placeholder: "stage",
    group: "What to build",
    help: "Stage to build, by name or number (default: the last one)",
    apply: (request, value) => {
      request.target = value;
    },
  },
  {
    kind: "value",
    name: "build-arg",
    placeholder: "name[=value]",
    group: "What to build",
    help: "Value of an ARG; without a value that of the environment variable of this name (repeat)",
    apply: (request, value) => request.buildArgs.push(value),
  },
  {
    kind: "value",
    name: "build-context",
    placeholder: "name=source",
    group: "What to build",
    help: "Further files for COPY --from and FROM: a folder, a URL, docker-image://REF or oci-layout://DIR (repeat)",
    apply: (request, value) => request.buildContexts.push(value),
  },
  {
    kind: "value",
    name: "platform",
    placeholder: "os/arch",
    group: "What to build",
    help: "Platform of the image, for example linux/arm64; several make an image index (repeat, or separate by commas)",
    apply: (request, value) => request.platforms.push(value),
  },
  ...RUN_OPTIONS,
  {
    kind: "value",
    name: "tag",
    short: "t",
    placeholder: "name[:tag]",
    group: "Result",
    help: "Name of the image, [registry/]repository[:tag] (repeat)",
    apply: (request, value) => request.tags.push(value),
  },
  {
    kind: "switch",
    name: "check",
    group: "Instead of building",
    help: "Check the Dockerfile: the same as --call check",
    apply: (request, on) => {
      if (on) request.call = "check";
    },
  },
  {
    kind: "value",
    name: "call",
    placeholder: "method",
    group: "Instead of building",
    help:
      "check: what the build checks find (exit code 1 when they do); outline: what a build can be told; " +
      "targets: what can be built; each with [,format=json][,ignorestatus=true]",
    apply: (request, value) => {
      request.call = value;
    },
  },
  {
    kind: "value",
    name: "label",
    placeholder: "key=value",
    group: "Result",
    help: "Label in the image's config (repeat)",
    apply: (request, value) => request.labels.push(value),
  },
  {
    kind: "value",
    name: "annotation",
    placeholder: "[scope:]key=value",
    group: "Result",
    help: 'Annotation of the manifest, or with the scope "index" of the image index (repeat)',
    apply: (request, value) => request.annotations.push(value),
  },
  {
    kind: "value",
    name: "output",
    short: "o",
    placeholder: "spec",
    group: "Result",
    help:
      'Where the result goes: "out.tar" or a folder for the root file system, ' +
      "type=oci|docker|image|registry|local|tar|cacheonly[,dest=path][,name=…]… (repeat; default: the local store)",
    apply: (request, value) => request.outputs.push(value),
  },
  {
    kind: "switch",
    name: "push",
    group: "Result",
    help: "Push the image under its tags: the same as --output type=registry",
    apply: (request, on) => {
      request.push = on;
    },
  },
  {
    kind: "switch",
    name: "load",
    group: "Result",
    help: "Load the image into the docker engine, which is asked first what it has: the same as --output type=docker",
    apply: (request, on) => {
      request.load = on;
    },
  },
  {
    kind: "value",
    name: "compression",
    placeholder: "kind",
    group: "Result",
    help: "Compression of new layers: gzip, zstd or uncompressed (default: gzip)",
    apply: (request, value) => {
      request.compression = value;
    },
  },
  {
    kind: "value",
    name: "compression-level",
    placeholder: "n",
    group: "Result",
    help: "0 to 9 for gzip (default: 4), 1 to 22 for zstd (default: 3)",
    apply: (request, value) => {
      request.compressionLevel = value;
    },
  },
  {
    kind: "switch",
    name: "reproducible",
    group: "Result",
    help: "Take all times from the input: the same input gives the same digest. See also SOURCE_DATE_EPOCH",
    apply: (request, on) => {
      request.reproducible = on;
    },
  },
  {
    kind: "value",
    name: "iidfile",
    placeholder: "path",
    group: "Result",
    help: "Write the image ID to a file",
    apply: (request, value) => {
      request.iidFile = value;
    },
  },
  {
    kind: "value",
    name: "metadata-file",
    placeholder: "path",
    group: "Result",
    help: "Write digests and names to a file, as JSON",
    apply: (request, value) => {
      request.metadataFile = value;
    },
  },
  {
    kind: "value",
    name: "cache-from",
    placeholder: "spec",
    group: "Cache",
    help:
      "Cache to ask for what the store does not know: a reference, type=registry,ref=…, type=local,src=…, " +
      "type=s3,region=…,bucket=… or type=gha; with mounts=true it fills new cache mounts, too (repeat; the first that has it counts)",
    apply: (request, value) => request.cacheFrom.push(value),
  },
  {
    kind: "value",
    name: "cache-to",
    placeholder: "spec",
    group: "Cache",
    help:
      "Cache to write to: type=registry,ref=…, type=local,dest=…, type=s3,region=…,bucket=…, type=gha or type=inline, with " +
      "mode=min (layers of the image) or mode=max (of all stages), and mounts=true for cache mounts (repeat)",
    apply: (request, value) => request.cacheTo.push(value),
  },
  {
    kind: "switch",
    name: "no-cache",
    group: "Cache",
    help: "Do all steps anew",
    apply: (request, on) => {
      request.noCache = on;
    },
  },
  {
    kind: "value",
    name: "no-cache-filter",
    placeholder: "stage",
    group: "Cache",
    help: "Do the steps of this stage anew (repeat, or separate by commas)",
    apply: (request, value) => request.noCacheFilters.push(value),
  },
  {
    kind: "switch",
    name: "explain",
    group: "Cache",
    help: "Say why each step that runs is not in the cache: which file, argument, image or earlier step changed",
    apply: (request, on) => {
      request.explain = on;
    },
  },
  {
    kind: "switch",
    name: "require-cache",
    group: "Cache",
    help: "Fail at the first step that is not in the cache, and say why it is not",
    apply: (request, on) => {
      request.requireCache = on;
    },
  },
  {
    kind: "value",
    name: "context-modes",
    placeholder: "how",
    group: "Cache",
    help: "Modes of files in build contexts: as they are (keep), or 0644 and 0755 as git has them (git) (default: keep)",
    apply: (request, value) => {
      request.contextModes = value;
    },
  },
  {
    kind: "switch",
    name: "pull",
    group: "Cache",
    help: "Ask the registry for base images even when the store has them",
    apply: (request, on) => {
      request.pull = on;
    },
  },
  {
    kind: "value",
    name: "root",
    placeholder: "folder",
    group: "Cache",
    help: "Folder of the store (default: $OCIBUILD_ROOT, else ocibuild in the user's data folder)",
    apply: (request, value) => {
      request.root = value;
    },
  },
  {
    kind: "value",
    name: "store-limit",
    placeholder: "bytes",
    group: "Cache",
    help:
      "Most that the store takes, for example 20GB: before more is written, what was used least recently goes " +
      "(default: $OCIBUILD_STORE_LIMIT, else 60 % of the disk, at most 100GB)",
    apply: (request, value) => {
      request.storeLimit = value;
    },
  },
  {
    kind: "value",
    name: "registry-mirror",
    placeholder: "host=url",
    group: "Registries",
    help: "Where to look first for images of a registry, for example docker.io=http://127.0.0.1:5000 (repeat)",
    apply: (request, value) => request.registryMirrors.push(value),
  },
  {
    kind: "value",
    name: "insecure-registry",
    placeholder: "host",
    group: "Registries",
    help: "Allow plain HTTP and unknown certificates for this host[:port] (repeat)",
    apply: (request, value) => request.insecureRegistries.push(value),
  },
  {
    kind: "value",
    name: "progress",
    placeholder: "how",
    group: "Messages",
    help: "How progress is shown: auto, tty, plain, rawjson or quiet (default: auto)",
    apply: (request, value) => {
      request.progress = value;
    },
  },
  {
    kind: "switch",
    name: "quiet",
    short: "q",
    group: "Messages",
    help: "Show nothing but the digest, and errors",
    apply: (request, on) => {
      request.quiet = on;
    },
  },
  {
    kind: "switch",
    name: "help",
    short: "h",
    group: "Messages",
    help: "Show this and do nothing",
    apply: (request, on) => {
      request.help = on;
    },
  },
  {
    kind: "switch",
    name: "version",
    short: "v",
    group: "Messages",
    help: "Show the version and do nothing",
    apply: (request, on) => {
      request.version = on;
    },
  },
];

export const ALL_OPTIONS: readonly CommandLineOption<BuildRequest>[] = [...HONOURED_OPTIONS, ...REFUSED_OPTIONS];

export const BUILD_OPTIONS: OptionTable<BuildRequest> = {
  options: ALL_OPTIONS,
  groups: ["What to build", "Instead of building", "RUN", "Result", "Cache", "Registries", "Messages"],
  emptyRequest,
};
