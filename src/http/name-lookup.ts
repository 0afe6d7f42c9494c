/** Looking up names so that a redirect from the public internet cannot end in a private network (threats R2, C13). */
import { type LookupAddress, lookup as systemLookup } from "node:dns";
import type { LookupFunction } from "node:net";
import { redactUrl } from "./address.js";
import { isPrivateHost } from "./private-address.js";

/** The code of the error for a name whose address may not be used. */
export const PRIVATE_ADDRESS = "ERR_OCIBUILD_PRIVATE_ADDRESS";

export const PRIVATE_HINT: string =
  "A server of the public internet may not lead to addresses of a private network: use the second URL itself.";

/** What is wrong with a redirect to `url`. */
export function leadsToPrivate(url: URL): string {
  return `it leads to the private address "${redactUrl(url)}"`;
}

export class NameLookup {
  readonly #base: LookupFunction;
  readonly #isPrivateAddress: (address: string) => boolean;
  /** Names that had a private address when they were looked up. */
  readonly #private = new Set<string>();

  constructor(base: LookupFunction | undefined, isPrivateAddress: (address: string) => boolean) {
    this.#base = base ?? (systemLookup as LookupFunction);
    this.#isPrivateAddress = isPrivateAddress;
  }

  /** Looks up any name and remembers which are private. */
  readonly any: LookupFunction = (hostname, options, callback) => {
    this.#base(hostname, options, (error, address, family) => {
      if (addressesOf(address).some(this.#isPrivateAddress)) this.#private.add(hostname);
      callback(error, address, family);
    });
  };

  /** Fails for names that have a private address: with the address that is then connected to, not with another. */
  readonly publicOnly: LookupFunction = (hostname, options, callback) => {
    this.#base(hostname, options, (error, address, family) => {
      if (error === null && addressesOf(address).some(this.#isPrivateAddress)) {
        callback(Object.assign(new Error(`"${hostname}" has a private address`), { code: PRIVATE_ADDRESS }), "", 4);
      } else callback(error, address, family);
    });
  };

  /** Whether the host of a URL is private: by itself, or because it was when it was connected to. */
  isPrivate(hostname: string): boolean {
    return isPrivateHost(hostname, this.#isPrivateAddress) || this.#private.has(hostname);
  }
}

function addressesOf(address: string | LookupAddress[] | undefined): readonly string[] {
  if (address === undefined) return [];
  return typeof address === "string" ? [address] : address.map((entry) => entry.address);
}
