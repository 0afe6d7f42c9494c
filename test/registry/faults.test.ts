/**
 * Every operation of the client under every fault of a registry: the right result, or a typed error in time; and the
 * credentials at home only (R1, R5 to R9, R12). Retries wait on a clock that does not wait.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { type ErrorCode, isOcibuildError } from "../../src/errors.js";
import { DEFAULT_RETRY } from "../../src/http/retry.js";
import { parseReference } from "../../src/oci/reference.js";
import { staticCredentials } from "../../src/registry/credentials.js";
import {
  answerStatus,
  change,
  changeBody,
  changeHeaders,
  demandAuthorization,
  drip,
  type Fault,
  type FaultAction,
  flipBit,
  lieAboutLength,
  loseReply,
  redirectTo,
  resetAfter,
  resetBefore,
  resetInBody,
  stall,
  stallAfter,
} from "../../src/testing/registry/faults.js";
import { startRegistry, type TestRegistry } from "../../src/testing/registry/registry.js";
import { testClient } from "../support/registry.js";
import { CANARY, fill, OPERATIONS, type Operation, WrongResult } from "../support/registry-operations.js";

/** Longest that one cell may take. */
const IN_TIME_MS = 15_000;
/** Where nothing stalls, nothing should end because a machine is busy. */
const LONG = { connectMs: 10_000, headersMs: 10_000, uploadReplyMs: 10_000, bodyIdleMs: 10_000 };
const SHORT = { connectMs: 10_000, headersMs: 300, uploadReplyMs: 300, bodyIdleMs: 300 };

/** What may come of a cell: the right result, and these errors. */
interface Outcome {
  readonly right: boolean;
  readonly codes: readonly ErrorCode[];
  /** Nobody could know that it is a lie. */
  readonly undetectable?: boolean;
}
const RIGHT: Outcome = { right: true, codes: [] };
const fails = (...codes: readonly ErrorCode[]): Outcome => ({ right: false, codes });
/** For lies that concern a part of the reply that not all operations look at. */
const rightOr = (...codes: readonly ErrorCode[]): Outcome => ({ right: true, codes });

interface FaultRow {
  readonly name: string;
  readonly fault: Pick<Fault, "times" | "after"> & { readonly action: (elsewhere: TestRegistry) => FaultAction };
  readonly outcome: Outcome;
  /** Tries wait for a deadline, which is a short one then. */
  readonly waits?: true;
  /** Operations with another outcome, each for a reason. */
  readonly but?: Readonly<Record<string, Outcome>>;
}

const once = (action: FaultAction): FaultRow["fault"] => ({ times: 1, action: () => action });
const always = (action: FaultAction): FaultRow["fault"] => ({ action: () => action });
const LIES = ["REGISTRY_PROTOCOL", "REGISTRY_REQUEST", "DOCUMENT_INVALID", "LIMIT_EXCEEDED"] as const;
const CONTENT = ["BLOB_DIGEST_MISMATCH", "BLOB_SIZE_MISMATCH"] as const;

/** A mount that is refused in whatever way ends in an upload. */
const UPLOADS = { mount: RIGHT };
/** Refusals of a HEAD have no words: the request that needs the right is made, and answered. */
const HEADS = { ...UPLOADS, "look for a blob": RIGHT, "digest of a tag": RIGHT };
/** A registry without the API has no referrers, as long as there is no tag for them either. */
const NO_API = { referrers: { right: false, codes: [], undetectable: true } };

const ROWS: readonly FaultRow[] = [
  // R4, R5: what may pass, once.
  { name: "R4: 401 once", fault: once(demandAuthorization), outcome: RIGHT },
  { name: "R5: 408 once", fault: once(answerStatus(408)), outcome: RIGHT },
  { name: "R5: 429 with Retry-After once", fault: once(answerStatus(429, { "retry-after": "7" })), outcome: RIGHT },
  { name: "R5: 500 once", fault: once(answerStatus(500)), outcome: RIGHT },
  { name: "R5: 502 with HTML once", fault: once(html(502)), outcome: RIGHT },
  {
    name: "R5: 503 with a date once",
    fault: once(answerStatus(503, { "retry-after": "Wed, 21 Oct 2099 07:28:00 GMT" })),
    outcome: RIGHT,
  },
  { name: "R5: 504 twice", fault: { times: 2, action: () => answerStatus(504) }, outcome: RIGHT },
  { name: "R5: reset before it is read once", fault: once(resetBefore), outcome: RIGHT },
  { name: "R5: reset in the request once", fault: once(resetInBody), outcome: RIGHT },
  { name: "R9: reply lost once", fault: once(loseReply), outcome: RIGHT },
  { name: "R6: no reply once", fault: once(stall), outcome: RIGHT, waits: true },
  // The same for ever.
  { name: "R4: 401 always", fault: always(demandAuthorization), outcome: fails("REGISTRY_UNAUTHORIZED"), but: HEADS },
  {
    name: "403 always",
    fault: always(answerStatus(403, {}, "DENIED")),
    outcome: fails("REGISTRY_UNAUTHORIZED"),
    but: HEADS,
  },
  {
    name: "400 always",
    fault: always(answerStatus(400)),
    outcome: fails("REGISTRY_REQUEST"),
    but: { ...UPLOADS, ...NO_API },
  },
  {
    name: "404 always",
    fault: always(answerStatus(404)),
    outcome: fails("REGISTRY_NOT_FOUND", "BLOB_NOT_FOUND", "REGISTRY_REQUEST"),
    // A blob that is not there is uploaded.
    but: { ...UPLOADS, ...NO_API, "look for a blob": RIGHT },
  },
  { name: "R5: 429 always", fault: always(answerStatus(429)), outcome: fails("REGISTRY_REQUEST") },
  { name: "R5: 500 always", fault: always(answerStatus(500)), outcome: fails("REGISTRY_REQUEST") },
  { name: "R5: reset always", fault: always(resetBefore), outcome: fails("REGISTRY_REQUEST") },
  { name: "R6: no reply, always", fault: always(stall), outcome: fails("REGISTRY_REQUEST"), waits: true },
  // R1, R2: leading elsewhere.
  {
    name: "R1: 307 to another server that knows nothing",
    fault: { action: (elsewhere) => redirectTo((path) => elsewhere.url + path) },
    outcome: fails("REGISTRY_NOT_FOUND", "BLOB_NOT_FOUND", "REGISTRY_REQUEST", "REGISTRY_PROTOCOL"),
    but: {
      ...UPLOADS,
      ...NO_API,
      "look for a blob": RIGHT,
      // It answers everybody, so it takes the redirect for an answer; what it says is checked.
      "log in": RIGHT,
    },
  },
  {
    name: "R1: 307 to another server that demands credentials",
    fault: { action: (elsewhere) => redirectTo(() => `${elsewhere.url}/v2/locked/x/manifests/1`) },
    outcome: fails(
      "REGISTRY_UNAUTHORIZED",
      "REGISTRY_NOT_FOUND",
      "BLOB_NOT_FOUND",
      "REGISTRY_REQUEST",
      "REGISTRY_PROTOCOL",
    ),
    but: HEADS,
  },
  {
    name: "a redirect to itself",
    fault: always(redirectTo((path) => path)),
    outcome: fails("REGISTRY_PROTOCOL"),
  },
  {
    name: "R2: a redirect to another scheme",
    fault: always(redirectTo(() => "ftp://127.0.0.1/x")),
    outcome: fails("REGISTRY_PROTOCOL"),
  },
  {
    name: "a redirect to nowhere",
    fault: always(change(() => ({ status: 307 }))),
    outcome: fails("REGISTRY_PROTOCOL"),
  },
  // R7, R8, R12: lies.
  {
    name: "R8: a body that says it is compressed",
    fault: always(changeHeaders({ "content-encoding": "gzip" })),
    outcome: rightOr("REGISTRY_PROTOCOL"),
  },
  {
    name: "R7: a length that is too long",
    fault: always(change((reply) => ({ ...reply, contentLength: (reply.body?.length ?? 0) + 10 }))),
    waits: true,
    outcome: rightOr(...LIES, ...CONTENT),
  },
  {
    name: "R7: a length that is too short",
    fault: always(lieAboutLength(1)),
    waits: true,
    outcome: rightOr(...LIES, ...CONTENT),
  },
  { name: "R7: no length", fault: always(lieAboutLength(null)), outcome: RIGHT },
  {
    name: "R7: a body that is cut off, always",
    fault: always(resetAfter(1)),
    outcome: rightOr(...LIES, ...CONTENT),
  },
  { name: "R7: a body that is cut off once", fault: once(resetAfter(1)), outcome: RIGHT },
  { name: "R6: a body that stops, once", fault: once(stallAfter(1)), outcome: RIGHT, waits: true },
  {
    name: "R6: a body that stops, always",
    fault: always(stallAfter(1)),
    waits: true,
    outcome: rightOr(...LIES, ...CONTENT),
  },
  { name: "R6: a body that begins slowly", fault: always(drip(5, 20)), outcome: RIGHT },
  {
    name: "D1: a turned bit",
    fault: always(flipBit(-3)),
    // Where nothing has a digest, the shape is checked; a list may be another one.
    outcome: rightOr(...LIES, ...CONTENT, "REGISTRY_NOT_FOUND"),
  },
  {
    name: "R12: an empty body",
    fault: always(changeBody(() => Buffer.alloc(0))),
    outcome: rightOr(...LIES, ...CONTENT),
  },
  {
    name: "R12: HTML with status 200",
    fault: always(html(200)),
    outcome: rightOr(...LIES, ...CONTENT),
    but: NO_API,
  },
  {
    name: "R12: JSON of another kind",
    fault: always(changeBody(() => Buffer.from('{"hello":["world"]}'))),
    outcome: rightOr(...LIES, ...CONTENT),
  },
  {
    name: "R12: JSON nested deep",
    fault: always(changeBody(() => Buffer.from("[".repeat(50_000)))),
    outcome: rightOr(...LIES, ...CONTENT),
  },
  {
    name: "R12: 20 KiB of headers",
    fault: always(changeHeaders({ "x-flood": "x".repeat(20_480) })),
    outcome: fails("REGISTRY_PROTOCOL"),
  },
  {
    name: "R12: 5 MiB in the place of a document",
    fault: always(changeBody(() => Buffer.alloc(5 * 1024 * 1024, " "))),
    outcome: rightOr(...LIES, ...CONTENT),
  },
  { name: "R12: status 299", fault: always(change((reply) => ({ ...reply, status: 299 }))), outcome: fails(...LIES) },
  { name: "R12: status 304", fault: always(change(() => ({ status: 304 }))), outcome: fails(...LIES) },
  {
    name: "R10: another digest in the header",
    fault: always(changeHeaders({ "docker-content-digest": `sha256:${"0".repeat(64)}` })),
    outcome: rightOr("REGISTRY_PROTOCOL"),
    but: { "digest of a tag": fails("REGISTRY_NOT_FOUND") },
  },
  {
    name: "R9: a Location on another server",
    fault: { action: (elsewhere) => changeHeaders({ location: `${elsewhere.url}/v2/x/blobs/uploads/1` }) },
    outcome: rightOr("REGISTRY_REQUEST"),
  },
  {
    name: "R9: no Location",
    fault: always(changeHeaders({ location: undefined })),
    outcome: rightOr("REGISTRY_PROTOCOL"),
  },
];

function html(status: number): FaultAction {
  const reply = { status, headers: { "content-type": "text/html" }, body: Buffer.from("<html><h1>Hello</h1></html>") };
  return change(() => reply);
}

let elsewhere: TestRegistry;
beforeAll(async () => {
  elsewhere = await startRegistry();
  elsewhere.fail({ path: "/v2/locked/", action: demandAuthorization });
  for (const method of ["POST", "PUT", "PATCH", "DELETE"]) elsewhere.fail({ method, action: answerStatus(405) });
  elsewhere.fail({ path: "_catalog", action: answerStatus(404) });
});
afterAll(async () => {
  await elsewhere.close();
  rmSync(folder, { recursive: true, force: true });
});

const folder = mkdtempSync(join(tmpdir(), "ocibuild-faults-"));

async function runCell(operation: Operation, row: FaultRow): Promise<void> {
  const access = { kind: "bearer", users: { me: CANARY } } as const;
  await using registry = await startRegistry({ access });
  const image = fill(registry);
  await using client = testClient({
    timeouts: row.waits === true ? SHORT : LONG,
    retry: { ...DEFAULT_RETRY, attempts: row.waits === true && row.fault.times === undefined ? 2 : 4 },
    credentials: staticCredentials(new Map([[registry.host, { kind: "basic", username: "me", password: CANARY }]])),
  });
  const { action, ...when } = row.fault;
  registry.fail({ ...operation.hits, ...when, action: action(elsewhere) });
  const expected = row.but?.[operation.name] ?? row.outcome;
  const startedMs = performance.now();
  let outcome: "right" | ErrorCode = "right";
  let shown = "";
  try {
    const name = parseReference(`${registry.host}/team/app:1`);
    await operation.run({ registry, client, folder: mkdtempSync(join(folder, "cell-")), image, name });
  } catch (error) {
    shown = inspect(error, { depth: 8, showHidden: false }) + String((error as Error).stack);
    if (error instanceof WrongResult && expected.undetectable === true) return;
    if (error instanceof WrongResult || !isOcibuildError(error)) throw error;
    outcome = error.code;
  }
  expect([...(expected.right ? ["right"] : []), ...expected.codes]).toContain(outcome);
  expect(performance.now() - startedMs).toBeLessThan(IN_TIME_MS);
  expect(shown).not.toContain(CANARY);
  expect(shown).not.toContain(Buffer.from(`me:${CANARY}`).toString("base64"));
  expect(shown).not.toMatch(/\btoken-[0-9a-f]{8}-/);
}

describe("the table", () => {
  test("has at least 350 cells", () => {
    expect(OPERATIONS.length * ROWS.length).toBeGreaterThanOrEqual(350);
  });
});

vi.setConfig({ maxConcurrency: 12 });
describe.concurrent.each(OPERATIONS.map((operation) => [operation.name, operation] as const))("%s", (_n, operation) => {
  test.each(ROWS.map((row) => [row.name, row] as const))("%s", async (_row, row) => runCell(operation, row));
});

test("R1: of all that led elsewhere, nothing carried a credential or a token", () => {
  expect(elsewhere.requests.length).toBeGreaterThan(0);
  expect(elsewhere.requests.filter(({ headers }) => headers.authorization !== undefined)).toEqual([]);
  expect(inspect(elsewhere.requests, { depth: 5 })).not.toContain(CANARY);
});
