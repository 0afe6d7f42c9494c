/** Where an image is, in skopeo's words: `docker://REF`, `oci:DIR[:NAME]`, `docker-daemon:REF`; a bare name is the store's. */
import { OcibuildError } from "../errors.js";
import { parseReference, type Reference } from "../oci/reference.js";

export type Location =
  | { readonly transport: "store"; readonly word: string }
  | { readonly transport: "docker"; readonly reference: Reference }
  | { readonly transport: "docker-daemon"; readonly name: string }
  | {
      readonly transport: "oci" | "oci-archive" | "docker-archive";
      readonly path: string;
      /** What it is called there, as written. */
      readonly name: string | undefined;
    };

const FILES = ["oci", "oci-archive", "docker-archive"] as const;
/** Skopeo has these as well. */
const UNSUPPORTED: readonly string[] = ["containers-storage", "dir", "tarball", "sif", "docker+unix", "atomic"];

/** @throws REFERENCE_INVALID, OPTIONS_UNSUPPORTED */
export function parseLocation(text: string): Location {
  if (text.startsWith("docker://")) {
    return { transport: "docker", reference: parseReference(text.slice("docker://".length)) };
  }
  const colon = text.indexOf(":");
  const [word, rest] = colon === -1 ? ["", ""] : [text.slice(0, colon), text.slice(colon + 1)];
  if (word === "docker-daemon" && rest !== "") return { transport: "docker-daemon", name: rest };
  const transport = FILES.find((name) => name === word);
  if (transport !== undefined) {
    const split = rest.indexOf(":");
    const [path, name] = split === -1 ? [rest, undefined] : [rest.slice(0, split), rest.slice(split + 1)];
    if (path !== "" && name !== "") return { transport, path, name };
    throw new OcibuildError("REFERENCE_INVALID", `"${text}" names no ${path === "" ? "file" : "image"}`, {
      details: { reference: text },
      hint: `Expected ${transport}:PATH or ${transport}:PATH:NAME.`,
    });
  }
  if (UNSUPPORTED.includes(word)) {
    throw new OcibuildError("OPTIONS_UNSUPPORTED", `the transport "${word}" is not supported`, {
      details: { option: text },
      hint: `There are docker://, docker-daemon:, ${FILES.map((name) => `${name}:`).join(", ")}, and names of the store.`,
    });
  }
  return { transport: "store", word: text };
}
