import { defineConfig } from "vitest/config";

// Two projects: `unit` is quick and needs nothing but Node; `e2e` talks to real registries and engines.
const config: ReturnType<typeof defineConfig> = defineConfig({
  test: {
    reporters: ["default", "./test/support/tally-reporter.ts"],
    projects: [
      {
        test: {
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: ["test/e2e/**"],
          setupFiles: ["test/support/unchanged-prototypes.ts"],
          testTimeout: 20_000,
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
