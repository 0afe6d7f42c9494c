/** `ocibuild/dockerfile`: the Dockerfile parser on its own, without a build. */
export type { Diagnostic, Severity, SourceLocation, Span } from "../errors.js";
export { lineAt, locate, positionAt, type SourceText, sourceText } from "../util/source-text.js";
export { assertValid } from "./assert-valid.js";
export type {
  AddInstruction,
  ArgDefinition,
  ArgInstruction,
  CmdInstruction,
  CommandLine,
  Comment,
  CopyInstruction,
  Directive,
  Dockerfile,
  EntrypointInstruction,
  EnvInstruction,
  ExposeInstruction,
  Flag,
  FromInstruction,
  HealthcheckInstruction,
  Heredoc,
  Instruction,
  InstructionBase,
  LabelInstruction,
  MaintainerInstruction,
  MountOption,
  OnbuildInstruction,
  Pair,
  RejectedInstruction,
  RunDevice,
  RunInstruction,
  RunMount,
  RunScript,
  ShellInstruction,
  SourceContent,
  Stage,
  StageInstruction,
  StopsignalInstruction,
  TransferInstruction,
  UserInstruction,
  VolumeInstruction,
  Word,
  WorkdirInstruction,
} from "./ast.js";
export type {
  AddDescription,
  ArgDescription,
  Assignments,
  AsWritten,
  CheckDescription,
  Command,
  ContentDescription,
  CopyDescription,
  DescriptionOf,
  FromDescription,
  HealthcheckDescription,
  InstructionDescription,
  Mount,
  Name,
  OnbuildDescription,
  PairsDescription,
  RunDescription,
  Text,
  TransferDescription,
} from "./edit/descriptions.js";
export { editDockerfile, formatDockerfile } from "./edit/edit-dockerfile.js";
export {
  appendStage,
  appendToStage,
  type Content,
  type Edit,
  insertAfter,
  insertBefore,
  remove,
  replaceInstruction,
  setDirective,
  setValue,
  updateInstruction,
} from "./edit/edits.js";
export { formatInstruction } from "./edit/format-instruction.js";
export type { InstructionStyle } from "./edit/print-parts.js";
export { type ExpandOptions, type Expansion, expandWord, type Variables } from "./expand.js";
export { listTargets, type Target } from "./list-targets.js";
export { type ParsedInstruction, type ParseLimits, parseDockerfile, parseInstruction } from "./parse.js";
export {
  type CacheSharing,
  type MountProblem,
  type MountType,
  type ResolvedMount,
  resolveMount,
} from "./resolve-mount.js";
