/** URLs as they may be kept and shown. */

/** `scheme://user:password@` at the start; a user alone is a name for ssh and often a token elsewhere. */
const USER_PART = /^([a-zA-Z][a-zA-Z0-9+.-]*):\/\/([^/?#@]*(?:@[^/?#@]*)*)@/;

/** `text` without the credentials of the URL that it is; other texts as they are. */
export function hideCredentials(text: string): string {
  return text.replace(USER_PART, (part, scheme: string, user: string) =>
    scheme.toLowerCase() === "ssh" && !user.includes(":") ? part : `${scheme}://xxxxx@`,
  );
}
