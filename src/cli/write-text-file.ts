/** Small files that options of the command line name. */
import { writeDestination } from "../output/output-file.js";

/** Writes `text` to the file `path`, absolute: all of it or nothing. @throws OUTPUT_INVALID, OUTPUT_FAILED */
export async function writeTextFile(path: string, text: string): Promise<void> {
  async function* chunks(): AsyncGenerator<Buffer> {
    yield Buffer.from(text);
  }
  await writeDestination({ path }, chunks());
}
