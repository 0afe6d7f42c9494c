/** The options about RUN: who runs commands, and what they get. */
import type { BuildRequest } from "./build-request.js";
import type { ValueOption } from "./option.js";

const group = "RUN";

export const RUN_OPTIONS: readonly ValueOption<BuildRequest>[] = [
  {
    kind: "value",
    name: "executor",
    placeholder: "name",
    group,
    help: 'What runs the commands: auto takes the strongest that works here, none refuses (default: "auto")',
    apply: (request, value) => {
      request.executor = value;
    },
  },
  {
    kind: "value",
    name: "secret",
    placeholder: "id=…",
    group,
    help: "Secret for --mount=type=secret, and for git and http sources: id=NAME[,src=FILE|,env=VARIABLE] (repeat)",
    apply: (request, value) => request.secrets.push(value),
  },
  {
    kind: "value",
    name: "ssh",
    placeholder: "id[=socket]",
    group,
    help: 'Agent for --mount=type=ssh: "default" is the one of $SSH_AUTH_SOCK (repeat)',
    apply: (request, value) => request.ssh.push(value),
  },
  {
    kind: "value",
    name: "network",
    placeholder: "mode",
    group,
    help: "Network of commands that do not say which: default, none, or host, which must be allowed",
    apply: (request, value) => {
      request.network = value;
    },
  },
  {
    kind: "value",
    name: "allow",
    placeholder: "what",
    group,
    help: "Allow commands more than a sandbox: network.host, security.insecure (repeat)",
    apply: (request, value) => request.allow.push(value),
  },
  {
    kind: "value",
    name: "add-host",
    placeholder: "name:ip",
    group,
    help: "Line for /etc/hosts (repeat)",
    apply: (request, value) => request.addHosts.push(value),
  },
  {
    kind: "value",
    name: "shm-size",
    placeholder: "size",
    group,
    help: "Size of /dev/shm, for example 128m",
    apply: (request, value) => {
      request.shmSize = value;
    },
  },
  {
    kind: "value",
    name: "ulimit",
    placeholder: "name=soft[:hard]",
    group,
    help: "Limit of each command, for example nofile=1024:4096 (repeat)",
    apply: (request, value) => request.ulimits.push(value),
  },
];
