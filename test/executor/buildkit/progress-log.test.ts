import { expect, test } from "vitest";
import { ProgressLog } from "../../../src/executor/buildkit/progress-log.js";

const RUN = "sha256:1";
const documents = (isPretty: boolean): string =>
  [
    { vertexes: [{ digest: "sha256:0", name: "[internal] load build definition" }] },
    { vertexes: [{ digest: RUN, name: '[stage-0 1/2] RUN ["/bin/sh","-c","}\\n{"]' }] },
    { logs: [{ vertex: "sha256:0", stream: 1, data: Buffer.from("not of the command").toString("base64") }] },
    { logs: [{ vertex: RUN, stream: 1, data: Buffer.from("out ü\n").toString("base64") }] },
    { logs: [{ vertex: RUN, stream: 2, data: Buffer.from([0xff, 10]).toString("base64") }] },
  ]
    .map((document) => JSON.stringify(document, null, isPretty ? 2 : 0))
    .join("\n");

async function read(text: string, chunkBytes = 7) {
  const said: string[] = [];
  const log = new ProgressLog((stream, chunk) => void said.push(`${stream}:${chunk.toString("latin1")}`));
  const bytes = Buffer.from(text);
  async function* chunks(): AsyncGenerator<Buffer> {
    for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes);
  }
  await log.read(chunks());
  return { said, failure: log.failure() };
}

test.each([true, false])(
  "gives out what the command printed, as bytes (documents over several lines: %s)",
  async (isPretty) => {
    for (const chunkBytes of [1, 7, 10_000]) {
      const { said } = await read(`${documents(isPretty)}\n`, chunkBytes);
      expect(said).toEqual([`stdout:${Buffer.from("out ü\n").toString("latin1")}`, "stderr:\xff\n"]);
    }
  },
);

test("the exit code is the command's, and failures of others are not taken for it", async () => {
  const failed = (digest: string, error: string) =>
    `${documents(true)}\n${JSON.stringify({ vertexes: [{ digest, name: "", error }] })}\n`;
  const words = 'process "/bin/sh -c exit 42" did not complete successfully: exit code: 42';
  expect((await read(failed(RUN, words))).failure).toEqual({ exitCode: 42, message: words });
  expect((await read(failed("sha256:0", words))).failure.exitCode).toBeUndefined();
  expect((await read(failed(RUN, "no space left"))).failure).toEqual({ exitCode: undefined, message: "no space left" });
  expect((await read("ERROR: no builder\n")).failure).toEqual({ exitCode: undefined, message: "ERROR: no builder" });
});

test.each([
  ['exec: "x": executable file not found in $PATH', 127],
  ['exec: "/x": permission denied', 126],
])("a program that the builder could not start: %s", async (problem, exitCode) => {
  const event = (document: object): string => `${JSON.stringify(document)}\n`;
  const said = (line: string): string => {
    const data = Buffer.from(`${line}\n`).toString("base64");
    const error = 'process "x" did not complete successfully: exit code: 1';
    return (
      event({ vertexes: [{ digest: RUN, name: "[1/1] RUN x" }] }) +
      event({ logs: [{ vertex: RUN, stream: 2, data }] }) +
      event({ vertexes: [{ digest: RUN, name: "[1/1] RUN x", error }] })
    );
  };
  const words = `runc run failed: unable to start container process: ${problem}`;
  expect((await read(said(words))).failure.exitCode).toBe(exitCode);
  expect((await read(said(`${words}\nand more of the command`))).failure.exitCode).toBe(1);
});
