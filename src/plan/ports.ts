/** `EXPOSE`: `[[ip:]host:]port[-port][/protocol]` → `port/protocol`. The parts before the port are checked and dropped. */
import { isIP } from "node:net";
import { goQuote } from "../util/go-format.js";

const MAX_PORT = 65_535;
const PROTOCOLS: ReadonlySet<string> = new Set(["tcp", "udp", "sctp"]);

/**
 * The ports of `text` in order, or what is wrong with it in BuildKit's words. `onFinding` gets the check that the text
 * does not pass.
 */
export function parsePorts(
  text: string,
  onFinding: (rule: "ExposeProtoCasing" | "ExposeInvalidFormat") => void = () => {},
): readonly string[] | { readonly problem: string } {
  const parts = text.split(":");
  const last = parts.at(-1)!;
  const hostPort = parts.at(-2) ?? "";
  const ip = parts.slice(0, -2).join(":");
  const slash = last.indexOf("/");
  const port = slash === -1 ? last : last.slice(0, slash);
  const written = slash === -1 ? "" : last.slice(slash + 1);
  const protocol = written.toLowerCase() || "tcp";
  if (port === "") return { problem: `invalid port: ${goQuote(text)}: no port specified` };
  if (!PROTOCOLS.has(protocol)) {
    return { problem: `invalid port: ${goQuote(text)}: invalid proto: ${written}` };
  }
  if (written !== written.toLowerCase()) onFinding("ExposeProtoCasing");
  if (ip !== "" || hostPort !== "") onFinding("ExposeInvalidFormat");
  if (ip !== "" && !isAddress(ip)) return { problem: `invalid IP address: ${ip}` };
  const range = parseRange(port);
  if (range === undefined) return { problem: `invalid containerPort: ${port}` };
  if (hostPort !== "") {
    const hostRange = parseRange(hostPort);
    if (hostRange === undefined) return { problem: `invalid hostPort: ${hostPort}` };
    // One port may be mapped to any of several on the host.
    if (range.end !== range.start && range.end - range.start !== hostRange.end - hostRange.start) {
      return { problem: `invalid ranges specified for container and host Ports: ${port} and ${hostPort}` };
    }
  }
  return Array.from({ length: range.end - range.start + 1 }, (_, offset) => `${range.start + offset}/${protocol}`);
}

function isAddress(ip: string): boolean {
  const bare = ip.startsWith("[") && ip.endsWith("]") ? ip.slice(1, -1) : ip;
  return isIP(bare) !== 0 && !bare.includes("%");
}

function parseRange(text: string): { readonly start: number; readonly end: number } | undefined {
  const dash = text.indexOf("-");
  const first = dash === -1 ? text : text.slice(0, dash);
  const second = dash === -1 ? text : text.slice(dash + 1);
  const start = parsePort(first);
  const end = parsePort(second);
  return start === undefined || end === undefined || end < start ? undefined : { start, end };
}

function parsePort(text: string): number | undefined {
  if (!/^[+-]?\d+$/.test(text)) return undefined;
  const port = Number(text);
  return port >= 0 && port <= MAX_PORT ? port : undefined;
}
