import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { RegistryContent, sha256 } from "../../../src/testing/registry/content.js";
import { demandAuthorization } from "../../../src/testing/registry/faults.js";
import { startRegistry } from "../../../src/testing/registry/registry.js";
import { OCI_MANIFEST } from "../../support/registry.js";
import { tempFolder } from "../../support/temp-folder.js";

const BYTES = Buffer.from("0123456789");
const MANIFEST = Buffer.from('{"schemaVersion":2}');

describe.each(["memory", "folder"])("content in %s", (kind) => {
  const create = (): RegistryContent => new RegistryContent(kind === "folder" ? { folder: tempFolder() } : {});

  test("blobs belong to repositories, and are mounted", () => {
    const content = create();
    const digest = content.putBlob("a/b", BYTES);
    expect(content.blob("a/b", digest)?.equals(BYTES)).toBe(true);
    expect(content.blob("c", digest)).toBeUndefined();
    expect(content.mountBlob("c", digest, "nowhere")).toBe(false);
    expect(content.mountBlob("c", digest, "a/b")).toBe(true);
    expect(content.blob("c", digest)?.equals(BYTES)).toBe(true);
    expect(
      [...(content.openBlob("c", digest)!.open(2, 2) as Iterable<Buffer>)].every(({ length }) => length === 0),
    ).toBe(true);
  });

  test("an upload becomes a blob when it has the digest, and nothing else", () => {
    const content = create();
    for (const digest of [sha256(Buffer.from("other")), "sha256:../../x", sha256(BYTES)]) {
      const id = content.openSession("a");
      content.session("a", id)!.append(BYTES.subarray(0, 4));
      content.session("a", id)!.append(BYTES.subarray(4));
      expect(content.session("a", id)!.size).toBe(10);
      expect(content.session("b", id)).toBeUndefined();
      expect(content.finishSession("a", id, digest)).toBe(digest === sha256(BYTES));
    }
    expect(content.openSessions).toBe(0);
    expect(content.blob("a", sha256(BYTES))?.equals(BYTES)).toBe(true);
  });

  test("a manifest goes with its tags", () => {
    const content = create();
    const digest = content.putManifest("a", MANIFEST, OCI_MANIFEST, "1", "2");
    expect(content.delete("tags", "a", "2")).toBe(true);
    expect(content.manifest("a", "1")).toMatchObject({ digest, mediaType: OCI_MANIFEST });
    expect(content.delete("manifests", "a", digest)).toBe(true);
    expect([content.tags("a"), content.manifests("a"), content.manifest("a", "1")]).toEqual([[], [], undefined]);
    expect(content.delete("manifests", "a", digest)).toBe(false);
  });
});

test("a folder has what another content has left, and nothing of uploads that never ended", async () => {
  const folder = tempFolder();
  {
    await using registry = await startRegistry({ folder });
    registry.content.putBlob("team/app", BYTES);
    registry.content.putManifest("team/app", MANIFEST, OCI_MANIFEST, "1", "2");
    registry.content.delete("tags", "team/app", "2");
    registry.content.session("team/app", registry.content.openSession("team/app"))!.append(BYTES);
  }
  const again = new RegistryContent({ folder });
  expect(again.repositories()).toEqual(["team/app"]);
  expect(again.tags("team/app")).toEqual(["1"]);
  expect(again.manifest("team/app", "1")?.bytes.equals(MANIFEST)).toBe(true);
  expect(again.blob("team/app", sha256(BYTES))?.equals(BYTES)).toBe(true);
  expect(readdirSync(join(folder, "uploads"))).toEqual([]);
});

test.each(["..", "%2e%2e", "a%2f..%2f..%2fx", ".hidden", "a//b", "_blobs"])(
  "the repository %j is not there",
  async (name) => {
    const folder = tempFolder();
    await using registry = await startRegistry({ folder });
    const reply = await fetch(`${registry.url}/v2/${name}/blobs/uploads/`, { method: "POST" });
    await reply.arrayBuffer();
    expect(reply.status).toBe(404);
    expect(registry.content.repositories()).toEqual([]);
  },
);

test("authorization can be demanded from the n-th request on, also where nobody is asked else", async () => {
  await using registry = await startRegistry();
  registry.fail({ after: 1, times: 1, action: demandAuthorization });
  const statuses: number[] = [];
  for (let request = 0; request < 3; request++) {
    const reply = await fetch(`${registry.url}/v2/`);
    await reply.arrayBuffer();
    statuses.push(reply.status);
    if (reply.status === 401) expect(reply.headers.get("www-authenticate")).toBe('Basic realm="test registry"');
  }
  expect(statuses).toEqual([200, 401, 200]);
});
