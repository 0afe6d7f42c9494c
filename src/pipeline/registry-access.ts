/** The registry client of one build, made when a registry is first needed: its HTTP library takes a while to load. */
import type { RegistryClient } from "../registry/client.js";
import { type RegistryHosts, registryHosts } from "../registry/hosts.js";

export interface RegistryAccessOptions {
  readonly mirrors: readonly string[];
  readonly insecure: readonly string[];
  /** Docker's `config.json`. */
  readonly dockerConfigFile: string;
  readonly userAgent: string;
}

export class RegistryAccess implements AsyncDisposable {
  readonly hosts: RegistryHosts;
  readonly #options: RegistryAccessOptions;
  #client: Promise<RegistryClient> | undefined;

  /** @throws OPTIONS_INVALID */
  constructor(options: RegistryAccessOptions) {
    this.hosts = registryHosts({ mirrors: options.mirrors, insecure: options.insecure });
    this.#options = options;
  }

  readonly client = (): Promise<RegistryClient> => {
    this.#client ??= this.#create();
    return this.#client;
  };

  async #create(): Promise<RegistryClient> {
    const { dockerConfigFile, userAgent } = this.#options;
    const [{ createRegistryClient }, { dockerCredentials }] = await Promise.all([
      import("../registry/client.js"),
      import("../registry/docker-config.js"),
    ]);
    return createRegistryClient({
      hosts: this.hosts,
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
