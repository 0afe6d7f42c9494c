/** In a process of its own, which is killed: a watchdog for the engine at `<origin>`, whose certificate is in the file `<ca>`. */
import { readFileSync } from "node:fs";
import { Watchdog } from "../../src/executor/docker/watchdog.js";

const [origin, ca] = process.argv.slice(2) as [string, string];
new Watchdog({ origin, tls: { ca: readFileSync(ca), verify: true } }, "/kill/ID", {});
process.stdout.write("ready");
setInterval(() => {}, 1000);
