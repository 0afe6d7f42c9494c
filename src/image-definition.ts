/**
 * Images as values: a Dockerfile written in code. Every method gives a new definition, so definitions can be shared, kept
 * and varied. What is built is the Dockerfile text that `toDockerfile()` shows, with the same steps and cache keys.
 */
import { posix } from "node:path";
import { type Built, runBuild } from "./build.js";
import { memory } from "./context/context-source.js";
import type {
  AddDescription,
  CheckDescription,
  Command,
  CopyDescription,
  InstructionDescription,
  RunDescription,
  Text,
} from "./dockerfile/edit/descriptions.js";
import { formatInstruction } from "./dockerfile/edit/format-instruction.js";
import { OcibuildError } from "./errors.js";
import type { BuildOptions } from "./options.js";

/** Name of the context that holds what `file()` was given. */
const FILES_CONTEXT = "ocibuild-files";

type Values = Readonly<Record<string, Text>>;
type TransferOptions = Pick<CopyDescription, "chown" | "chmod" | "link" | "exclude">;

/** What `copy()` can be told beside sources and destination. */
export interface CopyOptions extends TransferOptions {
  /** Another definition, or the name of an image or build context; the build context unless given. */
  readonly from?: ImageDefinition | string;
  readonly parents?: boolean;
}

/** What `build()` of a definition takes: everything but the Dockerfile, which it is itself. */
export type DefinitionBuildOptions = Omit<BuildOptions, "context" | "file" | "dockerfile"> & {
  /** Empty unless given. */
  readonly context?: BuildOptions["context"];
};

interface InlineFile {
  readonly content: string | Buffer;
}

/** One line of a definition: an instruction, perhaps with a definition or a file that it reads. */
interface Line {
  readonly describe: (names: StageNames) => InstructionDescription;
  readonly reads?: ImageDefinition;
}

export class ImageDefinition {
  readonly #base: ImageDefinition | Text;
  readonly #platform: Text | undefined;
  readonly #lines: readonly Line[];

  private constructor(base: ImageDefinition | Text, platform: Text | undefined, lines: readonly Line[]) {
    this.#base = base;
    this.#platform = platform;
    this.#lines = lines;
  }

  /** Starts from an image (`scratch` for none) or from another definition. */
  static from(base: ImageDefinition | Text, options: { readonly platform?: Text } = {}): ImageDefinition {
    return new ImageDefinition(base, options.platform, []);
  }

  /** Adds any instruction, as `ocibuild/dockerfile` describes it. */
  instruction(description: InstructionDescription): ImageDefinition {
    return this.#with({ describe: () => description });
  }

  /** A string is for the shell, a list is run as it is. */
  run(command: Command, options: Omit<RunDescription, "kind" | "command"> = {}): ImageDefinition {
    return this.instruction({ kind: "RUN", command, ...options });
  }

  copy(sources: Text | readonly Text[], destination: Text, options: CopyOptions = {}): ImageDefinition {
    const { from, ...rest } = options;
    const transfer = { kind: "COPY", sources: list(sources), destination, ...rest } as const;
    if (!(from instanceof ImageDefinition)) return this.instruction({ ...transfer, from });
    return this.#with({ reads: from, describe: (names) => ({ ...transfer, from: names.of(from) }) });
  }

  /** Like `copy`, and archives are unpacked and URLs fetched. */
  add(
    sources: Text | readonly Text[],
    destination: Text,
    options: TransferOptions & Pick<AddDescription, "checksum" | "keepGitDir" | "unpack"> = {},
  ): ImageDefinition {
    return this.instruction({ kind: "ADD", sources: list(sources), destination, ...options });
  }

  /** Writes a file with this content; `path` is absolute or relative to the working directory. */
  file(path: string, content: string | Buffer, options: TransferOptions = {}): ImageDefinition {
    if (path === "" || path.endsWith("/")) {
      throw new OcibuildError("OPTIONS_INVALID", `file() expected the path of a file but got "${path}"`, {
        details: { option: "file" },
      });
    }
    return this.#with({
      describe: (names) => ({
        kind: "COPY",
        from: FILES_CONTEXT,
        sources: [{ literal: names.addFile(posix.basename(path), { content }) }],
        destination: { literal: path },
        ...options,
      }),
    });
  }

  arg(args: Readonly<Record<string, Text | undefined>>): ImageDefinition {
    return this.instruction({ kind: "ARG", args });
  }

  env(pairs: Values): ImageDefinition {
    return this.instruction({ kind: "ENV", pairs });
  }

  label(pairs: Values): ImageDefinition {
    return this.instruction({ kind: "LABEL", pairs });
  }

  workdir(path: Text): ImageDefinition {
    return this.instruction({ kind: "WORKDIR", path });
  }

  user(user: Text): ImageDefinition {
    return this.instruction({ kind: "USER", user });
  }

  expose(...ports: readonly (Text | number)[]): ImageDefinition {
    return this.instruction({ kind: "EXPOSE", ports });
  }

  volume(...paths: readonly Text[]): ImageDefinition {
    return this.instruction({ kind: "VOLUME", paths });
  }

  cmd(command: Command): ImageDefinition {
    return this.instruction({ kind: "CMD", command });
  }

  entrypoint(command: Command): ImageDefinition {
    return this.instruction({ kind: "ENTRYPOINT", command });
  }

  shell(args: readonly string[]): ImageDefinition {
    return this.instruction({ kind: "SHELL", args });
  }

  stopSignal(signal: Text): ImageDefinition {
    return this.instruction({ kind: "STOPSIGNAL", signal });
  }

  healthcheck(check: "none" | CheckDescription): ImageDefinition {
    return this.instruction({ kind: "HEALTHCHECK", check });
  }

  /** The Dockerfile that this is; files given to `file()` are in a build context named `ocibuild-files`. */
  toDockerfile(): string {
    return this.#write().text;
  }

  /** Builds it. @throws OcibuildError; see `build()` */
  async build(options: DefinitionBuildOptions = {}): Promise<Built> {
    const { text, files } = this.#write();
    const { context = { kind: "empty" }, buildContexts, ...rest } = options;
    const contexts = files.size === 0 ? {} : { [FILES_CONTEXT]: memory(Object.fromEntries(files)) };
    const all: BuildOptions = { ...rest, context, dockerfile: text, buildContexts: { ...buildContexts, ...contexts } };
    const { checkOptions } = await import("./options-schema.js");
    checkOptions(all);
    return runBuild(all);
  }

  #with(line: Line): ImageDefinition {
    return new ImageDefinition(this.#base, this.#platform, [...this.#lines, line]);
  }

  #write(): { readonly text: string; readonly files: ReadonlyMap<string, string | Buffer> } {
    const names = new StageNames();
    const stages: string[] = [];
    const write = (definition: ImageDefinition): void => {
      if (names.has(definition)) return;
      const base = definition.#base;
      if (base instanceof ImageDefinition) write(base);
      for (const { reads } of definition.#lines) if (reads !== undefined) write(reads);
      const isResult = definition === this;
      const as = isResult ? undefined : names.add(definition);
      const image = base instanceof ImageDefinition ? names.of(base) : base;
      const from = { kind: "FROM", image, platform: definition.#platform, as } as const;
      const lines = [from, ...definition.#lines.map(({ describe }) => describe(names))];
      stages.push(lines.map((line) => formatInstruction(line)).join("\n"));
    };
    write(this);
    return { text: `${stages.join("\n\n")}\n`, files: names.files };
  }
}

/** Names for the stages and files of one Dockerfile. */
class StageNames {
  readonly files = new Map<string, string | Buffer>();
  readonly #names = new Map<ImageDefinition, string>();

  has(definition: ImageDefinition): boolean {
    return this.#names.has(definition);
  }

  add(definition: ImageDefinition): string {
    const name = `stage-${this.#names.size}`;
    this.#names.set(definition, name);
    return name;
  }

  of(definition: ImageDefinition): string {
    return this.#names.get(definition)!;
  }

  /** The path of a new file in the context of files. */
  addFile(name: string, { content }: InlineFile): string {
    // Sources are patterns: nothing in the name may be one.
    const path = `${this.files.size}/${name.replace(/[^A-Za-z0-9._-]/g, "_")}`;
    this.files.set(path, content);
    return path;
  }
}

function list(sources: Text | readonly Text[]): readonly Text[] {
  return Array.isArray(sources) ? (sources as readonly Text[]) : [sources as Text];
}

/**
 * An image to be built from `base` (`scratch` for none, or another definition).
 *
 * @example
 * const app = image("node:24").workdir("/app").copy(["package.json"], "./").cmd(["node", "."]);
 * await app.build({ context: ".", tags: ["app:dev"] });
 */
export function image(base: ImageDefinition | Text, options: { readonly platform?: Text } = {}): ImageDefinition {
  return ImageDefinition.from(base, options);
}
