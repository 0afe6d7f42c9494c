import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { openLayout } from "../../src/cache/oci-layout.js";
import { memory, ociLayout } from "../../src/index.js";
import { buildChecked, buildOnly, filesOf, fresh } from "../support/builds.js";
import { MAGIC_NAMES } from "../support/magic-names.js";
import { tempFolder } from "../support/temp-folder.js";

const PROTOTYPES = [Object, Array, String, Function, Map, Set, Promise, Buffer].map(
  ({ prototype }) => prototype as object,
);
const before = PROTOTYPES.map(Reflect.ownKeys);

/** An object with an own member of that name. */
function own<T>(name: string, value: T): Record<string, T> {
  return JSON.parse(`{${JSON.stringify(name)}:null}`, (key, old: unknown) => (key === name ? value : old)) as Record<
    string,
    T
  >;
}

describe("C4: names that every object has", () => {
  afterAll(() => {
    expect(PROTOTYPES.map(Reflect.ownKeys)).toEqual(before);
  });

  test.each(MAGIC_NAMES)("%s is a name like any other in every place of a build", async (name) => {
    // Docker's grammar for names of contexts and stages leaves only some of them.
    const stage = /^[a-z]/.test(name) ? name.toLowerCase() : "other";
    const dockerfile = `FROM scratch AS first
ARG ${name}=none
LABEL ${name}=\${${name}}
ENV ${name}=env
WORKDIR /${name}
COPY ${name} ./
COPY <<${name} /heredoc
text
${name}
COPY --from=${stage} /inner /inner
USER ${name}
VOLUME ${name}
`;
    const layout = join(tempFolder(), "out");
    const built = await buildOnly(
      fresh({
        dockerfile,
        context: memory(new Map([[name, "content"]])),
        buildContexts: own(stage, memory(new Map([["inner", "inner"]]))),
        buildArgs: own(name, "given"),
        labels: own(`${name}2`, "label"),
        annotations: own(name, "annotation"),
        noCache: [name],
        outputs: [ociLayout(layout)],
      }),
    );
    const { config } = built.images[0]!.config;
    expect(Object.entries(config?.Labels ?? {})).toEqual(
      expect.arrayContaining([
        [name, "given"],
        [`${name}2`, "label"],
      ]),
    );
    expect(config?.Env).toContain(`${name}=env`);
    expect(config?.User).toBe(name);
    expect(Object.keys(config?.Volumes ?? {})).toEqual([name]);
    expect((await built.readFile(`/${name}/${name}`)).toString()).toBe("content");
    expect((await built.readFile("/inner")).toString()).toBe("inner");
    expect(Object.entries(built.images[0]!.manifest.annotations ?? {})).toEqual([[name, "annotation"]]);
    const bytes = JSON.stringify(await openLayout(layout).then(({ find }) => find(undefined)));
    expect(bytes).toContain("sha256:");
  });

  test.each(MAGIC_NAMES)("%s is unknown where nobody gave it", async (name) => {
    const options = { files: { a: "a" }, outputs: ["type=cacheonly"] };
    await expect(
      buildOnly(fresh({ ...options, dockerfile: "FROM scratch\nCOPY a /\n", target: name })),
    ).rejects.toMatchObject({ code: "PLAN_UNKNOWN_TARGET" });
    await expect(
      buildOnly(fresh({ ...options, dockerfile: `FROM scratch\nCOPY --chown=${name} a /\n` })),
    ).rejects.toMatchObject({ code: "LAYER_UNKNOWN_USER" });
    await expect(buildOnly(fresh({ ...options, dockerfile: `FROM scratch\nCOPY ${name} /\n` }))).rejects.toMatchObject({
      code: "LAYER_COPY",
    });
    const built = await buildChecked(
      fresh({ ...options, dockerfile: `FROM scratch\nLABEL a="x\${${name}}y"\nCOPY a /\n` }),
    );
    expect(built.images[0]!.config.config?.Labels).toEqual({ a: "xy" });
  });

  test.each(MAGIC_NAMES)("%s is a user and a group like any other", async (name) => {
    const files = { "etc/passwd": `${name}:x:12:34::/:\n`, "etc/group": `${name}:x:56:\n`, a: "a" };
    const dockerfile = `FROM scratch\nCOPY etc /etc/\nCOPY --chown=${name}:${name} a /a\nCOPY --chown=${name} a /b\n`;
    expect(await filesOf(await buildChecked(fresh({ dockerfile, files })))).toEqual(
      expect.arrayContaining(["/a 644 12:56", "/b 644 12:34"]),
    );
  });
});
