/** The images of a store, for users' code and for the command line: what docker's image commands do. */
import type { Readable } from "node:stream";
import type { CommitOptions } from "./images/containers/commit-container.js";
import type { ContainerRecord } from "./images/containers/container-record.js";
import type { ContainerStore } from "./images/containers/container-store.js";
import type { RunOptions, RunResult } from "./images/containers/run-container.js";
import type { CopyOptions } from "./images/copy-image.js";
import type { Change } from "./images/diff-trees.js";
import type { ImageFilter } from "./images/filter-images.js";
import type { HistoryLine } from "./images/image-history.js";
import type { ImagesContext } from "./images/images-context.js";
import type { ImageRecord } from "./images/inspect-image.js";
import type { ImageSummary } from "./images/list-images.js";
import type { LoadedImage, LoadOptions } from "./images/load-images.js";
import type { PulledImage, PullOptions } from "./images/pull-image.js";
import type { PushedImage, PushOptions } from "./images/push-image.js";
import type { RemovedImage } from "./images/remove-image.js";
import type { SaveOptions } from "./images/save-images.js";
import { formatReference, parseReference } from "./oci/reference.js";
import type { Descriptor, Image, Platform } from "./oci/types.js";
import type { Credentials } from "./registry/credentials.js";
import type { CredentialsTarget, SavedCredentials } from "./registry/login.js";
import { type BaseSurroundings, openBase, type SurroundingsOptions } from "./surroundings.js";

/** Whose credentials were forgotten. */
export interface LoggedOut {
  readonly registry: string;
  /** Whether there were any. */
  readonly wasKnown: boolean;
}

/** Images are named as docker's commands take them: by name, by digest, or by the beginning of their ID. */
export interface Images extends AsyncDisposable {
  /** The newest first. @throws STORE_UNUSABLE */
  list(filter?: ImageFilter): Promise<readonly ImageSummary[]>;
  /** @throws IMAGE_NOT_FOUND, PLATFORM_NOT_FOUND */
  inspect(image: string, options?: { readonly platform?: Platform | undefined }): Promise<ImageRecord>;
  /** The last step first. @throws IMAGE_NOT_FOUND, PLATFORM_NOT_FOUND */
  history(image: string, options?: { readonly platform?: Platform | undefined }): Promise<readonly HistoryLine[]>;
  /** From a registry into the store. @throws REGISTRY_…, PLATFORM_NOT_FOUND, BLOB_…, LAYER_DIFF_ID_MISMATCH */
  pull(name: string, options?: PullOptions): Promise<PulledImage>;
  /** The tags of a repository of a registry. @throws REGISTRY_… */
  tagsInRegistry(repository: string): Promise<readonly string[]>;
  /** The names with tags that the store has for a repository, in full form. @throws IMAGE_NOT_FOUND */
  tagsOf(repository: string): Promise<readonly string[]>;
  /** From the store to the registry that the name says. @throws IMAGE_NOT_FOUND, REGISTRY_… */
  push(name: string, options?: PushOptions): Promise<PushedImage>;
  /** Gives `image` the name `name` as well. @throws IMAGE_NOT_FOUND, REFERENCE_INVALID */
  tag(image: string, name: string): Promise<void>;
  /**
   * Runs a command in the files of an image of the store and waits for its end; a command that fails is no error.
   * @throws IMAGE_NOT_FOUND, EXECUTOR_…, OPTIONS_INVALID, CONTAINER_IN_USE, LAYER_UNKNOWN_USER
   */
  run(image: string, options: RunOptions & { readonly platform?: Platform | undefined }): Promise<RunResult>;
  /** Containers, the newest first: those that run, and those that were kept. @throws STORE_UNUSABLE */
  containers(): Promise<readonly ContainerRecord[]>;
  /** By name, or by the beginning of an ID. @throws CONTAINER_NOT_FOUND */
  container(container: string): Promise<ContainerRecord>;
  /** What a container changed. @throws CONTAINER_NOT_FOUND, CONTAINER_IN_USE, IMAGE_NOT_FOUND */
  changes(container: string): Promise<readonly Change[]>;
  /** What is different between two images, file by file. @throws IMAGE_NOT_FOUND */
  diff(before: string, after: string): Promise<readonly Change[]>;
  /** Makes an image of what a container changed. @throws CONTAINER_NOT_FOUND, CONTAINER_IN_USE, OPTIONS_INVALID */
  commit(container: string, options?: CommitOptions): Promise<Image>;
  /** @throws CONTAINER_NOT_FOUND, CONTAINER_IN_USE */
  removeContainer(container: string): Promise<ContainerRecord>;
  /** Takes a name away; with its last one the image goes. @throws IMAGE_NOT_FOUND, IMAGE_IN_USE */
  remove(image: string, options?: { readonly force?: boolean }): Promise<RemovedImage>;
  /** Writes an archive that docker, podman and skopeo read. @throws IMAGE_NOT_FOUND, OUTPUT_… */
  save(images: readonly string[], destination: string | NodeJS.WritableStream, options?: SaveOptions): Promise<void>;
  /** Reads an archive that docker, podman or skopeo wrote. @throws IMAGE_NOT_FOUND, TAR_INVALID, DOCUMENT_INVALID */
  load(archive: string | Readable, options?: LoadOptions): Promise<readonly LoadedImage[]>;
  /** Between places in skopeo's words: `docker://…`, `oci:…`, a name of the store. @throws as pull and push */
  copy(from: string, to: string, options?: Omit<CopyOptions, "cwd" | "daemon">): Promise<Descriptor>;
  /**
   * Keeps credentials that the registry takes where docker keeps them. `registry` is `host[:port]`; empty for Docker Hub.
   * @throws REGISTRY_UNAUTHORIZED when it does not take them, REGISTRY_CREDENTIALS when they cannot be kept
   */
  login(registry: string, credentials: Credentials): Promise<SavedCredentials>;
  /** Forgets the credentials of a registry. @throws REGISTRY_CREDENTIALS */
  logout(registry: string): Promise<LoggedOut>;
}

export type ImagesOptions = SurroundingsOptions;

/**
 * Opens the store. Dispose of what it gives, which closes connections.
 *
 * @example
 * await using images = await openImages();
 * await images.pull("busybox");
 * for (const { id, tags } of await images.list()) console.log(id, tags);
 * @throws STORE_UNUSABLE
 */
export async function openImages(options: ImagesOptions = {}): Promise<Images> {
  return imagesOf(await openBase(options));
}

function imagesOf(context: BaseSurroundings & ImagesContext): Images {
  return {
    async list(filter) {
      const { listImages } = await import("./images/list-images.js");
      const { filterImages } = await import("./images/filter-images.js");
      return filterImages(await listImages(context), filter ?? {});
    },
    async inspect(image, wanted) {
      const { findReadable } = await import("./images/find-image.js");
      const { inspectImage } = await import("./images/inspect-image.js");
      return inspectImage(context, await findReadable(context.store, image, { ...wanted, signal: context.signal }));
    },
    async history(image, wanted) {
      const { findReadable } = await import("./images/find-image.js");
      const { imageHistory } = await import("./images/image-history.js");
      const found = await findReadable(context.store, image, { ...wanted, signal: context.signal });
      return imageHistory(context, found.image);
    },
    async pull(name, wanted) {
      const { pullImage } = await import("./images/pull-image.js");
      return pullImage(context, parseReference(name), wanted);
    },
    async tagsInRegistry(repository) {
      const { listTags } = await import("./registry/lists.js");
      const tags: string[] = [];
      const client = await context.registries.client();
      for await (const tag of listTags(client, parseReference(repository), context)) tags.push(tag);
      return tags.sort();
    },
    async tagsOf(repository) {
      const { tagsOf } = await import("./images/push-image.js");
      return (await tagsOf(context, parseReference(repository))).map(formatReference);
    },
    async push(name, wanted) {
      const { pushImage } = await import("./images/push-image.js");
      return pushImage(context, parseReference(name), wanted);
    },
    async tag(image, name) {
      const { tagImage } = await import("./images/tag-image.js");
      await tagImage(context, image, name);
    },
    async remove(image, wanted) {
      const { removeImage } = await import("./images/remove-image.js");
      const pinned = (await containersOf(context)).pins();
      return removeImage(context, image, { ...wanted, pinned });
    },
    async run(image, { platform, ...wanted }) {
      const { findReadable } = await import("./images/find-image.js");
      const { runContainer } = await import("./images/containers/run-container.js");
      const found = await findReadable(context.store, image, { platform, signal: context.signal });
      return runContainer(context, image, found.image, wanted);
    },
    async containers() {
      return (await containersOf(context)).list();
    },
    async container(word) {
      return (await containersOf(context)).find(word);
    },
    async changes(word) {
      const { containerChanges } = await import("./images/containers/container-layer.js");
      const containers = await containersOf(context);
      return containerChanges(context, containers, containers.find(word));
    },
    async diff(before, after) {
      const { findReadable } = await import("./images/find-image.js");
      const { diffImages } = await import("./images/diff-images.js");
      const one = await findReadable(context.store, before, { signal: context.signal });
      const other = await findReadable(context.store, after, { signal: context.signal });
      return diffImages(context, one.image, other.image);
    },
    async commit(word, wanted) {
      const { commitContainer } = await import("./images/containers/commit-container.js");
      return commitContainer(context, word, wanted);
    },
    async removeContainer(word) {
      const containers = await containersOf(context);
      const container = containers.find(word);
      containers.remove(container);
      return container;
    },
    async save(images, destination, wanted) {
      const { saveImages } = await import("./images/save-images.js");
      await saveImages(context, images, await destinationOf(context, destination), wanted);
    },
    async load(archive, wanted) {
      const { loadImages } = await import("./images/load-images.js");
      return loadImages(context, await bytesOf(context, archive), wanted);
    },
    async copy(from, to, wanted) {
      const { copyImage } = await import("./images/copy-image.js");
      const { parseLocation } = await import("./images/location.js");
      const { daemonAccess } = await import("./images/daemon.js");
      const options = { ...wanted, cwd: context.cwd, daemon: daemonAccess(context.env) };
      return copyImage(context, parseLocation(from), parseLocation(to), options);
    },
    async login(registry, credentials) {
      const { login } = await import("./registry/login.js");
      return login(await context.registries.client(), registry, credentials, await credentialsTarget(context));
    },
    async logout(registry) {
      const { logout, registryName } = await import("./registry/login.js");
      const wasKnown = await logout(registry, await credentialsTarget(context));
      return { registry: registryName(registry), wasKnown };
    },
    [Symbol.asyncDispose]: () => context[Symbol.asyncDispose](),
  };
}

async function containersOf({ store }: BaseSurroundings): Promise<ContainerStore> {
  const { ContainerStore: Containers } = await import("./images/containers/container-store.js");
  return new Containers(store);
}

async function credentialsTarget({ registryEnvironment, signal }: BaseSurroundings): Promise<CredentialsTarget> {
  const { loginFile } = await import("./registry/environment.js");
  return { file: loginFile(registryEnvironment), signal };
}

async function destinationOf(
  { cwd }: BaseSurroundings,
  destination: string | NodeJS.WritableStream,
): Promise<{ readonly path: string } | { readonly stream: NodeJS.WritableStream; readonly name: string }> {
  if (typeof destination !== "string") return { stream: destination, name: "standard output" };
  const { resolve } = await import("node:path");
  return { path: resolve(cwd, destination) };
}

async function bytesOf({ cwd }: BaseSurroundings, archive: string | Readable): Promise<AsyncIterable<Uint8Array>> {
  if (typeof archive !== "string") return archive;
  const { resolve } = await import("node:path");
  const { fileBytes } = await import("./images/archive-bytes.js");
  return fileBytes(resolve(cwd, archive));
}
