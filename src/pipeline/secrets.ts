/** The secrets of a build, read when they are first asked for. Their values are never in keys, logs or errors (L1, L5). */
import { readFileSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { OcibuildError } from "../errors.js";

/** A secret: its value, or where it is when it is needed. */
export type SecretInput = string | Uint8Array | { readonly file: string } | { readonly env: string };

/** As in BuildKit. */
const MAX_SECRET_BYTES = 500 * 1024;

export interface SecretsOptions {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export class Secrets {
  readonly #inputs: ReadonlyMap<string, SecretInput>;
  readonly #options: SecretsOptions;
  readonly #values = new Map<string, Uint8Array>();

  constructor(inputs: Readonly<Record<string, SecretInput>>, options: SecretsOptions) {
    this.#inputs = new Map(Object.entries(inputs));
    this.#options = options;
  }

  /**
   * The value of the secret `id`; `undefined` when the build was given none.
   * @throws OPTIONS_INVALID when its file or variable is not there
   */
  readonly read = async (id: string): Promise<Uint8Array | undefined> => {
    const input = this.#inputs.get(id);
    if (input === undefined) return undefined;
    let value = this.#values.get(id);
    if (value === undefined) {
      value = this.#load(id, input);
      if (value.length > MAX_SECRET_BYTES) throw problem(id, `has more than ${MAX_SECRET_BYTES} bytes`);
      this.#values.set(id, value);
    }
    return value;
  };

  #load(id: string, input: SecretInput): Uint8Array {
    if (typeof input === "string") return Buffer.from(input, "utf8");
    if (input instanceof Uint8Array) return input;
    const { cwd, env } = this.#options;
    if ("env" in input) {
      const value = Object.hasOwn(env, input.env) ? env[input.env] : undefined;
      if (value === undefined) throw problem(id, `names the environment variable "${input.env}", which is not set`);
      return Buffer.from(value, "utf8");
    }
    const path = resolve(cwd, input.file);
    try {
      const stat = statSync(path);
      if (!stat.isFile()) throw problem(id, `expected a file at "${input.file}" but got something else`);
      if (stat.size > MAX_SECRET_BYTES) throw problem(id, `has more than ${MAX_SECRET_BYTES} bytes`);
      return readFileSync(path);
    } catch (error) {
      if (error instanceof OcibuildError) throw error;
      const { code = "unknown error" } = error as NodeJS.ErrnoException;
      throw problem(id, `cannot be read from "${input.file}" (${code})`);
    }
  }
}

function problem(id: string, what: string): OcibuildError<"OPTIONS_INVALID"> {
  return new OcibuildError("OPTIONS_INVALID", `secret "${id}" ${what}`, { details: { option: "secrets" } });
}
