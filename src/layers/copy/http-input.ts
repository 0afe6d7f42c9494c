/** A file from a web server as source of ADD. */
import { redactUrl } from "../../http/address.js";
import type { Abortable } from "../../oci/blobs.js";
import type { CopySource } from "../../plan/steps/copy.js";
import { urlFileName } from "../../plan/url-file-name.js";
import { fileMeta } from "../fs/fs-node.js";
import type { RunContext } from "../run-context.js";
import { readArchive } from "./archive-files.js";
import { type CopyInput, type CopyPart, oneFile } from "./copy-input.js";
import { fetchedFileContent } from "./fetched-file.js";

export class HttpInput implements CopyInput {
  readonly #run: RunContext;
  readonly #source: CopySource & { readonly kind: "http" };

  constructor(run: RunContext, source: CopySource & { readonly kind: "http" }) {
    this.#run = run;
    this.#source = source;
  }

  async digest(options: Abortable): Promise<string> {
    const { url, checksum } = this.#source;
    return this.#run.remoteFiles.digest(url, checksum, options);
  }

  async files(): Promise<undefined> {
    return undefined;
  }

  async parts(): Promise<readonly CopyPart[]> {
    const { url, checksum } = this.#source;
    const file = await this.#run.remoteFiles.file(url, checksum, this.#run);
    const content = fetchedFileContent(file);
    const archive = this.#source.unpack
      ? await readArchive(this.#run, content, `"${redactUrl(new URL(url))}"`)
      : undefined;
    if (archive !== undefined) return [{ kind: "archive", ...archive }];
    const meta = fileMeta(0o600, 0, 0, file.sizeBytes, file.mtimeSeconds);
    return [{ kind: "files", selection: oneFile(urlFileName(url), meta, content) }];
  }
}
