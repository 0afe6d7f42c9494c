import { describe, expect, test } from "vitest";
import { parseNoProxy, proxiesOf } from "../../src/http/proxy.js";

function proxyFor(url: string, env: Record<string, string>): string | undefined {
  return proxiesOf(env)(new URL(url))?.url.origin;
}

describe("proxiesOf", () => {
  test.each<[string, Record<string, string>, string | undefined]>([
    ["https://r.example", {}, undefined],
    ["https://r.example", { HTTPS_PROXY: "http://p:3128" }, "http://p:3128"],
    ["https://r.example", { https_proxy: "http://p:3128" }, "http://p:3128"],
    ["https://r.example", { HTTPS_PROXY: "", https_proxy: "http://p:3128" }, "http://p:3128"],
    ["https://r.example", { HTTPS_PROXY: "http://upper:1", https_proxy: "http://lower:1" }, "http://upper:1"],
    ["https://r.example", { HTTP_PROXY: "http://p:3128" }, undefined],
    ["http://r.example", { HTTP_PROXY: "http://p:3128" }, "http://p:3128"],
    ["http://r.example", { HTTPS_PROXY: "http://p:3128" }, undefined],
    ["https://r.example", { HTTPS_PROXY: "p.example:3128" }, "http://p.example:3128"],
    ["https://r.example", { HTTPS_PROXY: "https://p.example" }, "https://p.example"],
    ["http://r.example", { HTTP_PROXY: "http://p:1", REQUEST_METHOD: "GET" }, undefined],
    ["http://r.example", { http_proxy: "http://p:1", REQUEST_METHOD: "GET" }, "http://p:1"],
    ["https://localhost", { HTTPS_PROXY: "http://p:1" }, undefined],
    ["https://127.0.0.1:5000", { HTTPS_PROXY: "http://p:1" }, undefined],
    ["https://[::1]:5000", { HTTPS_PROXY: "http://p:1" }, undefined],
    ["https://x.localhost", { HTTPS_PROXY: "http://p:1" }, undefined],
    ["https://r.example", { HTTPS_PROXY: "http://p:1", NO_PROXY: "r.example" }, undefined],
    ["https://r.example", { HTTPS_PROXY: "http://p:1", no_proxy: "*" }, undefined],
  ])("%s with %j goes through %s", (url, env, expected) => {
    expect(proxyFor(url, env)).toBe(expected);
  });

  test("L5: user and password are for the proxy alone, and stand in no URL", () => {
    const proxy = proxiesOf({ HTTPS_PROXY: "http://me:p%40ss@p.example:3128" })(new URL("https://r.example"));
    expect(proxy).toEqual({
      url: new URL("http://p.example:3128"),
      authorization: `Basic ${Buffer.from("me:p@ss").toString("base64")}`,
    });
  });

  test.each([
    ["http://", "OPTIONS_INVALID"],
    ["http://canary:canary@[bad", "OPTIONS_INVALID"],
    ["socks5://canary:canary@p:1080", "OPTIONS_UNSUPPORTED"],
    ["ftp://p", "OPTIONS_UNSUPPORTED"],
  ])("a proxy %j is %s when it is needed, and its text is not shown", (value, code) => {
    const choose = proxiesOf({ HTTPS_PROXY: value });
    expect(choose(new URL("http://r.example"))).toBeUndefined();
    let error: unknown;
    try {
      choose(new URL("https://r.example"));
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toMatchObject({ code });
    expect(String(error) + JSON.stringify(error)).not.toContain("canary");
  });
});

describe("parseNoProxy", () => {
  test.each<[string, string, boolean]>([
    ["example.com", "https://example.com", true],
    ["example.com", "https://a.b.example.com", true],
    ["example.com", "https://notexample.com", false],
    [".example.com", "https://a.example.com", true],
    [".example.com", "https://example.com", false],
    ["*.example.com", "https://a.example.com", true],
    ["*.example.com", "https://example.com", false],
    ["EXAMPLE.com", "https://Example.COM.", true],
    ["example.com:443", "https://example.com", true],
    ["example.com:443", "https://example.com:5000", false],
    ["example.com:80", "http://example.com", true],
    ["10.0.0.0/8", "https://10.1.2.3:5000", true],
    ["10.0.0.0/8", "https://11.1.2.3", false],
    ["10.0.0.0/8", "https://ten.example", false],
    ["10.1.2.3", "https://10.1.2.3", true],
    ["10.1.2.3", "https://10.1.2.30", false],
    ["10.1.2.3:5000", "https://10.1.2.3:5000", true],
    ["10.1.2.3:5000", "https://10.1.2.3", false],
    ["fd00::/8", "https://[fd12::1]", true],
    ["[fd12::1]:5000", "https://[fd12::1]:5000", true],
    ["fd12:0::1", "https://[fd12::1]", true],
    ["a.example, b.example", "https://b.example", true],
    ["a.example b.example", "https://b.example", true],
    ["*", "https://anything.example", true],
    ["", "https://anything.example", false],
    ["10.0.0.0/99", "https://10.0.0.1", false],
    [",,,", "https://a.example", false],
    ["[", "https://a.example", false],
  ])("%j and %s: %s", (text, url, excepted) => {
    expect(parseNoProxy(text)(new URL(url))).toBe(excepted);
  });
});
