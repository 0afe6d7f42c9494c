/** RUN: a command with mounts, network, security mode and devices. */

import { goQuote } from "../../util/go-format.js";
import type { RunInstruction, RunMount, RunScript } from "../ast.js";
import { parseFlags } from "../flag-values.js";
import { parseHeredocWord, stripTabs } from "../heredocs.js";
import { commandLine } from "./command.js";
import { baseOf, type Request } from "./request.js";
import { parseDevice } from "./run-device.js";
import { parseMount } from "./run-mount.js";

const NETWORKS = ["default", "none", "host"];
const SECURITY_MODES = ["sandbox", "insecure"];

export function parseRun(request: Request): RunInstruction | undefined {
  const { fail, args } = request;
  const flags = parseFlags("RUN", request.flags, fail);
  if (flags === undefined) return undefined;
  const devices = flags.list("device").map((word) => parseDevice(word, fail));
  if (!devices.every((device) => device !== undefined)) return undefined;
  const mounts = flags.list("mount").map((word) => parseMount(word, fail));
  if (!mounts.every((mount): mount is RunMount => mount !== undefined)) return undefined;
  const network = flags.string("network");
  if (network !== undefined && !NETWORKS.includes(network.value)) {
    const message = `invalid network mode ${goQuote(network.value)}`;
    return fail("network-mode-invalid", message, network.span, `expected one of: ${NETWORKS.join(", ")}`);
  }
  const security = flags.string("security");
  if (security !== undefined && !SECURITY_MODES.includes(security.value)) {
    const message = `security ${goQuote(security.value)} is not valid`;
    return fail("security-mode-invalid", message, security.span, `expected one of: ${SECURITY_MODES.join(", ")}`);
  }
  return {
    ...baseOf("RUN", request),
    command: commandLine(request, args.words),
    script: scriptOf(request),
    mounts,
    network: network?.value,
    security: security?.value,
    devices,
  };
}

function scriptOf(request: Request): RunScript | undefined {
  const [heredoc] = request.heredocs;
  const [line] = request.args.words;
  if (heredoc === undefined || line === undefined || parseHeredocWord(line.value) === undefined) return undefined;
  return { name: heredoc.name, content: heredoc.chomp ? stripTabs(heredoc.content) : heredoc.content };
}
