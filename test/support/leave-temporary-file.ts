/** Leaves a temporary file and a damaged one in the folder given, and dies without a chance to clean up. */
import { renameSync } from "node:fs";
import { PendingFile } from "../../src/cache/pending-file.js";

const dir = process.argv[2]!;
PendingFile.create(dir).write(Buffer.from("unfinished"));
const damaged = PendingFile.create(dir);
renameSync(damaged.path, `${damaged.path}.damaged`);
process.kill(process.pid, "SIGKILL");
