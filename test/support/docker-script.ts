/** Runs, in a process of its own, a command that does not end, and says when it has started: `<socket> <stateDir>`. */
import { createDockerExecutor } from "../../src/executor/docker/docker-executor.js";
import { Lab } from "../../src/testing/executor/lab.js";

const [socket, stateDir] = process.argv.slice(2) as [string, string];

const lab = new Lab();
await lab.run(createDockerExecutor({ stateDir, env: { DOCKER_HOST: `unix://${socket}` } }), {
  script: "echo started; sleep 86399",
  mounts: [
    { type: "secret", id: "s", target: "/run/s", env: undefined, mode: 0o400, uid: 0, gid: 0 },
    {
      type: "cache",
      id: "held",
      seed: lab.files([]),
      path: "/",
      target: "/cache",
      readOnly: false,
      sharing: "locked",
      mode: 0o755,
      uid: 0,
      gid: 0,
    },
  ],
  secrets: { s: Buffer.from("kept in memory\0") },
  onOutput: () => void process.stdout.write("started\n"),
});
