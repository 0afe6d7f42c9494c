/** What git said when it failed, as an error of ours. */
import { isOcibuildError, OcibuildError } from "../../errors.js";
import type { GitAccess } from "./git-access.js";
import type { GitRemote } from "./git-remote.js";
import type { GitOutput } from "./run-git.js";

const MAX_SHOWN = 300;

/** The error for git's failing on `remote`; secrets that git may have repeated are hidden. */
export function gitFailure(
  what: string,
  remote: GitRemote,
  { stderr, exitCode }: GitOutput,
  access?: GitAccess,
): OcibuildError<"CONTEXT_FETCH"> {
  const said = saidBy(stderr, access?.hidden ?? []);
  const hint = hintFor(stderr, remote);
  const status = /The requested URL returned error: (\d{3})/.exec(stderr)?.[1];
  return new OcibuildError(
    "CONTEXT_FETCH",
    `failed to ${what} "${remote.url}": ${said === "" ? `git ended with exit code ${exitCode}` : said}`,
    {
      details: { url: remote.url, ...(status === undefined ? {} : { status: Number(status) }) },
      ...(hint === undefined ? {} : { hint }),
    },
  );
}

/** Whether a server answered with a redirect, which git was told not to follow. */
export function isRedirect(error: unknown): boolean {
  return isOcibuildError(error, "CONTEXT_FETCH") && Math.floor((error.details.status ?? 0) / 100) === 3;
}

/** The lines in which git tells the reason, as one line of text. */
function saidBy(stderr: string, hidden: readonly string[]): string {
  let text = stderr;
  for (const secret of hidden) if (secret !== "") text = text.replaceAll(secret, "…");
  const lines = text
    .split(/[\r\n]+/)
    .map((line) =>
      line
        .replace(/[\u0000-\u001f\u007f-\u009f]/g, "")
        .replace(/:\/\/[^/\s@]*@/g, "://")
        .trim(),
    )
    .filter((line) => line !== "" && !/^(?:hint|warning):/.test(line));
  const telling = lines.filter((line) => /^(?:fatal|error|remote):/.test(line));
  const shown = (telling.length > 0 ? telling : lines.slice(-2)).join("; ");
  return shown.length > MAX_SHOWN ? `${shown.slice(0, MAX_SHOWN)}…` : shown;
}

function hintFor(stderr: string, remote: GitRemote): string | undefined {
  if (/could not read Username|Authentication failed|error: 40[13]|HTTP 40[13]/.test(stderr)) {
    return "Check the URL; a repository that is not public needs --secret id=GIT_AUTH_TOKEN,env=NAME.";
  }
  if (/Host key verification failed/.test(stderr)) {
    return `Add the key of "${remote.host}" to ~/.ssh/known_hosts, or use the https URL.`;
  }
  if (/Permission denied \(/.test(stderr) || /unable to fork|cannot run ssh/.test(stderr)) {
    return "A Dockerfile gets the keys of --ssh default only; https URLs take --secret id=GIT_AUTH_TOKEN,env=NAME.";
  }
  if (/not found|does not (?:exist|appear)/i.test(stderr)) return "Check the URL of the repository.";
  if (/Could not resolve host/.test(stderr)) return `Check the name "${remote.host}" and the network.`;
  return undefined;
}
