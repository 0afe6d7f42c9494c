/** `inspect` of a container: what is known of it, under docker's names. */
import { formatPlatform } from "../../oci/platform.js";
import { type ContainerRecord, commandOf } from "./container-record.js";

/** Docker's record of a container, as far as it says something here. */
export function containerRecord(container: ContainerRecord): object {
  const { id, name, image, created, state, config, hostname, platform, autoRemove } = container;
  const [path = "", ...args] = commandOf(config);
  const isRunning = state.status === "running";
  return {
    Id: id,
    Created: created,
    Path: path,
    Args: args,
    State: {
      Status: state.status,
      Running: isRunning,
      ExitCode: isRunning ? 0 : state.exitCode,
      StartedAt: created,
      FinishedAt: isRunning ? "0001-01-01T00:00:00Z" : state.finished,
    },
    Image: image.id,
    Name: `/${name}`,
    Platform: formatPlatform(platform),
    HostConfig: { AutoRemove: autoRemove },
    Config: { Hostname: hostname, Image: image.name, ...config },
  };
}
