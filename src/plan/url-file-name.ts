/** How ADD names a file that comes from a URL. */

/** Where a URL has no last component. */
const UNNAMED = "__unnamed__";

/** The last component of the URL's path, decoded: always one plain file name, never a path (threat C13). */
export function urlFileName(url: string): string {
  const path = decoded(new URL(url).pathname).replace(/\/+$/, "");
  const name = path.slice(path.lastIndexOf("/") + 1);
  return name === "" || name === "." || name === ".." || name.includes("\0") ? UNNAMED : name;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
