/** `ocibuild ps`: docker's table of containers. */
import { type ContainerRecord, commandOf } from "../../images/containers/container-record.js";
import { namePattern } from "../../images/filter-images.js";
import { createdSeconds } from "../../images/list-images.js";
import { goQuote } from "../../util/go-format.js";
import { type Command, defineCommand } from "../command.js";
import { EXIT_DONE } from "../exit-codes.js";
import { ellipsis, goTime, humanSince, shortId } from "../format/human.js";
import { formatList, type ListRecord } from "../format/print-list.js";
import { STORE_OPTIONS, withImages } from "../images/common.js";
import { optionError } from "../option-error.js";
import { flag, list, refusedFlag, text } from "../options/define-options.js";

const HEADERS = {
  ID: "CONTAINER ID",
  Image: "IMAGE",
  Command: "COMMAND",
  CreatedAt: "CREATED AT",
  RunningFor: "CREATED",
  Ports: "PORTS",
  State: "STATE",
  Status: "STATUS",
  Names: "NAMES",
  Labels: "LABELS",
};
const COLUMNS = "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}";
const COMMAND_LENGTH = 20;

export const psCommand: Command = defineCommand({
  name: "ps",
  usage: "[OPTIONS]",
  description: "Lists containers: those that run; with --all those, too, that have ended and were kept.",
  options: {
    all: flag({ short: "a", help: "Show containers that have ended as well" }),
    filter: list({
      short: "f",
      placeholder: "key=value",
      help: "Only containers with id=BEGIN, name=PART, status=running|exited, exited=CODE, label=KEY[=VALUE], ancestor=IMAGE (repeat)",
    }),
    format: text({ placeholder: "how", help: 'A Go template, "table TEMPLATE", or "json"' }),
    last: text({ short: "n", placeholder: "count", help: "Show the last ones made, whatever they do" }),
    latest: flag({ short: "l", help: "Show the last one made, whatever it does" }),
    noTrunc: flag({ help: "Do not shorten anything" }),
    quiet: flag({ short: "q", help: "Show IDs only" }),
    size: { ...refusedFlag({ hint: 'Say "ocibuild diff CONTAINER" to see what it changed.' }), short: "s" },
    ...STORE_OPTIONS,
  },
  operands: { min: 0, max: 0 },
  run: async (io, request) => {
    const { root, all, noTrunc, quiet, format } = request;
    const count = request.latest ? 1 : countOf(request.last);
    const suits = filterOf(request.filter);
    const wantsEnded = all || count !== undefined || request.filter.some((one) => /^(?:status|exited)=/.test(one));
    return withImages(io, { root, quiet: true }, async ({ images }) => {
      const nowMs = Date.now();
      const containers = (await images.containers()).slice(0, count).filter(suits);
      const shown = containers.filter(({ state }) => wantsEnded || state.status === "running");
      const records = shown.map((container) => recordOf(container, noTrunc, nowMs));
      io.stdout.write(
        quiet && format === undefined
          ? records.map((record) => `${record["ID"]}\n`).join("")
          : formatList({ headers: HEADERS, columns: COLUMNS }, records, format),
      );
      return EXIT_DONE;
    });
  },
});

function recordOf(container: ContainerRecord, noTrunc: boolean, nowMs: number): ListRecord {
  const { id, name, image, config, state } = container;
  const created = createdSeconds(container.created);
  const command = commandOf(config).join(" ");
  return {
    ID: noTrunc ? id : id.slice(0, 12),
    Image: /^sha256:[0-9a-f]{64}$/.test(image.name) ? shortId(image.name) : image.name,
    Command: goQuote(noTrunc ? command : ellipsis(command, COMMAND_LENGTH)),
    CreatedAt: goTime(created),
    RunningFor: humanSince(created, nowMs),
    Ports: "",
    State: state.status,
    Status: statusOf(container, nowMs),
    Names: name,
    Labels: Object.entries(config.Labels ?? {})
      .map(([key, value]) => `${key}=${value}`)
      .sort()
      .join(","),
  };
}

function statusOf({ state, created }: ContainerRecord, nowMs: number): string {
  if (state.status === "running") return `Up ${humanSince(createdSeconds(created), nowMs).replace(/ ago$/, "")}`;
  return `Exited (${state.exitCode}) ${humanSince(createdSeconds(state.finished), nowMs)}`;
}

function countOf(last: string | undefined): number | undefined {
  if (last === undefined || last === "-1") return undefined;
  if (/^[0-9]{1,6}$/.test(last)) return Number(last);
  throw optionError("--last", `"--last ${last}" expected a number`);
}

const FILTERS = ["id", "name", "status", "exited", "label", "ancestor"] as const;

function filterOf(texts: readonly string[]): (container: ContainerRecord) => boolean {
  const values = new Map<string, string[]>();
  for (const written of texts) {
    const equals = written.indexOf("=");
    const key = written.slice(0, Math.max(0, equals)).toLowerCase();
    if (!FILTERS.some((name) => name === key)) {
      throw optionError(
        "--filter",
        `invalid filter "${written}"`,
        `There are ${FILTERS.join(", ")}, each with =VALUE.`,
      );
    }
    values.set(key, [...(values.get(key) ?? []), written.slice(equals + 1)]);
  }
  return (container) =>
    [...values].every(([key, wanted]) =>
      key === "label"
        ? wanted.every((value) => suits(container, key, value))
        : wanted.some((value) => suits(container, key, value)),
    );
}

function suits({ id, name, state, config, image }: ContainerRecord, key: string, value: string): boolean {
  switch (key) {
    case "id":
      return id.startsWith(value);
    case "name":
      return name.includes(value.replace(/^\//, ""));
    case "status":
      return state.status === value;
    case "exited":
      return state.status === "exited" && String(state.exitCode) === value;
    case "label": {
      const [label = "", ...rest] = value.split("=");
      const labels = config.Labels ?? {};
      return Object.hasOwn(labels, label) && (rest.length === 0 || labels[label] === rest.join("="));
    }
    default:
      return (
        namePattern(value).test(image.name) ||
        image.name.startsWith(`${value}:`) ||
        shortId(image.id).startsWith(shortId(value))
      );
  }
}
