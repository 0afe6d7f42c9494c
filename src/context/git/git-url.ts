/**
 * Git repositories as sources of ADD: `https://host/x.git#ref:dir`, `git://…`, `ssh://…`, `user@host:path`, with the
 * query parameters that BuildKit knows. Nothing is fetched here.
 * @spec Dockerfile reference, "ADD <Git ref>"
 */

import { posix } from "node:path";
import { parseBool } from "../../dockerfile/parse-bool.js";
import { goQuote } from "../../util/go-format.js";

export interface GitUrl {
  /** Without query and fragment. */
  readonly remote: string;
  readonly ref: string | undefined;
  /** Relative, clean; empty for the whole tree. */
  readonly subdirectory: string;
  readonly checksum: string | undefined;
  readonly keepGitDir: boolean | undefined;
  readonly submodules: boolean | undefined;
}

const SCHEME = /^([a-zA-Z0-9]+):\/\//;
const SCP_HOST = /^[a-zA-Z0-9_-]+@[a-zA-Z0-9.-]+:/;

/** The repository that `text` names; `undefined` when it names none; what is wrong with its query. */
export function parseGitUrl(text: string): GitUrl | { readonly problem: string } | undefined {
  const { body, query, fragment } = split(text);
  const scheme = SCHEME.exec(text)?.[1]?.toLowerCase();
  if (scheme === undefined) {
    // The path of the short form ends at the first query or fragment, and has no line breaks.
    if (!SCP_HOST.test(text) || text.includes("\n")) return undefined;
  } else {
    const plainHttp = scheme === "http" || scheme === "https";
    if (!plainHttp && scheme !== "ssh" && scheme !== "git") return undefined;
    const url = URL.canParse(body) ? new URL(body) : undefined;
    if (url === undefined || (plainHttp && !url.pathname.endsWith(".git"))) return undefined;
  }
  const colon = fragment.indexOf(":");
  const settings: Settings = {
    ref: colon === -1 ? fragment : fragment.slice(0, colon),
    subdirectory: colon === -1 ? "" : cleanSubdirectory(fragment.slice(colon + 1)),
    checksum: undefined,
    keepGitDir: undefined,
    submodules: undefined,
  };
  const problem = readQuery(new URLSearchParams(query), settings);
  if (problem !== undefined) return { problem };
  return { remote: body, ...settings, ref: settings.ref === "" ? undefined : settings.ref };
}

/** The same for a build context, where `github.com/owner/name` is a repository too unless it is a folder. */
export function parseGitContext(text: string): ReturnType<typeof parseGitUrl> {
  if (!text.startsWith("github.com/")) return parseGitUrl(text);
  // The ending tells a repository from a file; here nothing else can be meant.
  const end = text.search(/[?#]/);
  const [path, rest] = end === -1 ? [text, ""] : [text.slice(0, end), text.slice(end)];
  if (path.endsWith(".git")) return parseGitUrl(`https://${text}`);
  const parsed = parseGitUrl(`https://${path}.git${rest}`);
  return parsed === undefined || "problem" in parsed ? parsed : { ...parsed, remote: `https://${path}` };
}

interface Settings {
  ref: string;
  subdirectory: string;
  checksum: string | undefined;
  keepGitDir: boolean | undefined;
  submodules: boolean | undefined;
}

function split(text: string): { readonly body: string; readonly query: string; readonly fragment: string } {
  const hash = text.indexOf("#");
  const beforeHash = hash === -1 ? text : text.slice(0, hash);
  const mark = beforeHash.indexOf("?");
  return {
    body: mark === -1 ? beforeHash : beforeHash.slice(0, mark),
    query: mark === -1 ? "" : beforeHash.slice(mark + 1),
    fragment: hash === -1 ? "" : decode(text.slice(hash + 1)),
  };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function cleanSubdirectory(path: string): string {
  return posix.normalize(`/${path}`).replace(/^\/|\/$/g, "");
}

const FLAGS: ReadonlySet<string> = new Set(["submodules", "keep-git-dir"]);

function readQuery(query: URLSearchParams, settings: Settings): string | undefined {
  const refs: { readonly name: string; readonly ref: string }[] = [];
  for (const name of new Set(query.keys())) {
    const [value = "", ...more] = query.getAll(name);
    if (more.length > 0) return `query ${goQuote(name)} has multiple values`;
    if (FLAGS.has(name)) {
      const enabled = value === "" ? true : parseBool(value);
      if (enabled === undefined) return `invalid ${name} value: ${goQuote(value)}`;
      if (name === "submodules") settings.submodules = enabled;
      else settings.keepGitDir = enabled;
      continue;
    }
    if (value === "") return `query ${goQuote(name)} has no value`;
    switch (name) {
      case "ref":
        refs.push({ name, ref: value });
        break;
      case "tag":
        refs.push({ name, ref: value.startsWith("refs/tags/") ? value : `refs/tags/${value}` });
        break;
      case "branch":
        refs.push({ name, ref: value.startsWith("refs/heads/") ? value : `refs/heads/${value}` });
        break;
      case "subdir":
        if (settings.subdirectory !== "" && settings.subdirectory !== value) {
          return `subdir conflicts: ${goQuote(settings.subdirectory)} vs ${goQuote(value)}`;
        }
        settings.subdirectory = cleanSubdirectory(value);
        break;
      case "checksum":
      case "commit":
        settings.checksum = value;
        break;
      default:
        return `unexpected query ${goQuote(name)}`;
    }
  }
  const order = ["ref", "tag", "branch"];
  for (const { name, ref } of refs.sort((a, b) => order.indexOf(a.name) - order.indexOf(b.name))) {
    if (name === "branch" && refs.some((other) => other.name === "tag")) return "branch conflicts with tag";
    if (settings.ref !== "" && settings.ref !== ref) {
      return `ref conflicts: ${goQuote(settings.ref)} vs ${goQuote(ref)}`;
    }
    settings.ref = ref;
  }
  return undefined;
}
