import type { LookupFunction } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { isOcibuildError } from "../../src/errors.js";
import { createTransport, DEFAULT_TIMEOUTS, type Transport, type TransportOptions } from "../../src/http/transport.js";
import { type Answer, startFileServer } from "../support/file-server.js";

/** Loopback stands for the public internet here, and 127.0.0.2 and ::1 for a private network. */
const isPrivateAddress = (address: string): boolean => address === "127.0.0.2" || address === "::1";
const NAMES: ReadonlyMap<string, string> = new Map([
  ["public.test", "127.0.0.1"],
  ["other.test", "127.0.0.1"],
  ["inside.test", "127.0.0.2"],
]);
const lookup: LookupFunction = (hostname, options, callback) => {
  const address = NAMES.get(hostname) ?? "127.0.0.1";
  if (options.all === true) callback(null, [{ address, family: 4 }]);
  else callback(null, address, 4);
};

function transport(options: Partial<TransportOptions> = {}): Transport {
  const created = createTransport({
    userAgent: "test",
    timeouts: DEFAULT_TIMEOUTS,
    connectionsPerOrigin: 2,
    insecureHosts: new Set(),
    lookup,
    isPrivateAddress,
    ...options,
  });
  onTestFinished(() => created.close());
  return created;
}

const redirectTo =
  (location: string): Answer =>
  (response) =>
    response.writeHead(302, { location }).end();

async function get(through: Transport, url: string, authorization?: string): Promise<string> {
  const home = new URL(url);
  const auth = authorization === undefined ? {} : { authorization };
  const response = await through.send({ method: "GET", url: home, home, headers: {}, ...auth });
  return `${response.status} ${await response.bytes(1000)}`;
}

describe("R2: a redirect from a public server", () => {
  test("may lead to another public one", async () => {
    await using other = await startFileServer({ "/b": "there" });
    const port = new URL(other.url).port;
    await using first = await startFileServer({ "/a": redirectTo(`http://other.test:${port}/b`) });
    const url = `http://public.test:${new URL(first.url).port}/a`;
    expect(await get(transport(), url)).toBe("200 there");
  });

  test.each([
    ["an address", "http://127.0.0.2:1/x"],
    ["an IPv6 address", "http://[::1]:1/x"],
    ["an address as a number", "http://2130706434/x"],
    ["this machine's name", "http://localhost:1/x"],
    ["a name below it", "http://metadata.localhost/x"],
    ["a name that has a private address", "http://inside.test:1/x"],
  ])("must not lead to %s inside", async (_, location) => {
    await using first = await startFileServer({ "/a": redirectTo(location) });
    const url = `http://public.test:${new URL(first.url).port}/a`;
    const failed = await get(transport(), url).catch((error: unknown) => error);
    expect(failed).toSatisfy((error) => isOcibuildError(error, "REGISTRY_PROTOCOL"));
    expect(String(failed)).toContain("private address");
  });

  test("must not lead inside over a second public one", async () => {
    await using other = await startFileServer({ "/b": redirectTo("http://inside.test:1/x") });
    const port = new URL(other.url).port;
    await using first = await startFileServer({ "/a": redirectTo(`http://other.test:${port}/b`) });
    const url = `http://public.test:${new URL(first.url).port}/a`;
    await expect(get(transport(), url)).rejects.toThrow("private address");
  });

  test("may lead anywhere when the first server is private itself", async () => {
    await using other = await startFileServer({ "/b": "there" });
    await using first = await startFileServer({ "/a": redirectTo(`${other.url}/b`) });
    const all = transport({ isPrivateAddress: () => true });
    expect(await get(all, `${first.url}/a`)).toBe("200 there");
    expect(await get(all, `http://public.test:${new URL(first.url).port}/a`)).toBe("200 there");
  });

  test("is not trusted because a name was public a moment ago", async () => {
    let asked = 0;
    const changing: LookupFunction = (hostname, options, callback) => {
      const address = hostname === "other.test" && ++asked > 0 ? "127.0.0.2" : "127.0.0.1";
      if (options.all === true) callback(null, [{ address, family: 4 }]);
      else callback(null, address, 4);
    };
    await using first = await startFileServer({ "/a": redirectTo("http://other.test:1/b") });
    const url = `http://public.test:${new URL(first.url).port}/a`;
    await expect(get(transport({ lookup: changing }), url)).rejects.toThrow("private address");
    expect(asked).toBe(1);
  });
});

test("R2: whoever named a URL must be private for it to be", async () => {
  await using server = await startFileServer({ "/token": "t" });
  const url = new URL(`${server.url}/token`);
  const namedBy = new URL("https://public.test/v2/");
  const request = { method: "GET", url, home: url, headers: {} } as const;
  const inside = transport({ isPrivateAddress: () => true });
  expect((await inside.send({ ...request, namedBy: url })).status).toBe(200);
  const judged = transport({ isPrivateAddress: (address) => address === "127.0.0.1" });
  await expect(judged.send({ ...request, namedBy })).rejects.toThrow("private address");
});

test("R1: credentials do not leave with a redirect, nor come back with the next", async () => {
  const seen: (string | undefined)[] = [];
  const note = (answer: Answer): Answer => {
    return (response, request) => {
      seen.push(request.headers.authorization);
      if (typeof answer === "function") answer(response, request);
      else response.end(answer);
    };
  };
  await using home = await startFileServer({
    "/a": note((response) => response.writeHead(302, { location: `${other().url}/b` }).end()),
    "/c": note("end"),
  });
  await using away = await startFileServer({ "/b": note(redirectTo(`${home.url}/c`)) });
  function other(): typeof away {
    return away;
  }
  expect(await get(transport(), `${home.url}/a`, "Bearer secret")).toBe("200 end");
  expect(seen).toEqual(["Bearer secret", undefined, undefined]);
});

test("C13: redirects that do not end are an error, after as many as were allowed", async () => {
  await using server = await startFileServer({ "/a": redirectTo("/a") });
  await expect(get(transport({ maxRedirects: 10 }), `${server.url}/a`)).rejects.toThrow("more than 10 redirects");
  expect(server.requests).toHaveLength(11);
});
