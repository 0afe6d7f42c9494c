/** ADD from web servers (threat C13), and what is kept of it from build to build. */
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { type ErrorCode, isOcibuildError, rootfsTar } from "../../src/index.js";
import { buildChecked, buildOnly, expectNoTemporaryFiles, filesOf, fresh, type TestBuild } from "../support/builds.js";
import { type Answer, type FileServer, startFileServer } from "../support/file-server.js";

const ADD_FILE = "FROM scratch\nARG U\nADD $U /x\n";
const hexOf = (bytes: string | Buffer, algorithm = "sha256"): string =>
  createHash(algorithm).update(bytes).digest("hex");

function add(url: string, dockerfile = ADD_FILE): ReturnType<typeof fresh> {
  return fresh({ dockerfile, buildArgs: { U: url } });
}

async function failure(options: ReturnType<typeof fresh>, code: ErrorCode): Promise<string> {
  const thrown: unknown = await buildOnly(options).then(
    () => "it was built",
    (error: unknown) => error,
  );
  expect(thrown).toSatisfy((error) => isOcibuildError(error, code));
  expectNoTemporaryFiles(options.root);
  return (thrown as Error).message;
}

const reply =
  (status: number, headers: Record<string, string>, body: string | Buffer = ""): Answer =>
  (response) =>
    response.writeHead(status, headers).end(body);

type Handler = Extract<Answer, (...args: never) => void>;

/** Answers 304 to who has the file already. */
function conditional(body: string, validators: Record<string, string>): Handler {
  return (response, request) => {
    const { "if-none-match": tag, "if-modified-since": since } = request.headers;
    const isKnown =
      tag === undefined ? since !== undefined && since === validators["last-modified"] : tag === validators["etag"];
    if (isKnown) response.writeHead(304, validators).end();
    else response.writeHead(200, validators).end(body);
  };
}

/** How the files of a build came: from the server, or from the store because nothing had changed. */
function fetches({ events }: TestBuild): string[] {
  return events.flatMap((event) =>
    event.type === "task-finished" && event.id.startsWith("fetch ") ? event.outcome : [],
  );
}

describe("ADD by URL", () => {
  test("fetches the file with BuildKit's mode, owner and time", async () => {
    await using server = await startFileServer({
      "/a": reply(200, { "last-modified": "Sat, 03 Feb 2001 04:05:06 GMT" }, "text"),
      "/b": "no time",
    });
    const options = add(`${server.url}/a`, "FROM scratch\nARG U\nADD $U /x\nADD ${U%a}b /y\n");
    const built = await buildChecked(options);
    expect(await filesOf(built)).toEqual(["/x 600 0:0", "/y 600 0:0"]);
    const times: (readonly [string, number])[] = [];
    for await (const { path, mtimeSeconds } of built.files()) times.push([path, mtimeSeconds]);
    expect(times).toEqual([
      ["/x", 981173106],
      ["/y", 0],
    ]);
    expectNoTemporaryFiles(options.root);
  });

  test("decodes gzip, which it asks for, and nothing else", async () => {
    const asked: (string | undefined)[] = [];
    await using server = await startFileServer({
      "/gzip": (response, request) => {
        asked.push(request.headers["accept-encoding"]);
        response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync("plain"));
      },
      "/br": reply(200, { "content-encoding": "br" }, "raw"),
      "/aws": reply(200, { "content-encoding": "aws-chunked" }, "raw too"),
    });
    const built = await buildChecked(
      add(server.url, "FROM scratch\nARG U\nADD $U/gzip /a\nADD $U/br /b\nADD $U/aws /c\n"),
    );
    expect(String(await built.readFile("/a"))).toBe("plain");
    expect(String(await built.readFile("/b"))).toBe("raw");
    expect(String(await built.readFile("/c"))).toBe("raw too");
    expect(asked).toEqual(["gzip"]);
  });

  test("names the file by the URL, whatever the server proposes or redirects to", async () => {
    await using server = await startFileServer({
      "/a": reply(200, { "content-disposition": 'attachment; filename="../../evil"' }, "1"),
      "/first": reply(302, { location: "/second" }),
      "/second": "2",
      "/up%2f..": "3",
      "/d%2Fe%20f": "4",
    });
    const built = await buildChecked(
      add(server.url, "FROM scratch\nARG U\nADD $U/a $U/first $U/up%2f.. $U/d%2Fe%20f /d/\n"),
    );
    expect((await filesOf(built)).map((line) => line.replace(/ 600 .*/, ""))).toEqual([
      "/d/ 755 0:0",
      "/d/__unnamed__",
      "/d/a",
      "/d/e f",
      "/d/first",
    ]);
  });
});

describe("C13: ADD by URL refuses", () => {
  test.each([
    [404, "invalid response status 404"],
    [401, "invalid response status 401"],
    [500, "invalid response status 500"],
    [206, "invalid response status 206"],
    [304, "invalid response status 304"],
  ])("status %d", async (status, message) => {
    await using server = await startFileServer({ "/a": reply(status, {}) });
    expect(await failure(add(`${server.url}/a`), "CONTEXT_FETCH")).toContain(message);
    expect(server.requests).toHaveLength(1);
  });

  test("gzip that is damaged, after trying once only", async () => {
    const body = gzipSync("x".repeat(1000)).subarray(0, 20);
    await using server = await startFileServer({ "/a": reply(200, { "content-encoding": "gzip" }, body) });
    expect(await failure(add(`${server.url}/a`), "CONTEXT_FETCH")).toContain("came damaged");
  });

  test("redirects that go in circles, leave HTTP or lead nowhere", async () => {
    await using server = await startFileServer({
      "/circle": reply(302, { location: "/circle" }),
      "/file": reply(302, { location: "file:///etc/passwd" }),
      "/none": reply(302, {}),
    });
    expect(await failure(add(`${server.url}/circle`), "CONTEXT_FETCH")).toContain("more than 10 redirects");
    expect(await failure(add(`${server.url}/file`), "CONTEXT_FETCH")).toContain('the scheme "file:"');
    expect(await failure(add(`${server.url}/none`), "CONTEXT_FETCH")).toContain("Location header is missing");
  });

  test("a file with another checksum, before anything is made of it", async () => {
    await using server = await startFileServer({ "/a": "text" });
    const wanted = `sha256:${hexOf("other")}`;
    const options = add(`${server.url}/a`, `FROM scratch\nARG U\nADD --checksum=${wanted} $U /x\n`);
    expect(await failure(options, "BLOB_DIGEST_MISMATCH")).toContain(
      `digest mismatch sha256:${hexOf("text")}: ${wanted}`,
    );
  });

  test("a server that is not there", async () => {
    const gone = await startFileServer({});
    await gone[Symbol.asyncDispose]();
    expect(await failure(add(`${gone.url}/a`), "CONTEXT_FETCH")).toContain("the connection was refused");
  });
});

test.each(["sha256", "sha384", "sha512"])("a file with the right %s is taken", async (algorithm) => {
  await using server = await startFileServer({ "/a": "text" });
  const checksum = `${algorithm}:${hexOf("text", algorithm)}`;
  const built = await buildChecked(add(`${server.url}/a`, `FROM scratch\nARG U\nADD --checksum=${checksum} $U /x\n`));
  expect(String(await built.readFile("/x"))).toBe("text");
});

test("an answer that breaks off is asked for again, and only what is whole is kept", async () => {
  let count = 0;
  const body = "x".repeat(100_000);
  await using server = await startFileServer({
    "/a": (response) => {
      response.writeHead(200, { "content-length": body.length });
      if (++count === 1) response.write(body.slice(0, 50_000), () => response.destroy());
      else response.end(body);
    },
    "/b": (response) => {
      if (++count % 2 === 1) response.writeHead(503, { "retry-after": "0" }).end();
      else response.end("b");
    },
  });
  const options = add(server.url, "FROM scratch\nARG U\nADD $U/a $U/b /d/\n");
  const built = await buildChecked(options);
  expect(String(await built.readFile("/d/a"))).toBe(body);
  expect(readdirSync(join(options.root, "fetched", "v1")).sort()).toEqual([hexOf(body), hexOf("b")].sort());
});

describe("a second build", () => {
  const later = { date: "Sat, 03 Feb 2001 05:05:06 GMT", "last-modified": "Sat, 03 Feb 2001 04:05:06 GMT" };

  test.each([
    ["a tag", { etag: '"1"' }],
    ["a weak tag", { etag: 'W/"1"' }],
    ["a time long before the answer", later],
  ])("gets no file again whose server knows it by %s", async (_, validators) => {
    await using server = await startFileServer({ "/a": conditional("text", validators) });
    const options = add(`${server.url}/a`);
    expect(fetches(await buildChecked(options))).toEqual(["done"]);
    const second = await buildChecked(options);
    expect(fetches(second)).toEqual(["cached"]);
    expect(second.ran).toEqual([]);
    expect(server.requests).toHaveLength(2);
    const third = await buildChecked({ ...options, noCache: true });
    expect(fetches(third)).toEqual(["cached"]);
    expect(String(await third.readFile("/x"))).toBe("text");
  });

  test("leaves the answer of a server that heeds no condition but names the same tag", async () => {
    await using server = await startFileServer({ "/a": reply(200, { etag: '"1"' }, "text") });
    const options = add(`${server.url}/a`);
    await buildChecked(options);
    expect(fetches(await buildChecked(options))).toEqual(["cached"]);
  });

  test("does not ask with a time that may hide a change, nor without anything to ask with", async () => {
    const asked: unknown[] = [];
    const note =
      (headers: Record<string, string>): Answer =>
      (response, request) => {
        asked.push(request.headers["if-modified-since"], request.headers["if-none-match"]);
        response.writeHead(200, headers).end("text");
      };
    await using server = await startFileServer({
      "/a": note({ ...later, date: later["last-modified"] }),
      "/b": note({}),
    });
    const options = add(server.url, "FROM scratch\nARG U\nADD $U/a $U/b /d/\n");
    await buildChecked(options);
    const second = await buildChecked(options);
    expect(asked).toEqual(Array(8).fill(undefined));
    expect(fetches(second)).toEqual(["done", "done"]);
    expect(second.ran).toEqual([]);
  });

  test("makes the layer anew when the file is another", async () => {
    let text = "one";
    await using server = await startFileServer({
      "/a": (response, request) => conditional(text, { etag: `"${text}"` })(response, request),
    });
    const options = add(`${server.url}/a`);
    await buildChecked(options);
    text = "two";
    const second = await buildChecked(options);
    expect(String(await second.readFile("/x"))).toBe("two");
    expect(second.ran).toHaveLength(1);
  });

  test("asks nobody for a file whose digest the Dockerfile tells", async () => {
    await using server = await startFileServer({ "/a": "text" });
    const options = add(`${server.url}/a`, `FROM scratch\nARG U\nADD --checksum=sha256:${hexOf("text")} $U /x\n`);
    await buildChecked(options);
    await buildChecked(options);
    await buildChecked({ ...options, noCache: true });
    expect(server.requests).toHaveLength(1);
  });

  test.each([
    ["changed", (path: string) => writeFileSync(path, "evil")],
    ["longer", (path: string) => writeFileSync(path, "text and more")],
    ["gone", (path: string) => rmSync(path)],
  ])("K5: does not use a kept file that is %s: the digest decides, not the tag", async (_, damage) => {
    await using server = await startFileServer({ "/a": conditional("text", { etag: '"1"' }) });
    const options = add(`${server.url}/a`);
    await buildChecked(options);
    damage(join(options.root, "fetched", "v1", hexOf("text")));
    const second = await buildChecked({ ...options, noCache: true });
    expect(String(await second.readFile("/x"))).toBe("text");
    expect(readFileSync(join(options.root, "fetched", "v1", hexOf("text")), "utf8")).toBe("text");
  });

  test("fails when the key was made of a file that its server no longer has", async () => {
    let isChanged = false;
    await using server = await startFileServer({
      "/a": (response, request) => {
        if (request.headers["if-none-match"] !== undefined) response.writeHead(304).end();
        else response.writeHead(200, { etag: '"1"' }).end(isChanged ? "evil" : "text");
      },
    });
    const options = add(`${server.url}/a`);
    await buildChecked(options);
    isChanged = true;
    writeFileSync(join(options.root, "fetched", "v1", hexOf("text")), "evil");
    await failure({ ...options, noCache: true }, "BLOB_DIGEST_MISMATCH");
  });
});

describe("L1: secrets for web servers", () => {
  const CANARY = "canary-4f0e1c7a9b";

  function authorizing(seen: (string | undefined)[]): Record<string, Answer> {
    return {
      "/a": (response, request) => {
        seen.push(request.headers.authorization);
        response.writeHead(request.headers.authorization === undefined ? 401 : 200, { etag: '"1"' }).end("text");
      },
    };
  }

  /** Every file of the store and every event, as one text. */
  function everything(root: string, { events }: Pick<TestBuild, "events">): string {
    const texts = [JSON.stringify(events)];
    const visit = (folder: string): void => {
      for (const name of readdirSync(folder)) {
        const path = join(folder, name);
        texts.push(path);
        if (statSync(path).isDirectory()) visit(path);
        else texts.push(readFileSync(path, "latin1"));
      }
    };
    visit(root);
    return texts.join("\n");
  }

  function expectHidden(text: string): void {
    for (const shape of [CANARY, Buffer.from(CANARY).toString("base64").slice(0, 16), encodeURIComponent(CANARY)]) {
      expect(text).not.toContain(shape);
    }
  }

  test("a token goes to its host and nowhere else, and is in nothing that is kept or told", async () => {
    const seen: (string | undefined)[] = [];
    await using away = await startFileServer(authorizing(seen));
    await using server = await startFileServer({
      ...authorizing(seen),
      "/away": reply(302, { location: `${away.url}/a` }),
    });
    const options = { ...add(`${server.url}/a`), secrets: { "HTTP_AUTH_TOKEN_127.0.0.1": `${CANARY}\n` } };
    const built = await buildChecked(options);
    expect(seen).toEqual([`Bearer ${CANARY}`]);
    expectHidden(everything(options.root, built));
    const leaving = { ...add(`${server.url}/away`), secrets: options.secrets };
    expect(await failure(leaving, "CONTEXT_FETCH")).toContain("401");
    expect(seen.slice(1)).toEqual([undefined]);
  });

  test("a whole header, from a file or the environment's variable, is taken too", async () => {
    const seen: (string | undefined)[] = [];
    await using server = await startFileServer(authorizing(seen));
    const options = add(`${server.url}/a`);
    const file = `${options.root}.secret`;
    writeFileSync(file, `Basic ${CANARY}\n`);
    const built = await buildChecked({ ...options, secrets: { "HTTP_AUTH_HEADER_127.0.0.1": { file } } });
    expect(seen).toEqual([`Basic ${CANARY}`]);
    expectHidden(everything(options.root, built));
    expect(
      await failure(
        { ...options, secrets: { "HTTP_AUTH_TOKEN_127.0.0.1": { env: "NO_SUCH_VARIABLE" } } },
        "OPTIONS_INVALID",
      ),
    ).toContain('"NO_SUCH_VARIABLE", which is not set');
  });

  test("credentials of a URL are sent, and taken out of history, events and records", async () => {
    const seen: (string | undefined)[] = [];
    await using server = await startFileServer(authorizing(seen));
    const url = server.url.replace("//", `//user:${CANARY}@`);
    const options = { ...add("", `FROM scratch\nADD ${url}/a?sig=${CANARY} /x\n`) };
    const plain = fresh({ dockerfile: `FROM scratch\nADD ${url}/a /x\n` });
    const built = await buildChecked(plain);
    expect(seen).toEqual([`Basic ${Buffer.from(`user:${CANARY}`).toString("base64")}`]);
    expect(built.images[0]!.config.history!.map((line) => line.created_by)).toEqual([
      `ADD ${server.url.replace("//", "//xxxxx@")}/a /x`,
    ]);
    expectHidden(everything(plain.root, built));
    expect(await failure(options, "CONTEXT_FETCH")).toContain("404");
  });

  test("credentials are not sent over plain HTTP to another machine", async () => {
    const options = add("http://user:pw@machine.invalid/a");
    expect(await failure(options, "CONTEXT_FETCH")).toContain("not sent over plain HTTP");
  });
});

describe("contexts from web servers", () => {
  test("an archive is the context; its ignore file is not read", async () => {
    const archive = join(fresh({}).root, "..", "ctx.tar");
    await buildOnly(
      fresh({
        dockerfile: "FROM scratch\nCOPY . /\n",
        files: { Dockerfile: "FROM scratch\nCOPY . /\n", f: "x", ".dockerignore": "f" },
        outputs: [rootfsTar(archive)],
      }),
    ).catch(() => undefined);
    const tar = readFileSync(archive);
    await using server = await startFileServer({ "/c.tar": tar, "/c.tgz": gzipSync(tar) });
    for (const path of ["/c.tar", "/c.tgz"]) {
      const built = await buildChecked(fresh({ context: `${server.url}${path}` }));
      expect((await filesOf(built)).join("\n")).toContain("Dockerfile ");
    }
  });

  test("anything else is a Dockerfile, and the only file of the context", async () => {
    await using server = await startFileServer({ "/d": "FROM scratch\nCOPY . /\nLABEL a=b\n", "/bad": "NOPE\n" });
    const built = await buildChecked(fresh({ context: `${server.url}/d` }));
    expect(await filesOf(built)).toEqual(["/context 600 0:0"]);
    expect(await failure(fresh({ context: `${server.url}/bad` }), "DOCKERFILE_INVALID")).toContain("NOPE");
    expect(await failure(fresh({ context: `${server.url}/gone` }), "CONTEXT_FETCH")).toContain("404");
  });

  test("a named one is its file, under the name that the server proposes", async () => {
    const named = reply(200, { "content-disposition": "attachment; filename=real.bin" }, "1");
    await using server = await startFileServer({ "/a.bin": "0", "/b": named });
    const options = fresh({
      dockerfile: "FROM scratch\nCOPY --from=one / /\nCOPY --from=two / /\n",
      buildContexts: { one: `${server.url}/a.bin`, two: `${server.url}/b` },
    });
    expect(await filesOf(await buildChecked(options))).toEqual(["/a.bin 600 0:0", "/real.bin 600 0:0"]);
  });

  test("a Dockerfile by URL stands beside any context", async () => {
    await using server = await startFileServer({ "/Dockerfile": "FROM scratch\nCOPY f /g\n" });
    const built = await buildChecked(
      fresh({ file: `${server.url}/Dockerfile`, files: { f: "x", Dockerfile: "NOPE" } }),
    );
    expect(await filesOf(built)).toEqual(["/g 644 0:0"]);
  });
});

test("an abort ends a download that hangs, and leaves nothing", async () => {
  const abort = new AbortController();
  await using server: FileServer = await startFileServer({
    "/a": (response) => {
      response.writeHead(200, { "content-length": 1_000_000 }).write("x".repeat(1000));
      setTimeout(() => abort.abort(new Error("enough")), 50);
    },
  });
  const options = add(`${server.url}/a`);
  await expect(buildOnly({ ...options, signal: abort.signal })).rejects.toThrow("enough");
  expectNoTemporaryFiles(options.root);
  expect(existsSync(join(options.root, "fetched"))).toBe(false);
});
