/** Ways in which an in-process registry can fail, lie or stall, on the n-th request that matches. */
import type { RecordedRequest } from "./recorded-request.js";
import { errorReply, type Reply, type WholeReply } from "./reply.js";

/** Decides about one matching request. */
export type FaultAction =
  /** Answers without doing anything. `early`: before the request's body is read. */
  | { readonly type: "answer"; readonly reply: (request: RecordedRequest) => Reply; readonly early?: boolean }
  /** Resets the connection: before anything is done, in the middle of the request's body, or instead of the reply. */
  | { readonly type: "reset"; readonly when: "before" | "in-body" | "after" }
  /** Gives no reply and keeps the connection open. */
  | { readonly type: "stall" }
  /** Demands authorization, as the registry would have when it wants it, whatever the request had with it. */
  | { readonly type: "demand" }
  /** Does what was asked and changes the reply. */
  | { readonly type: "change"; readonly change: (reply: WholeReply) => Reply };

export interface Fault {
  /** Absent: every method. */
  readonly method?: string;
  /** Found in the path with its query. Absent: every path. */
  readonly path?: string | RegExp;
  /** Absent: the registry itself. */
  readonly server?: "registry" | "token";
  /** Skips this many matching requests first. */
  readonly after?: number;
  /** How many matching requests it hits. Absent: all. */
  readonly times?: number;
  readonly action: FaultAction;
}

/** Counts matches and picks the fault that hits, if any. */
export class FaultPlan {
  readonly #faults: { readonly fault: Fault; seen: number }[] = [];

  /** Adds a fault; returns what removes it. */
  add(fault: Fault): () => void {
    const entry = { fault, seen: 0 };
    this.#faults.push(entry);
    return () => {
      const at = this.#faults.indexOf(entry);
      if (at !== -1) this.#faults.splice(at, 1);
    };
  }

  next(request: RecordedRequest): FaultAction | undefined {
    let hit: FaultAction | undefined;
    for (const entry of this.#faults) {
      if (!matches(entry.fault, request)) continue;
      const number = entry.seen++ - (entry.fault.after ?? 0);
      if (number >= 0 && number < (entry.fault.times ?? Number.POSITIVE_INFINITY)) hit ??= entry.fault.action;
    }
    return hit;
  }
}

function matches({ method, path, server = "registry" }: Fault, request: RecordedRequest): boolean {
  if (server !== request.server || (method !== undefined && method !== request.method)) return false;
  return path === undefined || (typeof path === "string" ? request.path.includes(path) : path.test(request.path));
}

/** Answers with an error status and a body in the specification's form. */
export function answerStatus(status: number, headers: Reply["headers"] = {}, code = "UNKNOWN"): FaultAction {
  return { type: "answer", reply: () => errorReply(status, code, `fault: status ${status}`, headers) };
}

/** Sends elsewhere; `to` gets the path with its query. */
export function redirectTo(to: (path: string) => string, status = 307): FaultAction {
  return { type: "answer", reply: ({ path }) => ({ status, headers: { location: to(path) } }) };
}

export const resetBefore: FaultAction = { type: "reset", when: "before" };
export const resetInBody: FaultAction = { type: "reset", when: "in-body" };
/** The request is done but its reply is lost. */
export const loseReply: FaultAction = { type: "reset", when: "after" };
export const stall: FaultAction = { type: "stall" };
export const demandAuthorization: FaultAction = { type: "demand" };

/** Changes headers; `undefined` removes one. */
export function changeHeaders(changes: Readonly<Record<string, string | undefined>>): FaultAction {
  return change((reply) => {
    const headers: Record<string, string | readonly string[]> = { ...reply.headers };
    for (const [name, value] of Object.entries(changes)) {
      if (value === undefined) delete headers[name];
      else headers[name] = value;
    }
    return { ...reply, headers };
  });
}

/** Changes the body; the Content-Length is then the new one's. */
export function changeBody(map: (body: Buffer) => Buffer): FaultAction {
  return change((reply) => ({ ...reply, body: map(reply.body ?? Buffer.alloc(0)) }));
}

/** The body with one bit of byte `at` (from the end when negative) turned. */
export function flipBit(at: number): FaultAction {
  return changeBody((body) => {
    const copy = Buffer.from(body);
    const index = at < 0 ? copy.length + at : at;
    copy[index] = copy[index]! ^ 1;
    return copy;
  });
}

/** Resets the connection after `bytes` of an honestly announced body. */
export function resetAfter(bytes: number): FaultAction {
  return change((reply) => ({ ...reply, resetAfter: bytes }));
}

/** Stops sending after `bytes` of an honestly announced body. */
export function stallAfter(bytes: number): FaultAction {
  return change((reply) => ({ ...reply, stallAfter: bytes }));
}

/** Announces another length than the body has. `null` announces none. */
export function lieAboutLength(contentLength: number | null): FaultAction {
  return change((reply) => ({ ...reply, contentLength }));
}

/** Sends the first `bytes` of the body one by one, each `everyMs` after the other. */
export function drip(bytes: number, everyMs: number): FaultAction {
  return change((reply) => ({ ...reply, drip: { bytes, everyMs } }));
}

/** Answers so much later. */
export function delayReply(delayMs: number): FaultAction {
  return change((reply) => ({ ...reply, delayMs }));
}

/** Any other change of the reply. */
export function change(map: (reply: WholeReply) => Reply): FaultAction {
  return { type: "change", change: map };
}
