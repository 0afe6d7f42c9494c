/** Uploads of blobs: in one request, in one PUT, in pieces, by mounting. @spec distribution-spec#pushing-blobs */
import type { ApiCall, ApiSettings, Route } from "./api-call.js";
import type { RegistryContent } from "./content.js";
import { errorReply, type Reply, unsupported } from "./reply.js";

/** Stands in upload locations: a client that changes the query loses its session. */
const STATE = "a+b/c =~d";

export async function startUpload(
  content: RegistryContent,
  settings: ApiSettings,
  { repository }: Route,
  call: ApiCall,
): Promise<Reply> {
  if (call.method !== "POST") return unsupported();
  const mount = call.query.get("mount");
  const from = call.query.get("from");
  if (settings.mounts && mount !== null && from !== null && content.mountBlob(repository, mount, from)) {
    return created(repository, mount);
  }
  const id = content.openSession(repository);
  const digest = call.query.get("digest");
  if (digest !== null) {
    await append(content, repository, id, call);
    return finish(content, repository, id, digest);
  }
  return progress(settings, repository, id, 0, 202);
}

export async function upload(
  content: RegistryContent,
  settings: ApiSettings,
  { repository, name: id }: Route,
  call: ApiCall,
): Promise<Reply> {
  const session = content.session(repository, id);
  if (session === undefined || call.query.get("_state") !== STATE)
    return errorReply(404, "BLOB_UPLOAD_UNKNOWN", "no such upload");
  switch (call.method) {
    case "GET":
      return progress(settings, repository, id, session.size, 204);
    case "DELETE":
      content.closeSession(id);
      return { status: 204 };
    case "PATCH": {
      const header = call.headers["content-range"];
      const range = /^(?:bytes )?(\d+)-(\d+)$/.exec(typeof header === "string" ? header : "");
      const length = Number(call.headers["content-length"] ?? Number.NaN);
      const starts = range === null || Number(range[1]) === session.size;
      const ends = range === null || Number.isNaN(length) || Number(range[2]) === session.size + length - 1;
      if (!starts || !ends) return progress(settings, repository, id, session.size, 416);
      await append(content, repository, id, call);
      return progress(settings, repository, id, session.size, 202);
    }
    case "PUT": {
      await append(content, repository, id, call);
      return finish(content, repository, id, call.query.get("digest") ?? "");
    }
    default:
      return unsupported();
  }
}

/** What has come before a connection breaks is kept: the client can go on from there. */
async function append(content: RegistryContent, repository: string, id: string, call: ApiCall): Promise<void> {
  for await (const chunk of call.body) content.session(repository, id)?.append(chunk);
}

function finish(content: RegistryContent, repository: string, id: string, digest: string): Reply {
  if (content.finishSession(repository, id, digest)) return created(repository, digest);
  return errorReply(400, "DIGEST_INVALID", "provided digest did not match uploaded content");
}

function progress(settings: ApiSettings, repository: string, id: string, size: number, status: number): Reply {
  const path = `/v2/${repository}/blobs/uploads/${id}?_state=a%2Bb%2Fc%20%3D~d`;
  return {
    status,
    headers: {
      location: settings.uploadLocation(path),
      range: `0-${Math.max(0, size - 1)}`,
      "docker-upload-uuid": id,
    },
  };
}

function created(repository: string, digest: string): Reply {
  return { status: 201, headers: { location: `/v2/${repository}/blobs/${digest}`, "docker-content-digest": digest } };
}
