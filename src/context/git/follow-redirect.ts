/** Where a repository is when its server leads elsewhere: by our own rules for redirects, and without credentials. */
import { OcibuildError } from "../../errors.js";
import type { Transport } from "../../http/transport.js";

/** What git asks every server first. @spec gitprotocol-http(5) */
const FIRST_REQUEST = "/info/refs?service=git-upload-pack";

/** The URL of the repository that `url` leads to. @throws CONTEXT_FETCH; what the transport throws */
export async function followRedirect(url: string, transport: Transport, signal: AbortSignal): Promise<string> {
  const first = new URL(`${url.replace(/\/+$/, "")}${FIRST_REQUEST}`);
  const response = await transport.send({ method: "GET", url: first, home: first, headers: {}, signal });
  await response.discard();
  const found = response.url.href;
  if (found.endsWith(FIRST_REQUEST)) return found.slice(0, -FIRST_REQUEST.length);
  throw new OcibuildError(
    "CONTEXT_FETCH",
    `failed to fetch remote "${url}": it leads to something that is no repository`,
    {
      details: { url },
      hint: "Check the URL of the repository.",
    },
  );
}
