/** One line of comma-separated values, as `--mount` and `--device` take them: a field may stand in double quotes. */

/** The fields of `line`, or `{ problem }` in the words of Go's csv package. */
export function parseCsv(line: string): string[] | { readonly problem: string } {
  line = line.replace(/\r?\n$/, "");
  if (line === "") return { problem: "EOF" };
  const fields: string[] = [];
  const bad = (at: number, what: string): { problem: string } => ({
    problem: `parse error on line 1, column ${at + 1}: ${what}`,
  });
  let at = 0;
  for (;;) {
    if (line[at] !== '"') {
      const comma = line.indexOf(",", at);
      const field = line.slice(at, comma === -1 ? undefined : comma);
      const quote = field.indexOf('"');
      if (quote !== -1) return bad(at + quote, 'bare " in non-quoted field');
      fields.push(field);
      if (comma === -1) return fields;
      at = comma + 1;
      continue;
    }
    at++;
    let field = "";
    for (;;) {
      const quote = line.indexOf('"', at);
      if (quote === -1) return bad(at, 'extraneous or missing " in quoted-field');
      field += line.slice(at, quote);
      at = quote + 1;
      if (line[at] !== '"') break;
      field += '"';
      at++;
    }
    fields.push(field);
    if (at === line.length) return fields;
    if (line[at] !== ",") return bad(at - 1, 'extraneous or missing " in quoted-field');
    at++;
  }
}
