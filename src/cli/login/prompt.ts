/** Questions on a terminal. */
import type { Readable } from "node:stream";
import type { ReadStream } from "node:tty";
import type { Io } from "../io.js";

/** Whether somebody is there to be asked. */
export function canAsk(stdin: Readable): stdin is ReadStream {
  return (stdin as Partial<ReadStream>).isTTY === true;
}

const END = /[\r\n\x04]/;
const INTERRUPT = "\x03";
const ERASE = /[\b\x7f]/;
const ERASE_LINE = "\x15";

/** The line that is typed; with `hidden` nothing of it is shown. `undefined` when it is interrupted. */
export async function ask(
  io: Io,
  stdin: ReadStream,
  question: string,
  { hidden = false }: { readonly hidden?: boolean } = {},
): Promise<string | undefined> {
  io.stderr.write(question);
  const wasRaw = stdin.isRaw;
  stdin.setRawMode(true);
  stdin.setEncoding("utf8");
  stdin.resume();
  try {
    return await new Promise<string | undefined>((resolve) => {
      let line = "";
      const onEnd = (): void => done(undefined);
      const onData = (typed: string): void => {
        for (const letter of typed) {
          if (letter === INTERRUPT || END.test(letter)) {
            done(letter === INTERRUPT ? undefined : line);
            return;
          }
          if (letter === ERASE_LINE) line = "";
          else if (ERASE.test(letter)) {
            if (line !== "" && !hidden) io.stderr.write("\b \b");
            line = line.slice(0, -1);
          } else {
            line += letter;
            if (!hidden) io.stderr.write(letter);
          }
        }
      };
      const done = (answer: string | undefined): void => {
        stdin.off("data", onData);
        stdin.off("end", onEnd);
        resolve(answer);
      };
      stdin.on("data", onData);
      stdin.once("end", onEnd);
    });
  } finally {
    stdin.setRawMode(wasRaw);
    stdin.pause();
    io.stderr.write("\n");
  }
}
