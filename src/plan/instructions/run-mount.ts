/**
 * `RUN --mount=…`: where a mount goes, what is in it, and the defaults of each type.
 * @spec Dockerfile reference, "RUN --mount"
 */
import { posix } from "node:path";
import type { RunMount } from "../../dockerfile/ast.js";
import { type ResolvedMount, resolveMount } from "../../dockerfile/resolve-mount.js";
import { goQuote } from "../../util/go-format.js";
import type { MountFacts } from "../outline-record.js";
import { planProblem } from "../problem.js";
import { fileSourceOf, type StageDraft } from "../stage-draft.js";
import type { PlannedMount } from "../steps/run.js";
import { expand, type Scope, whereOf } from "./scope.js";

/** @param source what `from` names, the empty image when it names nothing */
export function planMount(scope: Scope, mount: RunMount, source: StageDraft): PlannedMount {
  const where = whereOf(scope, mount);
  const resolved = resolveMount(mount, (value) => expand(scope, { value, span: mount.span }));
  if ("problem" in resolved) throw planProblem(where, resolved.problem, resolved.hint);
  const { from, type } = resolved;
  if (from !== "" && !source.planned) {
    throw planProblem(
      where,
      `cannot mount from stage ${goQuote(from)} to ${goQuote(resolved.target)}, stage needs to be defined before current command`,
      "Move that stage above this one.",
    );
  }
  if (type === "secret") {
    const secret = secretOf(resolved, scope.draft.workdir);
    note(scope, scope.draft.outline.secrets, secret);
    return secret;
  }
  if (type === "ssh") {
    if (resolved.source !== "") throw planProblem(where, "ssh does not support source", "Write id=NAME.");
    const ssh = sshOf(resolved, scope.draft.workdir);
    note(scope, scope.draft.outline.ssh, ssh);
    return ssh;
  }
  const target = absolute(resolved.target, scope.draft.workdir);
  if (target === "/") {
    throw planProblem(where, `invalid mount target ${goQuote(target)}`, "Say where the mount goes: target=/path.");
  }
  switch (type) {
    case "tmpfs":
      return { type, target, sizeBytes: resolved.sizeBytes === 0 ? undefined : resolved.sizeBytes };
    case "cache":
      return {
        type,
        id: resolved.id === "" ? posix.normalize(resolved.target).replace(/(.)\/$/, "$1") : resolved.id,
        from: from === "" ? { kind: "scratch" } : fileSourceOf(source),
        source: cleanPath(resolved.source),
        target,
        readOnly: resolved.readOnly,
        sharing: resolved.sharing ?? "shared",
        ...ownerOf(resolved, 0o755),
      };
    case "bind":
      return {
        type,
        from: from === "" ? { kind: "context" } : fileSourceOf(source),
        source: cleanPath(resolved.source),
        target,
        readOnly: resolved.readOnly,
      };
    default:
      return type satisfies never;
  }
}

/** The first mention counts. */
function note({ command }: Scope, record: Map<string, MountFacts>, { id, required }: SecretMount | SshMount): void {
  if (!record.has(id)) record.set(id, { required, span: command.where.span });
}

type SecretMount = PlannedMount & { readonly type: "secret" };
type SshMount = PlannedMount & { readonly type: "ssh" };

function secretOf(mount: ResolvedMount, workdir: string): SecretMount {
  const id = mount.source || mount.id || posix.basename(mount.target);
  const { env } = mount;
  const target = mount.target || (env === undefined ? `/run/secrets/${posix.basename(id)}` : undefined);
  return {
    type: "secret",
    id,
    target: target === undefined ? undefined : absolute(target, workdir),
    env: env === "" ? id : env,
    required: mount.required,
    ...ownerOf(mount, 0o400),
  };
}

function sshOf(mount: ResolvedMount, workdir: string): SshMount {
  return {
    type: "ssh",
    id: mount.id === "" ? "default" : mount.id,
    target: mount.target === "" ? undefined : absolute(mount.target, workdir),
    required: mount.required,
    ...ownerOf(mount, 0o600),
  };
}

function ownerOf({ mode, uid, gid }: ResolvedMount, defaultMode: number): { mode: number; uid: number; gid: number } {
  return { mode: mode ?? defaultMode, uid: uid ?? 0, gid: gid ?? 0 };
}

function absolute(target: string, workdir: string): string {
  return cleanPath(posix.isAbsolute(target) ? target : `${workdir}/${target}`);
}

function cleanPath(path: string): string {
  return withoutSlash(posix.normalize(`/${path}`));
}

function withoutSlash(clean: string): string {
  return clean.length > 1 && clean.endsWith("/") ? clean.slice(0, -1) : clean;
}
