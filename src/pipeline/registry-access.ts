/** The registry client of one build, made when a registry is first needed: its HTTP library takes a while to load. */
import type { RegistryClient } from "../registry/client.js";

export interface RegistryAccessOptions {
  readonly mirrors: readonly string[];
  readonly insecure: readonly string[];
  /** Docker's `config.json`. */
  readonly dockerConfigFile: string;
  readonly userAgent: string;
}

export class RegistryAccess implements AsyncDisposable {
  readonly #options: RegistryAccessOptions;
  #client: Promise<RegistryClient> | undefined;

  constructor(options: RegistryAccessOptions) {
    this.#options = options;
  }

  readonly client = (): Promise<RegistryClient> => {
    this.#client ??= this.#create();
    return this.#client;
  };

  async #create(): Promise<RegistryClient> {
    const { mirrors, insecure, dockerConfigFile, userAgent } = this.#options;
    const [{ createRegistryClient }, { registryHosts }, { dockerCredentials }] = await Promise.all([
      import("../registry/client.js"),
      import("../registry/hosts.js"),
      import("../registry/docker-config.js"),
    ]);
    return createRegistryClient({
      hosts: registryHosts({ mirrors, insecure }),
      credentials: dockerCredentials({ configFile: dockerConfigFile }),
      userAgent,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const client = this.#client;
    // Who still reads from a result later gets a new one.
    this.#client = undefined;
    await (await client?.catch(() => undefined))?.close();
  }
}
