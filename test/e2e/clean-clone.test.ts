/** The README's first command, in a fresh clone of what is committed, as an ordinary user. Installs packages: slow. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { openLayout } from "../../src/cache/oci-layout.js";
import { validateImage } from "../../src/testing/validate-image.js";
import { makeOrdinaryUser, requireOrdinaryUser } from "../support/ordinary-user.js";
import { runProgram, tryProgram } from "../support/program.js";
import { requireTool } from "../support/tools.js";

const wanted = process.env["CI"] === "true" || process.env["OCIBUILD_E2E_CLONE"] === "1";
const ready = wanted && requireTool("git", "npm", "tar") && requireOrdinaryUser();
const ROOT = fileURLToPath(new URL("../..", import.meta.url));

describe.runIf(ready)("a fresh clone", () => {
  it("builds the example image with npm start and shows its digest, layers and sizes", async () => {
    await using user = makeOrdinaryUser();
    const bundle = join(user.folder("bundle"), "repository");
    // As root's own files the repository may be closed to others: handed over as one file.
    await runProgram("git", [
      "-C",
      ROOT,
      "-c",
      `safe.directory=${ROOT.replace(/\/$/, "")}`,
      "bundle",
      "create",
      bundle,
      "HEAD",
    ]);
    const clone = join(user.home, "clone");
    const as = (...command: string[]): [string, readonly string[]] => {
      const [program, ...args] = user.command(command);
      return [program, args];
    };
    const env = { ...user.env, ...certificates() };
    await runProgram(...as("git", "clone", "--quiet", bundle, clone), { env, cwd: user.home });
    const { code, stdout, stderr } = await tryProgram(...as("npm", "start"), { env, cwd: clone });
    expect(code, `${stderr}\n${stdout.toString()}`).toBe(0);
    const digest = /^sha256:[0-9a-f]{64}$/m.exec(stdout.toString())?.[0];
    expect(digest).toBeDefined();
    expect(stderr).toContain(digest);
    expect(stderr).toMatch(/[1-9][0-9]* layers?/);
    expect(stderr).toMatch(/[0-9](?:B|kB|MB)\b/);

    await runProgram(...as("mkdir", "layout"), { env, cwd: clone });
    await runProgram(...as("tar", "-C", "layout", "-xf", "dist/example-site.tar"), { env, cwd: clone });
    const { blobs, find } = await openLayout(join(clone, "layout"));
    expect(find().digest).toBe(digest);
    await validateImage(blobs, find());
    // Nothing that the clone does not know about was left in it.
    const status = await runProgram(...as("git", "status", "--porcelain"), { env, cwd: clone });
    expect(status).toBe("?? layout/\n");
  });
});

/** How packages are reached on this machine, where its settings say so. */
function certificates(): Record<string, string> {
  const names = ["NODE_EXTRA_CA_CERTS", "npm_config_registry", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"];
  return Object.fromEntries(names.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])));
}
