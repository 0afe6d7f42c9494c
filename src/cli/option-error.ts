/** The error about an option's value. */
import { OcibuildError } from "../errors.js";

/** @param option as written, with dashes */
export function optionError(option: string, message: string, hint?: string): OcibuildError<"OPTIONS_INVALID"> {
  return new OcibuildError("OPTIONS_INVALID", message, {
    details: { option },
    ...(hint === undefined ? {} : { hint }),
  });
}
