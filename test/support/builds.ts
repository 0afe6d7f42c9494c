/** Whole builds in tests: in a store of their own, with every image that comes out checked. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { openLayout } from "../../src/cache/oci-layout.js";
import {
  type BuildEvent,
  type BuildOptions,
  type Built,
  build,
  type Image,
  type MemoryFiles,
  memory,
} from "../../src/index.js";
import type { BlobReader } from "../../src/oci/blobs.js";
import { validateImage } from "../../src/testing/validate-image.js";
import { tempFolder } from "./temp-folder.js";

export interface TestBuild extends Built {
  readonly events: readonly BuildEvent[];
  /** Texts of the steps that ran, and of those that came from the cache. */
  readonly ran: readonly string[];
  readonly cached: readonly string[];
  readonly warnings: readonly string[];
}

export type TestOptions = Omit<BuildOptions, "context"> & {
  readonly context?: BuildOptions["context"];
  /** In place of `context`. */
  readonly files?: MemoryFiles;
};

/** Options of a build in a new store. */
export function fresh(options: TestOptions): TestOptions & { readonly root: string } {
  return { root: join(tempFolder(), "store"), ...options };
}

/** Builds; the image is in the store (the default output) or in what `blobs` reads, and every digest of it is right. */
export async function buildChecked(options: TestOptions, blobs?: BlobReader): Promise<TestBuild> {
  const built = await buildOnly(options);
  if (blobs !== undefined) await validateImage(blobs, built.descriptor);
  else if (options.outputs === undefined) {
    await validateImage((await openLayout(join(options.root!, "images"))).blobs, built.descriptor);
  }
  return built;
}

/** Builds; nothing is checked. */
export async function buildOnly({ files, ...options }: TestOptions): Promise<TestBuild> {
  const events: BuildEvent[] = [];
  const built = await build({
    context: memory(files ?? {}),
    platforms: ["linux/amd64"],
    dockerConfigDir: "/nonexistent",
    ...options,
    onEvent: (event) => {
      events.push(event);
      return options.onEvent?.(event);
    },
  });
  const steps = new Map<string, string>();
  for (const event of events) {
    if (event.type === "task-started" && event.task.kind === "step") steps.set(event.task.id, event.task.name);
  }
  const finished = (outcome: string): string[] =>
    events.flatMap((event) =>
      event.type === "task-finished" && event.outcome === outcome
        ? (steps.get(event.id)?.replace(/^\[.*?\] /, "") ?? [])
        : [],
    );
  const warnings = events.flatMap((event) => (event.type === "warning" ? event.message : []));
  return { ...built, events, ran: finished("done"), cached: finished("cached"), warnings };
}

/** The nodes of an image, `path mode uid:gid` or `path -> target`. */
export async function filesOf(built: Built, image: Image = built.images[0]!): Promise<string[]> {
  const shown: string[] = [];
  for await (const { path, type, mode, uid, gid, linkname } of built.files(image)) {
    shown.push(
      linkname === undefined
        ? `${path}${type === "dir" ? "/" : ""} ${mode.toString(8)} ${uid}:${gid}`
        : `${path} -> ${linkname}`,
    );
  }
  return shown;
}

/** Names in the store's folder for temporary files. Moved-away damaged ones are not counted: they go at the next start. */
export function temporaryFiles(root: string): string[] {
  try {
    return readdirSync(join(root, "tmp")).filter((name) => !name.endsWith(".damaged"));
  } catch {
    return [];
  }
}

/** Asserts that nothing temporary is left. */
export function expectNoTemporaryFiles(root: string): void {
  expect(temporaryFiles(root)).toEqual([]);
}
