/** The command line on a store of the test's own, as a person uses it. */
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { tryOcibuild } from "./ocibuild.js";
import { writeBusybox } from "./root-files.js";

export interface CommandResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface StoreCommands {
  /** Runs `ocibuild ...args`; ends with whatever code it ends with. */
  tried(args: readonly string[], input?: string): Promise<CommandResult>;
  /** Standard output without the last line end. @throws Error with its words when it does not end with 0 */
  run(args: readonly string[], input?: string): Promise<string>;
}

/** Commands with the store `folder`/`name` and docker's settings in `folder`/docker. */
export function storeCommands(folder: string, name: string, env: Readonly<Record<string, string>> = {}): StoreCommands {
  const tried: StoreCommands["tried"] = async (args, input) => {
    const { code, stdout, stderr } = await tryOcibuild(args, {
      cwd: folder,
      env: { OCIBUILD_ROOT: join(folder, name), DOCKER_CONFIG: join(folder, "docker"), ...env },
      ...(input === undefined ? {} : { input }),
    });
    return { code, stdout: stdout.toString("utf8"), stderr };
  };
  return {
    tried,
    run: async (args, input) => {
      const { code, stdout, stderr } = await tried(args, input);
      if (code === 0) return stdout.replace(/\n$/, "");
      throw new Error(`ocibuild ${args.join(" ")} ended with ${code}:\n${stderr}`);
    },
  };
}

/** Builds `docker.io/library/busybox` into the store, from this machine's busybox; its users are those of `writeBusybox`. */
export async function buildBusybox(folder: string, commands: StoreCommands): Promise<void> {
  const context = join(folder, "busybox");
  mkdirSync(join(context, "files", "bin"), { recursive: true });
  writeBusybox(join(context, "files"));
  symlinkSync("busybox", join(context, "files", "bin", "echo"));
  const lines = ["FROM scratch", "COPY --chmod=1777 files/tmp /tmp/", "COPY files /", 'CMD ["sh"]', ""];
  writeFileSync(join(context, "Dockerfile"), lines.join("\n"));
  await commands.run(["-q", "-t", "busybox", context]);
}
