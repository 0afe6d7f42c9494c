// Writes docs/rules/ from the catalogue of build checks.
import { root, runTypeScript } from "./run-typescript.mjs";

process.argv[2] = root;
await runTypeScript("scripts/rule-docs/main.ts");
