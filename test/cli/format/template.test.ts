import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseTemplate } from "../../../src/cli/format/template.js";
import { OcibuildError } from "../../../src/errors.js";

const RECORD = {
  ID: "sha256:abc",
  Size: 12,
  Empty: "",
  None: null,
  Yes: true,
  Names: ["a:1", "b:2"],
  Config: { Env: ["A=1", "B=2"], Labels: { "org.x": "y", a: "z" }, Cmd: null },
};

describe("a template", () => {
  test.each([
    ["{{.ID}}", "sha256:abc"],
    ["id={{ .ID }}, {{.Size}} bytes", "id=sha256:abc, 12 bytes"],
    ["{{.Names}} {{.Config.Labels}} {{.None}} {{.Yes}}", "[a:1 b:2] map[a:z org.x:y] <no value> true"],
    ["{{json .Names}}{{json .None}}{{.Config.Env | json}}", '["a:1","b:2"]null["A=1","B=2"]'],
    ['{{join .Names ", "}} {{len .Names}} {{len .ID}} {{len .Config.Labels}}', "a:1, b:2 2 10 2"],
    ['{{index .Names 1}} {{index .Config.Labels "org.x"}}{{index .Config.Labels `no`}}', "b:2 y"],
    ["{{range .Names}}<{{.}}>{{end}}{{range .None}}x{{else}}none{{end}}", "<a:1><b:2>none"],
    ["{{range .Names}}{{$.Size}}{{end}}", "1212"],
    ["{{if .Empty}}x{{else}}empty{{end}}{{if .Yes}} yes{{end}}", "empty yes"],
    ["{{with .Config}}{{index .Env 0}}{{end}}", "A=1"],
    ['{{upper .ID}} {{lower "ABC"}} {{title "two words"}}', "SHA256:ABC abc Two Words"],
    ['{{truncate .ID 6}}|{{pad .Size 1 2}}|{{split .ID ":" | json}}', 'sha256| 12  |["sha256","abc"]'],
    ['{{printf "%s-%d-%q%%" .ID .Size .ID}} {{print 1 2}}', 'sha256:abc-12-"sha256:abc"% 1 2'],
    [
      '{{if eq .Size 12}}a{{end}}{{if ne .Size 12}}b{{end}}{{if and .Yes (not .Empty)}}c{{end}}{{or .Empty "d"}}',
      "acd",
    ],
    ["{{(index .Names 0)}} {{(.Config).Env}}", "a:1 [A=1 B=2]"],
    ["a  {{- .Size -}}  b {{/* a comment */}}c", "a12b c"],
    ['{{if .Yes}}{{range .Names}}{{if eq . "b:2"}}{{.}}{{end}}{{end}}{{end}}', "b:2"],
  ])("%s", (text, expected) => {
    expect(parseTemplate(text)(RECORD)).toBe(expected);
  });

  test.each([
    ["{{.Nope}}", 'field ".Nope" is not known; there are .ID .Size'],
    ["{{.ID.Nope}}", '".Nope" is asked of what has no fields'],
    ['{{template "x"}}', 'function "template" is not supported'],
    ["{{$x := 1}}", '":" in "{{$x := 1}}" is not understood'],
    ["{{.ID", "has no end"],
    ["{{if .ID}}x", "has no {{end}}"],
    ["x{{end}}", "ends nothing"],
    ["{{}}", "says nothing"],
    ["{{.ID .Size}}", "two values without a function"],
    ["{{index .Names 9}}", "index 9 is outside of a list of 2"],
    ['{{join .ID ","}}', "a list was expected"],
    ['{{printf "%x" .ID}}', '"%x" of printf is not supported'],
    ["{{if .ID}}a{{else if .Size}}b{{end}}", '"{{else if .Size}}" is not understood'],
  ])("%s is an error that names it", (text, message) => {
    expect(() => parseTemplate(text)(RECORD)).toThrow(message);
  });

  test("of a list says what is wrong also when there is nothing to print", () => {
    expect(() => parseTemplate("{{.Nope}}", { ID: "IMAGE ID" })).toThrow('field ".Nope" is not known; there are .ID');
    expect(() => parseTemplate("{{range .None}}{{nope}}{{end}}")).toThrow('function "nope" is not supported');
  });

  test("C14: any text is read or refused with an error of ours", () => {
    const part = fc.oneof(
      fc.constantFrom("{{", "}}", ".ID", "|", "(", ")", '"', "range", "end", "if", " ", "-"),
      fc.string(),
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 10 }), (parts) => {
        try {
          parseTemplate(parts.join(""))(RECORD);
        } catch (error) {
          expect(error).toBeInstanceOf(OcibuildError);
        }
      }),
    );
  });
});
