/** What builds with shared caches build in tests. */
import { fakeExecutor } from "../../src/testing/fake-executor.js";
import type { TestOptions } from "./builds.js";

/** Two stages: what RUN makes in the first is copied to the second. */
export const DOCKERFILE = `FROM scratch AS tools
COPY a /a
RUN make
FROM scratch
COPY --from=tools /made /made
WORKDIR /w
COPY b /b
`;
/** Steps that make a layer. */
export const ALL = 5;
export const FILES: Readonly<Record<string, string>> = { a: "first", b: "second" };

/** Each command makes another file: what runs again is another image. `commands` counts them. */
export function scene(options: Partial<TestOptions> = {}): { readonly options: TestOptions; commands(): number } {
  let count = 0;
  const executor = fakeExecutor((spec) => [
    { path: "made", content: `${spec.args.at(-1)} ${count++} ${Math.random()}` },
    { path: "beside", content: "it" },
  ]);
  return { options: { dockerfile: DOCKERFILE, files: FILES, executor, ...options }, commands: () => count };
}
