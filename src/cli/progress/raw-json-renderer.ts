/** Progress for programs: one JSON object per line. `version` changes when a reader would have to. */
import type { BuildEvent } from "../../events.js";
import type { Renderer } from "./renderer.js";

/** What JSON leaves as it is but a terminal or a CI system might obey. */
const UNSAFE = /[\x7f-\x9f\u2028-\u202e\u2066-\u2069]|#(?=#)/g;

export class RawJsonRenderer implements Renderer {
  readonly #write: (text: string) => void;
  #hasEnded = false;

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  onEvent(event: BuildEvent): void {
    if (this.#hasEnded) return;
    this.#write(formatRecord(event.type === "task-output" ? { ...event, chunk: base64(event.chunk) } : event));
  }

  end(): void {
    this.#hasEnded = true;
  }
}

/** `record` with the version in front, as a line; all characters that are not plain are escaped. */
export function formatRecord(record: object): string {
  const json = JSON.stringify({ version: 1, ...record });
  return `${json.replace(UNSAFE, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`)}\n`;
}

function base64(chunk: Uint8Array): string {
  return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength).toString("base64");
}
