import { describe, expect, test } from "vitest";
import { type GitAccess, gitAccess } from "../../../src/context/git/git-access.js";
import { parseRemote } from "../../../src/context/git/git-remote.js";

const basic = (text: string): string => `Authorization: Basic ${Buffer.from(text).toString("base64")}`;

function access(
  url: string,
  secrets: Readonly<Record<string, string>> = {},
  options: { readonly main?: string; readonly withUserKeys?: boolean; readonly sshAgent?: string } = {},
): Promise<GitAccess> {
  const { main, withUserKeys = false, sshAgent } = options;
  return gitAccess(parseRemote(url), {
    secret: async (id) => (Object.hasOwn(secrets, id) ? Buffer.from(secrets[id]!) : undefined),
    withUserKeys,
    sshAgent,
    main: main === undefined ? undefined : parseRemote(main),
  });
}

describe("what git may use", () => {
  test("is the scheme of the URL and no other", async () => {
    for (const [url, protocols] of [
      ["https://h/x.git", "https"],
      ["http://h/x.git", "http"],
      ["git://h/x", "git"],
      ["ssh://h/x", "ssh"],
      ["git@h:x", "ssh"],
    ] as const) {
      expect(await access(url)).toMatchObject({ protocols, secretConfig: [] });
    }
  });

  test("are secrets for the host before those for any, headers before tokens, and the URL's own at last", async () => {
    const all = {
      "GIT_AUTH_HEADER.h:1": "Bearer 1",
      "GIT_AUTH_TOKEN.h:1": "2\n",
      GIT_AUTH_HEADER: "Bearer 3",
      GIT_AUTH_TOKEN: "4",
    };
    const url = "https://u:p@h:1/x.git";
    const key = "http.https://h:1/x.git.extraHeader";
    const order: [string, string][] = [
      ["GIT_AUTH_HEADER.h:1", "Authorization: Bearer 1"],
      ["GIT_AUTH_TOKEN.h:1", basic("x-access-token:2")],
      ["GIT_AUTH_HEADER", "Authorization: Bearer 3"],
      ["GIT_AUTH_TOKEN", basic("x-access-token:4")],
      ["", basic("u:p")],
    ];
    const left = new Map(Object.entries(all));
    for (const [id, header] of order) {
      expect((await access(url, Object.fromEntries(left))).secretConfig).toEqual([[key, header]]);
      left.delete(id);
    }
  });

  test("on GitHub is the same for all repositories, elsewhere for the one that was named", async () => {
    const secrets = { GIT_AUTH_TOKEN: "t" };
    const github = "https://github.com/a/x.git";
    expect((await access("https://github.com/b/y.git", secrets, { main: github })).secretConfig).toEqual([
      ["http.https://github.com/.extraHeader", basic("x-access-token:t")],
    ]);
    for (const [main, other] of [
      [github, "https://github.com.evil.example/b/y.git"],
      [github, "https://gitlab.com/b/y.git"],
      ["https://h/a.git", "https://h/b.git"],
      ["https://h/a.git", "http://github.com/b.git"],
    ] as const) {
      expect((await access(other, secrets, { main })).secretConfig).toEqual([]);
    }
  });

  test("R3: does not go over plain HTTP but to this machine", async () => {
    const secrets = { GIT_AUTH_TOKEN: "t" };
    await expect(access("http://h/x.git", secrets)).rejects.toThrow("not sent over plain HTTP");
    await expect(access("http://127.0.0.1.example/x.git", secrets)).rejects.toThrow("not sent over plain HTTP");
    for (const host of ["127.0.0.1:1", "localhost", "[::1]"]) await access(`http://${host}/x.git`, secrets);
  });

  test("C12: is one line", async () => {
    await expect(access("https://h/x.git", { GIT_AUTH_HEADER: "a\r\nb: c" })).rejects.toThrow("control characters");
  });

  test("L5: is what must be hidden in messages", async () => {
    expect((await access("https://h/x.git", { GIT_AUTH_HEADER: "Bearer abc" })).hidden).toContain("abc");
    const { hidden } = await access("https://token@h/x.git");
    expect(hidden).toContain("token");
    expect(hidden).toContain(Buffer.from("token:").toString("base64"));
  });

  test("C12: is a key of the user for what the user named, and never for what a Dockerfile names", async () => {
    const dockerfile = await access("git@h:x");
    expect(dockerfile.sshCommand).toContain("-i /dev/null -o IdentityAgent=none");
    const allowed = await access("git@h:x", {}, { sshAgent: "/agent" });
    expect(allowed.sshCommand).toContain("-i /dev/null");
    expect(allowed.sshCommand).not.toContain("IdentityAgent");
    expect(allowed.sshAgent).toBe("/agent");
    const user = await access("git@h:x", {}, { withUserKeys: true, sshAgent: "/agent" });
    expect(user.sshCommand).not.toContain("-i ");
    for (const { sshCommand } of [dockerfile, allowed, user]) {
      expect(sshCommand).toContain("BatchMode=yes");
      expect(sshCommand).toContain("StrictHostKeyChecking=yes");
    }
  });
});
