import { describe, expect, it } from "vitest";
import { projectStep, type Step } from "../../src/plan/build-plan.js";
import { canonicalJson } from "../../src/util/canonical-json.js";
import { baseImage, planStage } from "../support/plan.js";

const SHA256 = `sha256:${"0".repeat(64)}`;

const STEPS = `FROM scratch AS one
FROM base
ARG A=1
WORKDIR /w
USER u
COPY --chown=1:2 --chmod=0644 --exclude=x a b /d/
ADD --checksum=${SHA256} http://h/x /d
ADD --checksum=abc https://h/x.git?submodules=false#v1:sub /d
COPY <<name /d
body
name
RUN --network=none --security=insecure --mount=from=one,source=s,target=/m \\
  --mount=type=cache,target=/c,id=i,sharing=private,mode=0700,uid=1,gid=2 \\
  --mount=type=tmpfs,target=/t,size=1m \\
  --mount=type=secret,id=k,target=/k,env=K,required \\
  --mount=type=ssh,id=s,target=/s <<EOF
#!/bin/sh
EOF
LABEL a=b
`;

async function steps(): Promise<readonly Step[]> {
  const stage = await planStage(STEPS, { images: { base: baseImage({}) }, buildArgs: { http_proxy: "p" } });
  return stage.steps;
}

/** Fields that must not matter, by step kind. */
const LEFT_OUT: Readonly<Record<string, RegExp>> = {
  config: /^onbuild/,
  // createdBy follows from the rest.
  workdir: /^(?:onbuild|createdBy)/,
  // What the files come from is in the key as the digest of what they are.
  copy: /^(?:onbuild|createdBy|from\/stage|sources\/\d\/(?:url|checksum|remote|ref)$)/,
  // createdBy tells of build args that are in env too; a cache mount's id says where, not what.
  run: /^(?:onbuild|createdBy|buildArgs\/\d|proxyEnv|mounts\/\d\/from\/stage|mounts\/1\/id$)/,
};

/** `value` with each leaf changed in turn, with the path to the leaf. */
function* mutations(value: unknown, path: readonly string[] = []): Generator<[string, unknown]> {
  if (typeof value !== "object" || value === null) {
    yield [path.join("/"), typeof value === "number" ? value + 1 : typeof value === "boolean" ? !value : `${value}?`];
    return;
  }
  for (const [key, member] of Object.entries(value)) {
    for (const [where, changed] of mutations(member, [...path, key])) {
      yield [where, Array.isArray(value) ? value.with(Number(key), changed) : { ...value, [key]: changed }];
    }
  }
}

describe("cache projections", () => {
  it("K9: change with every field of every step that matters, and with no other", async () => {
    const kinds = new Set<string>();
    for (const step of await steps()) {
      kinds.add(step.kind);
      const before = canonicalJson(projectStep(step));
      const unchanged: string[] = [];
      const changed: string[] = [];
      for (const [path, mutated] of mutations(step)) {
        if (/(?:^|\/)(?:kind|type)$/.test(path) || path.startsWith("span")) continue;
        const after = canonicalJson(projectStep(mutated as Step));
        (after === before ? unchanged : changed).push(path);
      }
      const leftOut = LEFT_OUT[step.kind]!;
      expect(unchanged.filter((path) => !leftOut.test(path))).toEqual([]);
      expect(changed.filter((path) => leftOut.test(path))).toEqual([]);
    }
    expect([...kinds].sort()).toEqual(["config", "copy", "run", "workdir"]);
  });

  it("K9: differ when neighbouring fields change places", async () => {
    const project = async (line: string): Promise<string> => {
      const stage = await planStage(`FROM scratch\n${line}\n`);
      return canonicalJson(projectStep(stage.steps.at(-1)!));
    };
    const lines = [
      "COPY a b /c",
      "COPY b a /c",
      "COPY ab /c",
      "ADD a b /c",
      "COPY --link a b /c",
      "COPY --chown=a a b /c",
      "COPY --exclude=a a b /c",
      'RUN ["a", "b"]',
      'RUN ["b", "a"]',
      'RUN ["a b"]',
      "RUN a b",
      "RUN --network=none a b",
      "RUN --network=host a b",
    ];
    expect(new Set(await Promise.all(lines.map(project))).size).toBe(lines.length);
  });

  it("L1: hold the id of a secret and nothing that could be its value", async () => {
    const run = (await steps()).find((step) => step.kind === "run")!;
    const mounts = projectStep(run)["mounts"] as readonly { readonly type: string }[];
    expect(mounts.find((mount) => mount.type === "secret")).toEqual({
      type: "secret",
      id: "k",
      target: "/k",
      env: "K",
      required: true,
      mode: 0o400,
      uid: 0,
      gid: 0,
    });
  });
});
