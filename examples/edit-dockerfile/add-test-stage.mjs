// Adds a stage that runs the tests, and a health check to the result: node add-test-stage.mjs Dockerfile
import { readFileSync } from "node:fs";
import { appendToStage, editDockerfile, formatDockerfile, insertBefore, parseDockerfile } from "ocibuild/dockerfile";

const [path = "Dockerfile"] = process.argv.slice(2);
const dockerfile = parseDockerfile({ name: path, text: readFileSync(path, "utf8") });
const build = dockerfile.stages.find((stage) => stage.name === "build");
const last = dockerfile.stages.at(-1);
if (build === undefined || last === undefined || last === build)
  throw new Error(`${path} has no stage "build" of its own`);

const edited = editDockerfile(dockerfile, [
  insertBefore(
    last.from,
    "# Only for `--target test`.",
    { kind: "FROM", image: "build", as: "test" },
    { kind: "RUN", script: "set -e\nnpm run lint\nnpm test\n", mounts: [{ type: "cache", target: "/root/.npm" }] },
    "\n",
  ),
  appendToStage(last, {
    kind: "HEALTHCHECK",
    check: { command: ["/usr/local/bin/probe", "http://localhost/"], interval: "30s", timeout: "3s" },
  }),
]);
process.stdout.write(formatDockerfile(edited));
