// Runs the conformance cases and prints the score.
import { runTypeScript } from "./run-typescript.mjs";

await runTypeScript("test/conformance/main.ts");
