/** The registry client of one build, made when a registry is first needed: its HTTP library takes a while to load. */
import type { RegistryClient } from "../registry/client.js";
import type { RegistryEnvironment } from "../registry/environment.js";
import { type RegistryHosts, registryHosts } from "../registry/hosts.js";

export interface RegistryAccessOptions {
  readonly mirrors: readonly string[];
  readonly insecure: readonly string[];
  readonly environment: RegistryEnvironment;
  readonly userAgent: string;
  /** As for `RegistryClientOptions`. */
  readonly onWarning: (message: string) => void;
}

export class RegistryAccess implements AsyncDisposable {
  /** As the options say; what files say the client learns when it is made. */
  readonly hosts: RegistryHosts;
  readonly #options: RegistryAccessOptions;
  #client: Promise<RegistryClient> | undefined;

  /** @throws OPTIONS_INVALID */
  constructor(options: RegistryAccessOptions) {
    this.hosts = registryHosts({ mirrors: options.mirrors, insecure: options.insecure });
    this.#options = options;
  }

  /** @throws OPTIONS_INVALID for files about registries that cannot be used */
  readonly client = (): Promise<RegistryClient> => {
    this.#client ??= this.#create();
    return this.#client;
  };

  async #create(): Promise<RegistryClient> {
    const { environment, ...options } = this.#options;
    const { openRegistryClient } = await import("../registry/settings.js");
    return openRegistryClient(environment, options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const client = this.#client;
    // Who still reads from a result later gets a new one.
    this.#client = undefined;
    await (await client?.catch(() => undefined))?.close();
  }
}
