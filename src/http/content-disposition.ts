/** The file name that a server proposes. @spec RFC 6266 */

const PLAIN = /(?:^|;)\s*filename\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]+))\s*(?=;|$)/i;
const ENCODED = /(?:^|;)\s*filename\*\s*=\s*(utf-8|us-ascii)'[^']*'([^\s;]+)\s*(?=;|$)/i;

/** One plain file name out of a `Content-Disposition`, never a path; `undefined` when it proposes none that is one. */
export function proposedFileName(header: string | undefined): string | undefined {
  if (header === undefined || header.length > 4096) return undefined;
  const name = encodedName(header) ?? plainName(header);
  if (name === undefined || name.endsWith("/")) return undefined;
  const base = name.slice(name.lastIndexOf("/") + 1);
  return base === "" || base === "." || base === ".." || /[\u0000-\u001f\u007f]/.test(base) ? undefined : base;
}

function plainName(header: string): string | undefined {
  const match = PLAIN.exec(header);
  return match === null ? undefined : (match[1]?.replace(/\\(.)/g, "$1") ?? match[2]);
}

function encodedName(header: string): string | undefined {
  try {
    const text = ENCODED.exec(header)?.[2];
    return text === undefined ? undefined : decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
