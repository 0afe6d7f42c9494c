/** The stages of a Dockerfile that can be built, as `--call targets` lists them. */
import { type LineRange, linesOf } from "../util/source-text.js";
import { assertValid } from "./assert-valid.js";
import type { Dockerfile } from "./ast.js";

export interface Target {
  /** `undefined` for a stage without name. */
  readonly name: string | undefined;
  /** True for the stage that is built when none is asked for: the last one. */
  readonly isDefault: boolean;
  /** What the comment above the stage says of it. */
  readonly description: string | undefined;
  /** The image of its FROM, variables not expanded. */
  readonly base: string;
  /** `--platform` of its FROM, variables not expanded. */
  readonly platform: string | undefined;
  /** Of its FROM. */
  readonly lines: LineRange;
}

/** All stages in their order. @throws DOCKERFILE_INVALID */
export function listTargets(dockerfile: Dockerfile): readonly Target[] {
  assertValid(dockerfile);
  const { source, stages } = dockerfile;
  return stages.map(({ index, name, docComment, from }) => ({
    name,
    isDefault: index === stages.length - 1,
    description: docComment,
    base: from.image.value,
    platform: from.platform?.value,
    lines: linesOf(source, from.span),
  }));
}
