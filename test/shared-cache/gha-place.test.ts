import { describe, expect, test } from "vitest";
import { isOcibuildError } from "../../src/errors.js";
import type { Digest } from "../../src/oci/digest.js";
import type { GhaSpec } from "../../src/shared-cache/cache-spec.js";
import { ENTRY_VERSION, ghaPlace, layerName, withGhaEnvironment } from "../../src/shared-cache/gha-place.js";
import { cacheScopes } from "../../src/shared-cache/gha-token.js";

const RESULTS = "https://results-receiver.actions.githubusercontent.com/";
const CACHE = "https://artifactcache.actions.githubusercontent.com/abc/";
const TOKEN = "canary-token";

function tokenOf(claims: object): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${part({ alg: "RS256" })}.${part(claims)}.signature`;
}

describe("which service is asked", () => {
  type Variables = Readonly<Record<string, string>>;
  test.each<[string, Variables, GhaSpec, string, 1 | 2]>([
    ["a job today", { ACTIONS_CACHE_SERVICE_V2: "True", ACTIONS_RESULTS_URL: RESULTS }, {}, RESULTS, 2],
    [
      "a job today, with both",
      { ACTIONS_CACHE_SERVICE_V2: "1", ACTIONS_RESULTS_URL: RESULTS, ACTIONS_CACHE_URL: CACHE },
      {},
      RESULTS,
      2,
    ],
    ["an enterprise server", { ACTIONS_RESULTS_URL: "https://g.example/r/", ACTIONS_CACHE_URL: CACHE }, {}, CACHE, 1],
    [
      "a switch that is off",
      { ACTIONS_CACHE_SERVICE_V2: "false", ACTIONS_RESULTS_URL: RESULTS, ACTIONS_CACHE_URL: CACHE },
      {},
      CACHE,
      1,
    ],
    ["GitHub's second service without the switch", { ACTIONS_RESULTS_URL: RESULTS }, {}, RESULTS, 2],
    ["another service without the switch", { ACTIONS_RESULTS_URL: "https://g.example/" }, {}, "https://g.example/", 1],
    ["variables that are empty", { ACTIONS_RESULTS_URL: RESULTS, ACTIONS_CACHE_URL: "" }, {}, RESULTS, 2],
    [
      "a version that is given",
      { ACTIONS_CACHE_SERVICE_V2: "True", ACTIONS_RESULTS_URL: RESULTS, ACTIONS_CACHE_URL: CACHE },
      { version: 1 },
      CACHE,
      1,
    ],
    [
      "the other version that is given",
      { ACTIONS_RESULTS_URL: RESULTS, ACTIONS_CACHE_URL: CACHE },
      { version: 2 },
      RESULTS,
      2,
    ],
    ["a URL that is given", { ACTIONS_CACHE_URL: CACHE }, { urlV2: "https://g.example/x" }, "https://g.example/x", 2],
    [
      "a URL of the first version, whatever the variables say",
      { ACTIONS_CACHE_SERVICE_V2: "True", ACTIONS_RESULTS_URL: RESULTS },
      { url: "https://g.example" },
      "https://g.example/",
      1,
    ],
    ["a URL with its version", {}, { url: "https://g.example", version: 2 }, "https://g.example/", 2],
    ["a service of one's own network", {}, { url: "http://10.1.2.3:8080/t" }, "http://10.1.2.3:8080/t", 1],
  ])("%s", (_, env, spec, url, version) => {
    const place = ghaPlace(withGhaEnvironment(spec, { ...env, ACTIONS_RUNTIME_TOKEN: TOKEN }));
    expect(place.url.href).toBe(url === CACHE ? CACHE.slice(0, -1) : url);
    expect(place).toMatchObject({ version, token: TOKEN, title: 'gha "buildkit"' });
  });

  test.each<[GhaSpec, string]>([
    [{ token: TOKEN }, "OPTIONS_INVALID"],
    [{ url: RESULTS }, "OPTIONS_INVALID"],
    [{ url: "canary.example", token: TOKEN }, "OPTIONS_INVALID"],
    [{ url: "https://u:canary@h", token: TOKEN }, "OPTIONS_INVALID"],
    [{ url: "https://h?sig=canary", token: TOKEN }, "OPTIONS_INVALID"],
    [{ url: "ftp://h", token: TOKEN }, "OPTIONS_INVALID"],
    [{ url: RESULTS, token: "canary\nx: y" }, "OPTIONS_INVALID"],
    [{ url: RESULTS, token: TOKEN, scope: "a,b" }, "OPTIONS_INVALID"],
    [{ url: RESULTS, token: TOKEN, scope: "a".repeat(401) }, "OPTIONS_INVALID"],
    [{ url: "http://cache.example/canary", token: TOKEN }, "REGISTRY_INSECURE"],
  ])("refuses %j, and shows nothing that may be a secret: L1", (spec, code) => {
    let failed: unknown;
    try {
      ghaPlace(spec);
    } catch (error) {
      failed = error;
    }
    expect(isOcibuildError(failed) && failed.code).toBe(code);
    const { message, hint, details } = failed as { message: string; hint?: string; details: unknown };
    expect(JSON.stringify([message, hint, details])).not.toContain("canary");
  });
});

describe("the token of a job", () => {
  const of = (...scopes: readonly (readonly [name: string, permission: number])[]): string =>
    tokenOf({ ac: JSON.stringify(scopes.map(([Scope, Permission]) => ({ Scope, Permission }))) });

  test("says which branches may be read and written", () => {
    const token = of(["refs/heads/main", 1], ["refs/pull/1/merge", 3]);
    expect(cacheScopes(token)).toEqual({
      readable: ["refs/pull/1/merge", "refs/heads/main"],
      writable: "refs/pull/1/merge",
    });
    expect(cacheScopes(of(["refs/heads/main", 1]))).toEqual({ readable: ["refs/heads/main"], writable: undefined });
  });

  test("of a service without branches stands for one", () => {
    const words = [
      "opaque",
      "a.b.c",
      "",
      tokenOf({}),
      tokenOf({ ac: 1 }),
      tokenOf({ ac: "{}" }),
      tokenOf({ ac: "no" }),
    ];
    for (const token of words) expect(cacheScopes(token)).toEqual({ readable: [""], writable: "" });
    expect(cacheScopes(tokenOf({ ac: '[null, 1, {"Scope": 1}]' }))).toEqual({ readable: [], writable: undefined });
  });

  test("gives each branch and each scope of the options an index of its own", () => {
    const token = of(["refs/pull/1/merge", 3], ["refs/heads/main", 1]);
    const names = ["app", "app#", "app-1"].flatMap((scope) => ghaPlace({ scope, token, url: RESULTS }).indexes);
    expect(new Set(names).size).toBe(6);
    for (const name of names) {
      expect(name).toMatch(/^ocibuild-index-1-app(#|-1)?-[0-9a-f]{16}#$/);
      expect(names.filter((other) => other.startsWith(name))).toEqual([name]);
    }
    const main = ghaPlace({ scope: "app", token: of(["refs/heads/main", 3]), url: RESULTS });
    expect(main.ownIndex).toBe(names[1]);
  });
});

test("layers are the entries that BuildKit makes of them", () => {
  const digest = `sha256:${"a".repeat(64)}` as Digest;
  expect(layerName(digest)).toBe(`buildkit-blob-1-${digest}`);
  expect(ENTRY_VERSION).toBe("693bb7016429d80366022f036f84856888c9f13e00145f5f6f4dce303a38d6f2");
});
