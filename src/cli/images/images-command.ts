/** `ocibuild images`: docker's table of images. */
import { parseDuration } from "../../dockerfile/duration.js";
import type { ImageFilter } from "../../images/filter-images.js";
import type { ImageSummary } from "../../images/list-images.js";
import { familiarName, parseReference } from "../../oci/reference.js";
import type { Images } from "../../open-images.js";
import { type Command, defineCommand } from "../command.js";
import { EXIT_DONE } from "../exit-codes.js";
import { goTime, humanSince, humanSize, shortId } from "../format/human.js";
import { formatList, type ListRecord, type ListShape } from "../format/print-list.js";
import { optionError } from "../option-error.js";
import { flag, list, refusedFlag, text } from "../options/define-options.js";
import { parseSwitchValue } from "../options/option.js";
import { STORE_OPTIONS, withImages } from "./common.js";

const HEADERS = {
  ID: "IMAGE ID",
  Repository: "REPOSITORY",
  Tag: "TAG",
  Digest: "DIGEST",
  CreatedSince: "CREATED",
  CreatedAt: "CREATED AT",
  Size: "SIZE",
  Containers: "CONTAINERS",
  SharedSize: "SHARED SIZE",
  UniqueSize: "UNIQUE SIZE",
};
const COLUMNS = "{{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}";
const DIGEST_COLUMNS = "{{.Repository}}\t{{.Tag}}\t{{.Digest}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}";
const NONE = "<none>";

export const imagesCommand: Command = defineCommand({
  name: "images",
  usage: "[OPTIONS] [REPOSITORY[:TAG]]",
  description:
    "Lists the images of the store: those with a name, the newest first. REPOSITORY may have * in it. SIZE is that of the unpacked layers.",
  options: {
    all: flag({ short: "a", help: "Show images without a name as well" }),
    digests: flag({ help: "Show digests" }),
    filter: list({
      short: "f",
      placeholder: "key=value",
      help: "Only images with dangling=true|false, label=KEY[=VALUE], reference=PATTERN, before=IMAGE, since=IMAGE, until=TIME (repeat)",
    }),
    format: text({ placeholder: "how", help: 'A Go template, "table TEMPLATE", or "json"' }),
    noTrunc: flag({ help: "Show IDs in full" }),
    quiet: flag({ short: "q", help: "Show IDs only" }),
    tree: refusedFlag({ hint: 'Say "ocibuild inspect IMAGE" to see what is in an image for several platforms.' }),
    ...STORE_OPTIONS,
  },
  operands: { min: 0, max: 1 },
  run: async (io, request, [pattern]) => {
    const { root } = request;
    return withImages(io, { root, quiet: true }, async ({ images }) => {
      const startedMs = Date.now();
      const filter = await filterOf(
        images,
        [...request.filter, ...(pattern === undefined ? [] : [`reference=${pattern}`])],
        startedMs,
      );
      const found = await images.list(filter);
      const shown = request.all || filter.dangling === true ? found : found.filter((image) => !isDangling(image));
      const rows = shown.flatMap((image) => rowsOf(image, request, startedMs));
      io.stdout.write(request.quiet && request.format === undefined ? idLines(rows) : formatted(rows, request));
      return EXIT_DONE;
    });
  },
});

interface Shown {
  readonly digests: boolean;
  readonly noTrunc: boolean;
  readonly format?: string | undefined;
}

function formatted(rows: readonly ListRecord[], { digests, format }: Shown): string {
  const shape: ListShape = { headers: HEADERS, columns: digests ? DIGEST_COLUMNS : COLUMNS };
  return formatList(shape, rows, format);
}

/** Each ID once. */
function idLines(rows: readonly ListRecord[]): string {
  return [...new Set(rows.map((row) => row["ID"]))].map((id) => `${id}\n`).join("");
}

function isDangling({ tags, digests }: ImageSummary): boolean {
  return tags.length === 0 && digests.length === 0;
}

/** A row for each name, one for an image without. */
function rowsOf(image: ImageSummary, { digests, noTrunc, format }: Shown, nowMs: number): readonly ListRecord[] {
  const { id, createdSeconds, sizeBytes } = image;
  const common = {
    ID: noTrunc ? id : shortId(id),
    CreatedSince: humanSince(createdSeconds, nowMs),
    CreatedAt: goTime(createdSeconds),
    Size: humanSize(sizeBytes),
    Containers: "N/A",
    SharedSize: "N/A",
    UniqueSize: "N/A",
  };
  const wantsDigest = digests || format?.includes(".Digest") === true || format === "json";
  const digestOf = new Map(image.digests.map((name) => splitName(name)));
  const tagged = image.tags.map((name) => parseReference(name));
  const rows = tagged.map((name) => {
    const { tag, ...bare } = name;
    const repository = familiarName(bare);
    const digest = wantsDigest ? (digestOf.get(repository) ?? NONE) : NONE;
    return { ...common, Repository: repository, Tag: tag!, Digest: digest };
  });
  const withTag = new Set(rows.map((row) => row.Repository));
  for (const [repository, digest] of digestOf) {
    if (!withTag.has(repository)) rows.push({ ...common, Repository: repository, Tag: NONE, Digest: digest });
  }
  return rows.length > 0 ? rows : [{ ...common, Repository: NONE, Tag: NONE, Digest: NONE }];
}

function splitName(name: string): [repository: string, digest: string] {
  const { digest, tag: _tag, ...bare } = parseReference(name);
  return [familiarName(bare), digest ?? NONE];
}

/** @throws OPTIONS_INVALID, IMAGE_NOT_FOUND for `before` and `since` */
async function filterOf(images: Images, texts: readonly string[], nowMs: number): Promise<ImageFilter> {
  const values = new Map<string, string[]>();
  for (const written of texts) {
    const equals = written.indexOf("=");
    if (equals < 1) throw optionError("--filter", `"--filter ${written}" expected KEY=VALUE`);
    const key = written.slice(0, equals).trim().toLowerCase();
    values.set(key, [...(values.get(key) ?? []), written.slice(equals + 1).trim()]);
  }
  const known = ["dangling", "label", "reference", "before", "since", "until"];
  const unknown = [...values.keys()].find((key) => !known.includes(key));
  if (unknown !== undefined) {
    throw optionError("--filter", `invalid filter "${unknown}"`, `There are ${known.join(", ")}.`);
  }
  const last = (key: string): string | undefined => values.get(key)?.at(-1);
  const idOf = async (word: string | undefined): Promise<ImageSummary["id"] | undefined> =>
    word === undefined ? undefined : ((await images.inspect(word)).Id as ImageSummary["id"]);
  const dangling = last("dangling");
  const before = await idOf(last("before"));
  const since = await idOf(last("since"));
  const until = last("until");
  return {
    ...(dangling === undefined ? {} : { dangling: booleanOf(dangling) }),
    labels: values.get("label") ?? [],
    references: values.get("reference") ?? [],
    ...(before === undefined ? {} : { before }),
    ...(since === undefined ? {} : { since }),
    ...(until === undefined ? {} : { untilSeconds: secondsOf(until, nowMs) }),
  };
}

function booleanOf(value: string): boolean {
  const read = parseSwitchValue(value);
  if (read !== undefined) return read;
  throw optionError("--filter", `invalid filter 'dangling=${value}'`, "Expected true or false.");
}

/** A time as docker takes it: seconds since 1970, RFC 3339, a date, or a duration before now. */
export function secondsOf(value: string, nowMs: number): number {
  if (/^\d+(?:\.\d+)?$/.test(value)) return Number(value);
  const duration = parseDuration(value);
  if (typeof duration === "number") return nowMs / 1000 - duration / 1e9;
  const ms = Date.parse(value);
  if (!Number.isNaN(ms)) return ms / 1000;
  throw optionError("--filter", `invalid filter 'until=${value}'`, "Expected for example 24h or 2024-01-02T03:04:05Z.");
}
