// Feeds changed inputs to parsers and matchers.
import { runTypeScript } from "./run-typescript.mjs";

await runTypeScript("test/fuzz/main.ts");
