/**
 * The syntax tree of a Dockerfile: what the text says, before any variable is expanded.
 *
 * Every node knows its span, so the tree is lossless together with its `SourceText`. Words are kept as BuildKit's
 * parser keeps them: quotes, escapes and `$VAR` still inside, line continuations joined.
 */
import type { Diagnostic, Span } from "../errors.js";
import type { SourceText } from "../util/source-text.js";

/** A whole Dockerfile. Parsing never throws: what is wrong is in `diagnostics`, and what could be read is here. */
export interface Dockerfile {
  readonly source: SourceText;
  readonly directives: readonly Directive[];
  /** `\` or the backtick. */
  readonly escape: "\\" | "`";
  /** ARG instructions before the first FROM. */
  readonly globalArgs: readonly ArgInstruction[];
  readonly stages: readonly Stage[];
  /** Instructions that are left out of the tree because of an error in them, in order. */
  readonly rejected: readonly RejectedInstruction[];
  readonly comments: readonly Comment[];
  readonly diagnostics: readonly Diagnostic[];
}

/** What could be read of an instruction whose line has the right shape, but which makes no sense. It has one error. */
export interface RejectedInstruction {
  readonly span: Span;
  readonly keyword: Word;
  /** Arguments without flags, where the kind has words. */
  readonly words: readonly Word[];
  readonly docComment: readonly string[];
}

/** `# name=value` at the very top: `syntax`, `escape` or `check`. */
export interface Directive {
  readonly name: string;
  readonly value: string;
  readonly span: Span;
}

/** A comment line, also one between the lines of an instruction. Directives are not comments. */
export interface Comment {
  /** Text after `#`, blanks trimmed. */
  readonly text: string;
  readonly span: Span;
}

/** A FROM and what follows it. */
export interface Stage {
  readonly index: number;
  /** Lower-cased name after AS. */
  readonly name: string | undefined;
  /** What the comment above says of this stage: the rest of its first line that begins with the stage name. */
  readonly docComment: string | undefined;
  readonly from: FromInstruction;
  /** Without the FROM. */
  readonly instructions: readonly StageInstruction[];
}

/** A word as written (quotes and variables inside). */
export interface Word {
  readonly value: string;
  readonly span: Span;
}

/** `--name` or `--name=value` between the keyword and the arguments. */
export interface Flag {
  readonly name: string;
  /** `undefined` for a flag without `=`. Quotes and escapes are gone (flags are the only words where they are), `$VAR` is not. */
  readonly value: string | undefined;
  readonly span: Span;
  /** What follows the `=`, as written. */
  readonly valueSpan: Span | undefined;
}

/** `<<EOF` … `EOF`: a file written in place. */
export interface Heredoc {
  /** The delimiter, quotes removed. */
  readonly name: string;
  /**
   * Lines up to the delimiter, each with its newline, exactly as written: a RUN that is more than one heredoc passes them
   * on like this. `stripTabs` makes what `<<-` means; `SourceContent` and `RunScript` have it done.
   */
  readonly content: string;
  /** False when any part of the delimiter was quoted. */
  readonly expand: boolean;
  /** True for `<<-`. */
  readonly chomp: boolean;
  /** The file descriptor before `<<`, 0 when none is written. */
  readonly fileDescriptor: number;
  /** The `<<EOF` word. */
  readonly wordSpan: Span;
  /** The body with the closing delimiter line. */
  readonly bodySpan: Span;
}

export interface InstructionBase<K extends string> {
  readonly kind: K;
  /** From the keyword to the end of the last line, heredoc bodies included. */
  readonly span: Span;
  readonly keyword: Word;
  readonly flags: readonly Flag[];
  /** The logical line: continuations joined, comment lines within dropped, blanks trimmed; no heredoc bodies. */
  readonly text: string;
  readonly heredocs: readonly Heredoc[];
  /**
   * Comment lines above, since the instruction before or the last empty comment, `#` removed: documentation of a stage
   * or build argument.
   */
  readonly docComment: readonly string[];
}

export interface FromInstruction extends InstructionBase<"FROM"> {
  readonly image: Word;
  readonly platform: Word | undefined;
  /** The word AS, as written. */
  readonly asKeyword: Word | undefined;
  /** As written; `Stage.name` is its lower-cased form. */
  readonly as: Word | undefined;
}

/** Name with optional value; `delimited` is false for the old `ENV name value` form. */
export interface Pair {
  readonly key: Word;
  readonly value: Word;
  readonly delimited: boolean;
}

export interface ArgDefinition {
  readonly name: Word;
  readonly value: Word | undefined;
  /** The rest of the first comment line above that begins with this name. */
  readonly docComment: string | undefined;
}

export interface ArgInstruction extends InstructionBase<"ARG"> {
  readonly args: readonly ArgDefinition[];
}

/** Exec form (`["a", "b"]`) or shell form (the rest of the line). */
export type CommandLine =
  | { readonly form: "exec"; readonly args: readonly string[]; readonly span: Span }
  | { readonly form: "shell"; readonly line: string; readonly span: Span };

/** One `name` or `name=value` of `--mount`. */
export interface MountOption {
  /** Lower-cased. */
  readonly name: string;
  readonly value: string | undefined;
  /** As written, for messages. */
  readonly text: string;
}

/** One `--mount`. Values may hold variables, even that of `type`: `resolveMount` expands and checks them. */
export interface RunMount {
  /** In order, `type` among them. */
  readonly options: readonly MountOption[];
  readonly span: Span;
}

/** One `--device`. */
export interface RunDevice {
  readonly name: string;
  readonly required: boolean;
  readonly span: Span;
}

/** The body of a RUN that is one heredoc and nothing else: a script for the shell, or a program when it starts with `#!`. */
export interface RunScript {
  readonly name: string;
  /** Tabs stripped for `<<-`. Never expanded. */
  readonly content: string;
}

export interface RunInstruction extends InstructionBase<"RUN"> {
  readonly command: CommandLine;
  /** When it is `undefined` and there are `heredocs`, the shell gets the line, then `\n` content name for each heredoc. */
  readonly script: RunScript | undefined;
  readonly mounts: readonly RunMount[];
  /** `default`, `none` or `host`; checked. */
  readonly network: string | undefined;
  /** `sandbox` or `insecure`; checked. */
  readonly security: string | undefined;
  readonly devices: readonly RunDevice[];
}

/** A file written in place: a heredoc among the sources of COPY or ADD. */
export interface SourceContent {
  /** The delimiter: the file's name when the destination is a folder. */
  readonly name: string;
  /** Tabs stripped for `<<-`; variables not expanded. */
  readonly content: string;
  readonly expand: boolean;
  readonly span: Span;
}

/** Sources and destination shared by COPY and ADD. Heredoc sources are in `contents`, not in `sources`. */
export interface TransferInstruction<K extends "COPY" | "ADD"> extends InstructionBase<K> {
  readonly sources: readonly Word[];
  /** In order; they come after all `sources`. */
  readonly contents: readonly SourceContent[];
  readonly destination: Word;
  readonly chown: Word | undefined;
  readonly chmod: Word | undefined;
  readonly link: boolean;
  readonly exclude: readonly Word[];
}

export interface CopyInstruction extends TransferInstruction<"COPY"> {
  readonly from: Word | undefined;
  readonly parents: boolean;
}

export interface AddInstruction extends TransferInstruction<"ADD"> {
  readonly checksum: Word | undefined;
  readonly keepGitDir: boolean | undefined;
  readonly unpack: boolean | undefined;
}

export interface EnvInstruction extends InstructionBase<"ENV"> {
  readonly pairs: readonly Pair[];
}

export interface LabelInstruction extends InstructionBase<"LABEL"> {
  readonly pairs: readonly Pair[];
}

export interface WorkdirInstruction extends InstructionBase<"WORKDIR"> {
  readonly path: Word;
}

export interface UserInstruction extends InstructionBase<"USER"> {
  readonly user: Word;
}

export interface ExposeInstruction extends InstructionBase<"EXPOSE"> {
  /** As written. BuildKit sorts the words bytewise before it expands them. */
  readonly ports: readonly Word[];
}

export interface VolumeInstruction extends InstructionBase<"VOLUME"> {
  readonly paths: readonly Word[];
}

export interface CmdInstruction extends InstructionBase<"CMD"> {
  readonly command: CommandLine;
}

export interface EntrypointInstruction extends InstructionBase<"ENTRYPOINT"> {
  readonly command: CommandLine;
}

export interface ShellInstruction extends InstructionBase<"SHELL"> {
  readonly args: readonly string[];
}

export interface StopsignalInstruction extends InstructionBase<"STOPSIGNAL"> {
  readonly signal: Word;
}

export interface HealthcheckInstruction extends InstructionBase<"HEALTHCHECK"> {
  /** `NONE`, or the command with durations in nanoseconds (0 = not given). */
  readonly check:
    | { readonly type: "none" }
    | {
        readonly type: "cmd";
        readonly command: CommandLine;
        readonly intervalNs: number;
        readonly timeoutNs: number;
        readonly startPeriodNs: number;
        readonly startIntervalNs: number;
        readonly retries: number;
      };
}

export interface OnbuildInstruction extends InstructionBase<"ONBUILD"> {
  /** The text of the trigger with its heredocs, as it will stand in the image config. */
  readonly trigger: string;
}

export interface MaintainerInstruction extends InstructionBase<"MAINTAINER"> {
  readonly maintainer: string;
}

export type StageInstruction =
  | ArgInstruction
  | RunInstruction
  | CopyInstruction
  | AddInstruction
  | EnvInstruction
  | LabelInstruction
  | WorkdirInstruction
  | UserInstruction
  | ExposeInstruction
  | VolumeInstruction
  | CmdInstruction
  | EntrypointInstruction
  | ShellInstruction
  | StopsignalInstruction
  | HealthcheckInstruction
  | OnbuildInstruction
  | MaintainerInstruction;

export type Instruction = FromInstruction | StageInstruction;
