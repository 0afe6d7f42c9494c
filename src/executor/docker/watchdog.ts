/**
 * A process that outlives this one by a moment: however we end, what runs for us in the engine ends, too (K12). An engine
 * knows nothing of who has started a container, nor does the container.
 */
import type { PeerAddress } from "../../http/peer-client.js";
import { Child } from "../kit/child.js";
import type { Environment } from "./engine-address.js";
import { SESSION, thisSession } from "./labels.js";

/**
 * Waits for the end of its input, which says where the engine is and what is ours there. It looks more than once,
 * as the engine may be at work still on what it was asked for.
 */
const SCRIPT = `
const read = [];
process.stdin.on("data", (chunk) => read.push(chunk)).on("end", async () => {
  const { origin, socketPath, tls, label, kill } = JSON.parse(Buffer.concat(read));
  const { protocol, hostname, port } = new URL(origin);
  const pem = (text) => text && Buffer.from(text, "base64");
  const peer = {
    ...(socketPath ? { socketPath } : { hostname: hostname.replace(/[\\[\\]]/g, ""), port }),
    ...(tls && { ca: pem(tls.ca), cert: pem(tls.cert), key: pem(tls.key), rejectUnauthorized: tls.verify }),
  };
  const call = (method, path) => new Promise((resolve) => {
    const options = { ...peer, method, path, timeout: 15000, agent: false };
    require(protocol.slice(0, -1)).request(options, async (reply) => {
      try {
        const chunks = [];
        for await (const chunk of reply) chunks.push(chunk);
        resolve(JSON.parse(Buffer.concat(chunks)));
      } catch {
        resolve();
      }
    }).on("timeout", function () { this.destroy(); }).on("error", () => resolve()).end();
  });
  const filters = (more) => "filters=" + encodeURIComponent(JSON.stringify({ label: [label], ...more }));
  const each = async (list, use) => {
    const ours = Array.isArray(list) ? list : [];
    await Promise.all(ours.map(use));
    return ours.length;
  };
  for (let found = 1, looks = 0; looks < 2 || (found > 0 && looks < 20); looks++) {
    found = await each(await call("GET", "/containers/json?all=1&" + filters()), async ({ Id }) => {
      if (kill) await call("POST", kill.replace("ID", Id));
      await call("DELETE", "/containers/" + Id + "?force=1&v=1&t=0");
    });
    const volumes = await call("GET", "/volumes?" + filters());
    found += await each(volumes?.Volumes, ({ Name }) => call("DELETE", "/volumes/" + Name + "?force=1"));
    const images = await call("GET", "/images/json?" + filters({ dangling: ["true"] }));
    found += await each(images, ({ Id }) => call("DELETE", "/images/" + Id));
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
});
`;

export class Watchdog implements AsyncDisposable {
  readonly #child: Child;

  /** @param kill path at which a container is killed at once, `ID` in the place of its id; where removing it does not do that */
  constructor({ origin, socketPath, tls }: PeerAddress, kill: string | undefined, env: Environment) {
    const passed = Object.entries(env).filter(([name]) => /^(?:NODE_EXTRA_CA_CERTS|SystemRoot)$/i.test(name));
    this.#child = new Child([process.execPath, "-e", SCRIPT], {
      stdio: ["pipe", "ignore", "ignore"],
      env: Object.fromEntries(passed) as Record<string, string>,
    });
    const pem = (text: Buffer | undefined): string | undefined => text?.toString("base64");
    const files = tls && { ca: pem(tls.ca), cert: pem(tls.cert), key: pem(tls.key), verify: tls.verify };
    const words = { origin, socketPath, tls: files, label: `${SESSION}=${thisSession}`, kill };
    this.#child.input().write(JSON.stringify(words));
    // A build that has ended must not wait for it.
    this.#child.ref(false);
  }

  /** There is nothing left to do for it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.ref(true);
    this.#child.kill();
    await this.#child.ended.catch(() => undefined);
  }
}
