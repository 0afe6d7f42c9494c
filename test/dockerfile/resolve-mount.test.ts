import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { resolveMount } from "../../src/dockerfile/resolve-mount.js";
import { only, parse } from "../support/dockerfile.js";

function resolve(options: string): ReturnType<typeof resolveMount> {
  const [mount] = only("RUN", `RUN --mount='${options}' x`).mounts;
  return resolveMount(mount!, (value) => value.replace("$T", "Cache").replace("$V", "/v"));
}

describe("resolveMount", () => {
  it("is a read-only bind unless told otherwise", () => {
    expect(resolve("target=/x,from=img,src=/y")).toEqual({
      type: "bind",
      from: "img",
      source: "/y",
      target: "/x",
      id: "",
      readOnly: true,
      required: false,
      sizeBytes: undefined,
      sharing: undefined,
      env: undefined,
      mode: undefined,
      uid: undefined,
      gid: undefined,
    });
  });

  it.each([
    [
      "type=$T,dst=$V,sharing=LOCKED,id=a",
      { type: "cache", target: "/v", sharing: "locked", id: "a", readOnly: false },
    ],
    ["type=cache,destination=/c,ro", { readOnly: true }],
    ["type=cache,target=/c,readwrite=false", { readOnly: true }],
    ["target=/c,rw", { readOnly: false }],
    ["target=/c,readonly=0", { readOnly: false }],
    ["type=tmpfs,target=/t,size=1m", { type: "tmpfs", sizeBytes: 1048576, readOnly: false }],
    ["type=secret,id=a,env=,mode=0440,uid=1,gid=4294967295", { env: "", mode: 0o440, uid: 1, gid: 4294967295 }],
    ["type=ssh,required", { type: "ssh", required: true }],
    ["type=secret,required=false,target=/s", { required: false, target: "/s" }],
  ])("%s", (options, expected) => {
    expect(resolve(options)).toMatchObject(expected);
  });

  it.each([
    ["type=nope", 'unsupported mount type "nope"'],
    ["type=cach", 'unsupported mount type "cach" (did you mean cache?)'],
    ["type=cache,sharing=nope", 'unsupported sharing value "nope"'],
    ["targt=/x", "unexpected key 'targt' in 'targt=/x' (did you mean target?)"],
    ["target", "invalid field 'target' must be a key=value pair"],
    ["ro=maybe", "invalid value for ro: maybe"],
    ["required", "unexpected key 'required' for mount type 'bind'"],
    ["size=1", "unexpected key 'size' for mount type 'bind'"],
    ["type=tmpfs,size=big", "invalid value for size: big"],
    ["type=cache,mode=9", "invalid value 9 for mode"],
    ["type=cache,uid=me", "invalid value me for uid"],
    ["type=cache,gid=4294967296", "invalid value 4294967296 for gid"],
    ["mode=7", 'mode not allowed for "bind" type mounts'],
    ["type=tmpfs,uid=7", 'uid not allowed for "tmpfs" type mounts'],
    ["type=secret,id=a,from=b", "secret mount should not have a from"],
    ["type=secret,id=a,sharing=shared", "secret mount should not define sharing"],
    ["type=secret", "invalid secret mount. one of source, target required"],
    ["type=secret,id=a,source=b", "both source and id can't be set"],
    ["sharing=shared", "invalid cache sharing set for bind mount"],
  ])("refuses %s", (options, problem) => {
    expect(resolve(options)).toMatchObject({ problem });
  });
});

describe("on any options", () => {
  const name = fc.constantFrom(
    ..."type from source src target dst id readonly ro rw required size mode uid gid sharing env TYPE __proto__ constructor x".split(
      " ",
    ),
    "",
  );
  const value = fc.constantFrom(
    ..."bind cache tmpfs secret ssh CACHE shared private locked true false 0 1 0777 -1 99999999999 1g /x ../../x $V ${V:? toString".split(
      " ",
    ),
    "",
    '"a,b"',
  );
  const option = fc.oneof(
    fc.tuple(name, value).map(([key, text]) => `${key}=${text}`),
    name,
    fc.string({ maxLength: 4 }),
  );

  it("C6, C14: a mount is refused, or every field of it is one of those that are known", () => {
    let resolved = 0;
    fc.assert(
      fc.property(fc.array(option, { minLength: 1, maxLength: 5 }), (options) => {
        const text = options.join(",").replaceAll("'", "");
        const [instruction] = parse(`FROM a\nRUN --mount='${text}' x\n`).stages[0]!.instructions;
        if (instruction?.kind !== "RUN" || instruction.mounts.length === 0) return;
        const mount = resolveMount(instruction.mounts[0]!, (each) => each);
        if ("problem" in mount) {
          expect(mount.problem).not.toBe("");
          return;
        }
        resolved++;
        expect(Object.keys(mount).sort()).toEqual(FIELDS);
        expect(["bind", "cache", "tmpfs", "secret", "ssh"]).toContain(mount.type);
        expect([undefined, "shared", "private", "locked"]).toContain(mount.sharing);
        for (const number of [mount.mode, mount.uid, mount.gid]) {
          expect(number === undefined || (number >= 0 && number <= 0xffffffff)).toBe(true);
        }
        expect(typeof mount.readOnly).toBe("boolean");
      }),
      { numRuns: 3000 },
    );
    expect(resolved).toBeGreaterThan(30);
  });
});

const FIELDS = "env from gid id mode readOnly required sharing sizeBytes source target type uid".split(" ");
