/** The options of `docker run` that cannot be honoured, each with what to do instead. */
import { type RefusedDefinition, refused, refusedFlag } from "../options/define-options.js";

const NO_CGROUPS = "Containers get no control group of their own; see --ulimit.";
const NO_CAPABILITIES = "A container has docker's default capabilities, or with --privileged all.";
const FOREGROUND = "Containers run in the foreground, as long as this command does; leave it out.";
const SHARED_NETWORK =
  "The container shares the network of this machine: what it listens on is reached there as it is.";
const NO_PROCESSES = "A container has processes and host name of its own; leave it out.";

export const REFUSED_RUN_OPTIONS: Readonly<Record<string, RefusedDefinition>> = {
  attach: {
    ...refused({ hint: "Standard output and error are always attached, standard input with --interactive." }),
    short: "a",
  },
  capAdd: refused({ hint: NO_CAPABILITIES }),
  capDrop: refused({ hint: NO_CAPABILITIES }),
  cpus: refused({ hint: NO_CGROUPS }),
  cpuShares: { ...refused({ hint: NO_CGROUPS }), short: "c" },
  detach: { ...refusedFlag({ hint: FOREGROUND }), short: "d" },
  device: refused({ hint: "A container has docker's default devices only." }),
  dns: refused({ hint: "The container has this machine's name servers." }),
  expose: refused({ hint: SHARED_NETWORK }),
  gpus: refused({ hint: "A container has docker's default devices only." }),
  groupAdd: refused({ hint: "Say --user USER:GROUP, or put the user into the group in the image." }),
  init: refusedFlag({ hint: "The command is process 1 itself; start an init of the image." }),
  ipc: refused({ hint: NO_PROCESSES }),
  link: refused({ hint: SHARED_NETWORK }),
  memory: { ...refused({ hint: NO_CGROUPS }), short: "m" },
  pid: refused({ hint: NO_PROCESSES }),
  pidsLimit: refused({ hint: "Say --ulimit nproc=N." }),
  publish: { ...refused({ hint: SHARED_NETWORK }), short: "p" },
  publishAll: { ...refusedFlag({ hint: SHARED_NETWORK }), short: "P" },
  readOnly: refusedFlag({ hint: "What the container changes is kept beside the image; with --rm it goes." }),
  restart: refused({ hint: FOREGROUND, isDefault: (value) => value === "no" || value === "" }),
  securityOpt: refused({ hint: "Who runs containers is a matter of --executor; runc has a seccomp filter." }),
  stopSignal: refused({ hint: "A container that is interrupted is killed; leave it out." }),
  userns: refused({ hint: "Who runs containers is a matter of --executor." }),
  volumesFrom: refused({ hint: "Name the folders with --volume." }),
};
