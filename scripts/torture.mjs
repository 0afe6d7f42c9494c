// Kills builders, turns bits and prunes beside builds; prints the counts. `node scripts/torture.mjs kills 1000`.
import { runTypeScript } from "./run-typescript.mjs";

await runTypeScript("test/torture/main.ts");
