// Pins base images to digests: node pin-digests.mjs Dockerfile digests.json
// `digests.json` maps references to digests: { "nginx:1.25": "sha256:…" }. What is pinned gets a comment that says when.
import { readFileSync } from "node:fs";
import {
  editDockerfile,
  formatDockerfile,
  insertBefore,
  parseDockerfile,
  updateInstruction,
} from "ocibuild/dockerfile";

const [path = "Dockerfile", digestsPath = "digests.json", day = new Date().toISOString().slice(0, 10)] =
  process.argv.slice(2);
const digests = new Map(Object.entries(JSON.parse(readFileSync(digestsPath, "utf8"))));
const dockerfile = parseDockerfile({ name: path, text: readFileSync(path, "utf8") });

const edits = dockerfile.stages.flatMap(({ from }) => {
  const digest = digests.get(from.image.value);
  if (digest === undefined) return [];
  return [
    insertBefore(from, `# pinned on ${day}\n`),
    updateInstruction(from, { image: `${from.image.value}@${digest}` }),
  ];
});
process.stdout.write(formatDockerfile(editDockerfile(dockerfile, edits)));
