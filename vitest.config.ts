import { defineConfig } from "vitest/config";

/**
 * Whole builds and commands, the conformance corpus, other processes, bytes changed one by one, and what waits for deadlines:
 * too slow for every commit.
 */
const BUILDS = [
  "test/build/**/*.test.ts",
  "test/conformance/**/*.test.ts",
  "test/registry/**/*.test.ts",
  "test/context/git/**/*.test.ts",
  "test/cache/store.test.ts",
  "test/output/folder-race.test.ts",
  "test/cache/{image-store,keeping}.test.ts",
  "test/cli/{beginner-errors,inspect-commands,program}.test.ts",
  "test/cli/images/commands.test.ts",
  "test/compression/archive-formats.test.ts",
  "test/http/pace.test.ts",
  "test/images/**/*.test.ts",
  "test/shared-cache/{backends,gha-backend,gha-store}.test.ts",
];

// `unit` is quick enough for every commit; like `builds` it needs nothing but Node. `e2e` talks to real registries, engines
// and sandboxes. `slow` is run when it is asked for: it takes minutes, or asks mirrors of distributions.
const config: ReturnType<typeof defineConfig> = defineConfig({
  test: {
    reporters: ["default", "./test/support/tally-reporter.ts"],
    maxWorkers: "100%",
    projects: [
      {
        test: {
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: ["test/e2e/**", "test/slow/**", ...BUILDS],
          setupFiles: ["test/support/unchanged-prototypes.ts"],
          testTimeout: 20_000,
          // Half of the time went into importing the same modules for every file.
          isolate: false,
        },
      },
      {
        test: {
          name: "builds",
          include: BUILDS,
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
      {
        test: {
          name: "slow",
          include: ["test/slow/**/*.test.ts"],
          testTimeout: 900_000,
          hookTimeout: 900_000,
          fileParallelism: false,
        },
      },
    ],
  },
});

export default config;
