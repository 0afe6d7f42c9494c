/** Compares what was built with what is expected; the rules are in test/fixtures/conformance/README.md. */
import { isDeepStrictEqual } from "node:util";
import type { ConformanceCase, Expected, ExpectedEntry, ExpectedImage } from "./cases.js";

/** Must agree. */
export const STRICT = ["result", "architecture", "os", "os.version", "variant", "author", "config", "rootfs"] as const;
/** Counted. */
export const REPORTED = ["layers", "history", "created", "argsEscaped", "message", "line"] as const;

export type StrictAspect = (typeof STRICT)[number];
export type ReportedAspect = (typeof REPORTED)[number];

/** The parts of a history line that count. */
interface HistoryLine {
  readonly created_by?: string | undefined;
  readonly empty_layer?: boolean | undefined;
  readonly created?: string | undefined;
}

/** What came of a case. */
export type Actual =
  | { readonly result: "ok"; readonly images: readonly ActualImage[] }
  | { readonly result: "error"; readonly message: string; readonly line: number | undefined };

export type ActualImage = Omit<ExpectedImage, "base">;

export interface Disagreement {
  readonly aspect: StrictAspect | ReportedAspect;
  readonly expected: unknown;
  readonly actual: unknown;
}

export interface Comparison {
  /** Aspects that the case has something to say on. */
  readonly asked: ReadonlySet<StrictAspect | ReportedAspect>;
  readonly disagreements: readonly Disagreement[];
}

export interface CompareOptions {
  /** Of images whose platform the case leaves open. */
  readonly hostArchitecture: string;
  /** What the message must contain in the place of BuildKit's. */
  readonly rewordedMessage: string | undefined;
}

export function compareCase(
  { expected, options }: Pick<ConformanceCase, "expected" | "options">,
  actual: Actual,
  { hostArchitecture, rewordedMessage }: CompareOptions,
): Comparison {
  const asked = new Set<StrictAspect | ReportedAspect>();
  const disagreements: Disagreement[] = [];
  const check = (
    aspect: Disagreement["aspect"],
    wanted: unknown,
    got: unknown,
    agrees = isDeepStrictEqual(wanted, got),
  ) => {
    asked.add(aspect);
    if (!agrees) disagreements.push({ aspect, expected: wanted, actual: got });
  };

  if (expected.result === "error" || actual.result === "error") {
    const shownActual = actual.result === "error" ? `error: ${actual.message}` : "ok";
    const shownExpected = expected.result === "error" ? `error: ${expected.message}` : "ok";
    check("result", shownExpected, shownActual, expected.result === actual.result);
    if (expected.result === "error" && actual.result === "error") {
      check(
        "message",
        expected.message,
        actual.message,
        messageAgrees(rewordedMessage ?? expected.message, actual.message),
      );
      if (expected.line !== undefined) check("line", expected.line, actual.line);
    }
    return { asked, disagreements };
  }
  check("result", "ok", "ok");
  const images = imagesOf(expected);
  if (images.length !== actual.images.length) check("result", images.length, actual.images.length);
  for (const [at, image] of images.entries()) {
    const got = actual.images[at];
    if (got !== undefined) compareImage(image, got);
  }
  return { asked, disagreements };

  function compareImage(wanted: ExpectedImage, got: ActualImage): void {
    const architecture = options.platform === undefined ? hostArchitecture : wanted.architecture;
    check("architecture", architecture, got.architecture);
    for (const aspect of ["os", "os.version", "variant", "author"] as const) check(aspect, wanted[aspect], got[aspect]);
    const { ArgsEscaped: wantedEscaped, ...wantedConfig } = wanted.config;
    const { ArgsEscaped: gotEscaped, ...gotConfig } = got.config;
    check("config", wantedConfig, gotConfig);
    if (wantedEscaped !== undefined) check("argsEscaped", wantedEscaped, gotEscaped);
    check("rootfs", ...differingEntries(wanted.rootfs, got.rootfs));
    check("layers", ...layersForComparison(wanted.layers, got.layers));
    const history = ({ history: lines }: ActualImage): HistoryLine[] =>
      lines.map((line, at) => comparableHistory(line, at, wanted.history));
    check("history", history(wanted), history(got));
    if (wanted.created !== undefined) check("created", wanted.created, got.created);
  }
}

/** What BuildKit puts before a message: which of its parts noticed the fault, and that it did. */
const WHO_NOTICED = [
  "failed to load LLB: ",
  "failed to compute cache key: ",
  "failed to calculate checksum of ref *: ",
  "failed to load cache key: ",
  "rpc error: code = Unknown desc = ",
];

/** A message agrees when it contains the expected text; `*` stands for any text. */
export function messageAgrees(expected: string, actual: string): boolean {
  let at = 0;
  for (const part of WHO_NOTICED.reduce((text, prefix) => text.replace(prefix, ""), expected).split("*")) {
    const found = actual.indexOf(part, at);
    if (found === -1) return false;
    at = found + part.length;
  }
  return true;
}

function imagesOf(expected: Expected & { readonly result: "ok" }): readonly ExpectedImage[] {
  return "platforms" in expected ? expected.platforms : [expected];
}

/** The entries that differ, so that a report shows these alone. */
function differingEntries(
  wanted: readonly ExpectedEntry[],
  got: readonly ExpectedEntry[],
): [wanted: readonly ExpectedEntry[], got: readonly ExpectedEntry[]] {
  const gotByPath = new Map(got.map((entry) => [entry.path, entry]));
  const wantedByPath = new Map(wanted.map((entry) => [entry.path, entry]));
  const paths = [...new Set([...wantedByPath.keys(), ...gotByPath.keys()])].sort();
  const left: ExpectedEntry[] = [];
  const right: ExpectedEntry[] = [];
  for (const path of paths) {
    const [a, b] = comparableEntries(wantedByPath.get(path), gotByPath.get(path));
    if (isDeepStrictEqual(a, b)) continue;
    if (a !== undefined) left.push(a);
    if (b !== undefined) right.push(b);
  }
  return [left, right];
}

function comparableEntries(
  wanted: ExpectedEntry | undefined,
  got: ExpectedEntry | undefined,
): [ExpectedEntry | undefined, ExpectedEntry | undefined] {
  const { text: _, ...rest } = wanted ?? { path: "" };
  if (got === undefined) return [wanted && rest, undefined];
  const { mtime, ...withoutTime } = got;
  const time = wanted?.mtime === undefined || mtime === undefined ? {} : { mtime };
  return [wanted && rest, { ...withoutTime, ...time }];
}

function layersForComparison(
  wanted: readonly (readonly ExpectedEntry[])[],
  got: readonly (readonly ExpectedEntry[])[],
): [unknown, unknown] {
  const right = got.map((layer, at) => {
    const known = new Map((wanted[at] ?? []).map((entry) => [entry.path, entry]));
    return layer.map((entry) => comparableEntries(known.get(entry.path), entry)[1]);
  });
  const left = wanted.map((layer) => layer.map((entry) => comparableEntries(entry, undefined)[0]));
  return [left, right];
}

/** Our lines lack BuildKit's marker, its comment is another, and times count where the case has one. */
function comparableHistory(
  { created_by, empty_layer, created }: HistoryLine,
  at: number,
  wanted: readonly HistoryLine[],
): HistoryLine {
  return {
    created_by: created_by?.replace(/ # buildkit$/, ""),
    ...(empty_layer === true ? { empty_layer } : {}),
    ...(wanted[at]?.created === undefined ? {} : { created }),
  };
}
