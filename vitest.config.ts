import { defineConfig } from "vitest/config";

// Three projects. `unit` is quick enough for every commit; `builds` runs whole builds and the conformance corpus; both need
// nothing but Node. `e2e` talks to real registries, engines and sandboxes.
const config: ReturnType<typeof defineConfig> = defineConfig({
  test: {
    reporters: ["default", "./test/support/tally-reporter.ts"],
    maxWorkers: "100%",
    projects: [
      {
        test: {
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: ["test/e2e/**", "test/build/**", "test/conformance/**"],
          setupFiles: ["test/support/unchanged-prototypes.ts"],
          testTimeout: 20_000,
        },
      },
      {
        test: {
          name: "builds",
          include: ["test/build/**/*.test.ts", "test/conformance/**/*.test.ts"],
          setupFiles: ["test/support/unchanged-prototypes.ts"],
          testTimeout: 30_000,
        },
      },
      {
        test: {
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          testTimeout: 180_000,
          hookTimeout: 180_000,
          fileParallelism: false,
        },
      },
    ],
  },
});

export default config;
