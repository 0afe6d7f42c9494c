/** In a process of its own, as whoever the test wants: `<executor>`; prints what differs strictly in the cases with RUN. */
import { readFileSync } from "node:fs";
import { STRICT } from "./compare.js";
import { runCases } from "./score.js";

export interface StrictDifference {
  readonly id: string;
  readonly aspect: string;
}

const strict: readonly string[] = STRICT;
const commands = { executor: process.argv[2]!, busybox: readFileSync("/bin/busybox") };
const results = await runCases({ commands });
const differences = results.flatMap(({ id, disagreements }) =>
  disagreements.filter(({ aspect }) => strict.includes(aspect)).map((disagreement) => ({ id, ...disagreement })),
);
process.stdout.write(JSON.stringify({ count: results.length, differences }));
