/** What a stage asks its caller for, noted while it is planned: build arguments, secrets, SSH agents. */
import type { ArgDefinition } from "../dockerfile/ast.js";
import type { Span } from "../errors.js";

/** A build argument as it was declared. */
export interface ArgFacts {
  readonly definition: ArgDefinition;
  /** What it stands for; empty when it has no value. */
  readonly value: string;
  /** Of the ARG instruction. */
  readonly span: Span;
  /** Build arguments that its default uses. */
  readonly uses: ReadonlySet<string>;
}

/** A secret or an SSH agent that a RUN wants. */
export interface MountFacts {
  readonly required: boolean;
  /** Of the RUN instruction. */
  readonly span: Span;
}

export interface OutlineRecord {
  /** Declared in the stage, by name. What is not here may be of the global scope. */
  readonly args: Map<string, ArgFacts>;
  /** Declared in the stage, or used in its FROM. */
  readonly usedArgs: Set<string>;
  /** By id. */
  readonly secrets: Map<string, MountFacts>;
  readonly ssh: Map<string, MountFacts>;
}

export function emptyRecord(): OutlineRecord {
  return { args: new Map(), usedArgs: new Set(), secrets: new Map(), ssh: new Map() };
}
