/** What all steps have. */
import type { Span } from "../../errors.js";

export interface StepBase<K extends string> {
  readonly kind: K;
  /** In the Dockerfile; of the FROM for ONBUILD triggers. */
  readonly span: Span;
  /** The history line (`created_by`) without the `# buildkit` marker, and what progress shows. */
  readonly createdBy: string;
  /** True for a trigger that the base brought with it. */
  readonly onbuild: boolean;
}
