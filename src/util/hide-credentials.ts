/** URLs as they may be kept and shown. */

/** `scheme://user:password@` at the start; a user alone is a name for ssh and often a token elsewhere. */
const USER_PART = /^([a-zA-Z][a-zA-Z0-9+.-]*):\/\/([^/?#@]*(?:@[^/?#@]*)*)@/;

/** `text` without the credentials of the URL that it is; other texts as they are. */
export function hideCredentials(text: string): string {
  return text.replace(USER_PART, (part, scheme: string, user: string) =>
    scheme.toLowerCase() === "ssh" && !user.includes(":") ? part : `${scheme}://xxxxx@`,
  );
}

const USER_PARTS = /\b([a-zA-Z][a-zA-Z0-9+.-]{0,30}):\/\/([^\s/?#@]*(?:@[^\s/?#@]*)*)@/g;
/** What is looked at of a line. */
const MAX_LINE = 4096;

/** The start of a line, of at most `width` characters, with `x` in place of the credentials of URLs: as long as before. */
export function hideCredentialsIn(line: string, width: number): string {
  const masked = line
    .slice(0, MAX_LINE)
    .replace(USER_PARTS, (part, scheme: string, user: string) =>
      hideCredentials(part) === part ? part : `${scheme}://${"x".repeat(user.length)}@`,
    );
  return masked.slice(0, width);
}
