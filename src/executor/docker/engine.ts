/** The API of a Docker engine: requests, answers that are checked, and errors in one form. */
import type { Duplex } from "node:stream";
import { isOcibuildError, type OcibuildError } from "../../errors.js";
import {
  createPeerClient,
  type PeerAddress,
  type PeerClient,
  type PeerReply,
  type PeerRequest,
} from "../../http/peer-client.js";
import { executorFailed } from "../kit/failures.js";
import type { EngineAddress } from "./engine-address.js";
import { ErrorSchema, type Schema } from "./schemas.js";

export const DOCKER = "docker";

export interface Call {
  readonly method: PeerRequest["method"];
  /** Below the version of the API. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  /** Sent as JSON. */
  readonly json?: unknown;
  /** Sent as a tar. */
  readonly tar?: Buffer | AsyncIterable<Uint8Array>;
  readonly signal: AbortSignal | undefined;
}

/** An answer that is none of those expected. */
interface Refusal {
  readonly status: number;
  readonly message: string;
}

const MAX_JSON_BYTES = 256 * 1024 * 1024;

export class Engine {
  readonly peer: PeerAddress;
  readonly #client: PeerClient;
  readonly #shown: string;

  constructor(address: EngineAddress) {
    this.peer = address.peer;
    this.#client = createPeerClient(address.peer);
    this.#shown = address.shown;
  }

  /** What the engine answers, checked. @throws EXECUTOR_FAILED; the signal's reason */
  async json<T>(call: Call, schema: Schema<T>): Promise<T> {
    const reply = await this.#send(call);
    const text = (await this.#bytes(call, reply)).toString("utf8");
    if (!isSuccess(reply.status)) throw this.#refused(call, refusalOf(reply.status, text));
    return this.#parse(call, text, schema);
  }

  /** The same where the engine says that there is something, `undefined` where it answers one of `absent`. */
  async jsonOr<T>(call: Call, schema: Schema<T>, absent: readonly number[] = [404]): Promise<T | undefined> {
    const reply = await this.#send(call);
    const text = (await this.#bytes(call, reply)).toString("utf8");
    if (absent.includes(reply.status)) return undefined;
    if (!isSuccess(reply.status)) throw this.#refused(call, refusalOf(reply.status, text));
    return this.#parse(call, text, schema);
  }

  /** Waits for the whole answer; returns its text. @throws EXECUTOR_FAILED unless it succeeds or is one of `also` */
  async done(call: Call, also: readonly number[] = []): Promise<{ readonly status: number; readonly text: string }> {
    const reply = await this.#send(call);
    const text = (await this.#bytes(call, reply)).toString("utf8");
    if (!isSuccess(reply.status) && !also.includes(reply.status)) {
      throw this.#refused(call, refusalOf(reply.status, text));
    }
    return { status: reply.status, text };
  }

  /** The body of an answer as it comes; leaving it early is allowed. */
  async *stream(call: Call): AsyncGenerator<Buffer, void, undefined> {
    const reply = await this.#send(call);
    if (!isSuccess(reply.status)) {
      const text = (await this.#bytes(call, reply)).toString("utf8");
      throw this.#refused(call, refusalOf(reply.status, text));
    }
    try {
      for await (const chunk of reply.body) yield chunk;
    } catch (error) {
      throw this.#broken(call, error);
    }
  }

  /** The output of a container from before it starts; `undefined` when the engine refuses, as Podman does where a start would fail. */
  async attach(id: string, signal: AbortSignal): Promise<Duplex | undefined> {
    const path = `/containers/${id}/attach?stream=1&stdout=1&stderr=1`;
    try {
      return await this.#client.upgrade(path, "tcp", signal);
    } catch (error) {
      throw this.#broken({ method: "POST", path, signal }, error);
    }
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  async #send(call: Call): Promise<PeerReply> {
    const { method, json, tar, signal } = call;
    signal?.throwIfAborted();
    const body = json === undefined ? tar : Buffer.from(JSON.stringify(json));
    const type = json === undefined ? (tar === undefined ? undefined : "application/x-tar") : "application/json";
    try {
      return await this.#client.request({
        method,
        path: pathOf(call),
        ...(type === undefined ? {} : { headers: { "content-type": type } }),
        ...(body === undefined ? {} : { body }),
        ...(signal === undefined ? {} : { signal }),
      });
    } catch (error) {
      throw this.#broken(call, error);
    }
  }

  async #bytes(call: Call, reply: PeerReply): Promise<Buffer> {
    const chunks: Buffer[] = [];
    let size = 0;
    try {
      for await (const chunk of reply.body) {
        chunks.push(chunk);
        size += chunk.length;
        if (size > MAX_JSON_BYTES) throw executorFailed(DOCKER, `${shown(call)} was answered with too much`);
      }
    } catch (error) {
      throw this.#broken(call, error);
    }
    return Buffer.concat(chunks);
  }

  #parse<T>(call: Call, text: string, schema: Schema<T>): T {
    try {
      return schema.parse(JSON.parse(text));
    } catch (cause) {
      throw executorFailed(DOCKER, `${shown(call)} was answered with something unknown`, undefined, cause);
    }
  }

  #broken(call: Call, error: unknown): unknown {
    if (call.signal?.aborted) return call.signal.reason;
    if (isOcibuildError(error)) return error;
    const { code, message } = error as NodeJS.ErrnoException;
    const hint =
      code === "EACCES"
        ? "Your user may not use its socket: join its group, or say another engine with DOCKER_HOST."
        : "Is it running? DOCKER_HOST says where it is.";
    return executorFailed(DOCKER, `the engine at ${this.#shown} does not answer: ${message || code}`, hint, error);
  }

  #refused(call: Call, { status, message }: Refusal): OcibuildError {
    return executorFailed(DOCKER, `the engine refused ${shown(call)} with ${status}: ${message}`);
  }
}

function pathOf({ path, query = {} }: Call): string {
  const words = Object.entries(query).flatMap(([name, value]) =>
    value === undefined ? [] : `${name}=${encodeURIComponent(value)}`,
  );
  return words.length === 0 ? path : `${path}?${words.join("&")}`;
}

function shown({ method, path }: Call): string {
  return `${method} ${path}`;
}

function isSuccess(status: number): boolean {
  return status >= 200 && status < 300;
}

export function refusalOf(status: number, text: string): Refusal {
  try {
    return { status, message: ErrorSchema.parse(JSON.parse(text)).message };
  } catch {
    return { status, message: text.trim() || "no reason" };
  }
}
