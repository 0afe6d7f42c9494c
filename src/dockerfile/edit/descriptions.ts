/**
 * What an instruction should be, without any text: the input of every edit that writes an instruction.
 *
 * An instruction of a tree is a description too, so one can be copied from another file, or spread and changed:
 * `{ ...copy, destination: "/srv" }`. Its words stand as they were written there.
 */
import type { CommandLine, HealthcheckInstruction, RunMount, RunScript } from "../ast.js";

/**
 * A word.
 *
 * - A string is the text that the word should mean: `$NAME` and `${NAME…}` stay references to variables, and what needs
 *   quotes or escapes gets them.
 * - `{ literal }` is text in which `$` too is an ordinary character.
 * - `{ value }`, like a `Word` of a tree, is taken as it is: quotes, escapes and variables are the caller's.
 */
export type Text = string | { readonly literal: string } | AsWritten;

/** Taken as it is. */
export interface AsWritten {
  readonly value: string;
}

/** A name, or another word in which variables are not expanded. */
export type Name = string | AsWritten;

/** A string is the shell form, a list of strings the exec form. */
export type Command = string | readonly string[] | CommandLine;

/** Values by name, in order. */
export type Assignments<V> = Readonly<Record<string, V>> | ReadonlyMap<string, V>;

export interface FromDescription {
  readonly kind: "FROM";
  readonly image: Text;
  readonly platform?: Text | undefined;
  readonly as?: Name | undefined;
}

export interface ArgDescription {
  readonly kind: "ARG";
  /** `undefined` for an argument without default value. */
  readonly args: Assignments<Text | undefined> | readonly { readonly name: Name; readonly value?: Text | undefined }[];
}

export interface PairsDescription<K extends "ENV" | "LABEL"> {
  readonly kind: K;
  /** `delimited: false` asks for the old form `ENV name value`, which takes one pair. */
  readonly pairs:
    | Assignments<Text>
    | readonly { readonly key: Text; readonly value: Text; readonly delimited?: boolean | undefined }[];
}

/** `type=cache,target=/x` as text, as options by name (`true` for one without value), or as a tree has it. */
export type Mount = string | Readonly<Record<string, Text | true>> | RunMount;

export interface RunDescription {
  readonly kind: "RUN";
  /** Left out when there is a `script`. */
  readonly command?: Command | undefined;
  /** Lines for the shell, or a program that begins with `#!`; written as a heredoc. */
  readonly script?: string | RunScript | undefined;
  /** Bodies of the heredocs that `command` opens, in order. */
  readonly heredocs?: readonly { readonly name: string; readonly content: string }[] | undefined;
  readonly mounts?: readonly Mount[] | undefined;
  readonly network?: string | undefined;
  readonly security?: string | undefined;
  readonly devices?: readonly (string | { readonly name: string; readonly required?: boolean })[] | undefined;
}

/** A file written in place. */
export interface ContentDescription {
  /** The delimiter, and the file's name when the destination is a folder. `EOF` unless given. */
  readonly name?: string | undefined;
  /** Empty, or lines that each end in a newline. */
  readonly content: string;
  /** Whether variables are expanded in it; false unless given. */
  readonly expand?: boolean | undefined;
}

export interface TransferDescription<K extends "COPY" | "ADD"> {
  readonly kind: K;
  readonly sources?: readonly Text[] | undefined;
  /** They are written after the `sources`. */
  readonly contents?: readonly ContentDescription[] | undefined;
  readonly destination: Text;
  readonly chown?: Text | undefined;
  readonly chmod?: Text | undefined;
  readonly link?: boolean | undefined;
  readonly exclude?: readonly Name[] | undefined;
}

export interface CopyDescription extends TransferDescription<"COPY"> {
  readonly from?: Name | undefined;
  readonly parents?: boolean | undefined;
}

export interface AddDescription extends TransferDescription<"ADD"> {
  readonly checksum?: Text | undefined;
  readonly keepGitDir?: boolean | undefined;
  readonly unpack?: boolean | undefined;
}

/** A command that checks, with times as a Dockerfile has them (`30s`, `1m30s`). */
export interface CheckDescription {
  readonly command: Command;
  readonly interval?: string | undefined;
  readonly timeout?: string | undefined;
  readonly startPeriod?: string | undefined;
  readonly startInterval?: string | undefined;
  readonly retries?: number | undefined;
}

export interface HealthcheckDescription {
  readonly kind: "HEALTHCHECK";
  readonly check: "none" | CheckDescription | HealthcheckInstruction["check"];
}

export interface OnbuildDescription {
  readonly kind: "ONBUILD";
  /** An instruction, or its text in one line (heredoc bodies below it). */
  readonly trigger: string | InstructionDescription;
}

/** An instruction to be written. */
export type InstructionDescription =
  | FromDescription
  | ArgDescription
  | PairsDescription<"ENV">
  | PairsDescription<"LABEL">
  | RunDescription
  | CopyDescription
  | AddDescription
  | { readonly kind: "WORKDIR"; readonly path: Text }
  | { readonly kind: "USER"; readonly user: Text }
  | { readonly kind: "STOPSIGNAL"; readonly signal: Text }
  | { readonly kind: "MAINTAINER"; readonly maintainer: string }
  | { readonly kind: "EXPOSE"; readonly ports: readonly (Text | number)[] }
  | { readonly kind: "VOLUME"; readonly paths: readonly Text[] }
  | { readonly kind: "CMD"; readonly command: Command }
  | { readonly kind: "ENTRYPOINT"; readonly command: Command }
  | { readonly kind: "SHELL"; readonly args: readonly string[] }
  | HealthcheckDescription
  | OnbuildDescription;

/** The description of one kind. */
export type DescriptionOf<K extends InstructionDescription["kind"]> = Extract<
  InstructionDescription,
  { readonly kind: K }
>;
