/** Outputs as values, for users' code: `ociArchive("app.tar")` is what `--output type=oci,dest=app.tar` says. */
import type { ImageAttributes, OutputSpec } from "./parse-output-spec.js";

/** What an output of an image can be told; what is left out is as the build says. */
export type ImageOutputOptions = Partial<ImageAttributes>;

/** An OCI image layout in a tarball; `-` is standard output. */
export function ociArchive(dest: string, options: ImageOutputOptions = {}): OutputSpec {
  return { type: "oci", dest, tar: true, image: attributes(options) };
}

/** An OCI image layout as a folder. */
export function ociLayout(dest: string, options: ImageOutputOptions = {}): OutputSpec {
  return { type: "oci", dest, tar: false, image: attributes(options) };
}

/** Into the images of the docker engine that is here, or that `DOCKER_HOST` names. */
export function dockerEngine(options: ImageOutputOptions = {}): OutputSpec {
  return { type: "docker", image: attributes(options) };
}

/** A tarball for `docker load` and `podman load`; `-` is standard output. */
export function dockerArchive(dest: string, options: ImageOutputOptions = {}): OutputSpec {
  return { type: "docker", dest, image: attributes(options) };
}

/** A push to the registries of the image's names. */
export function registry(options: ImageOutputOptions & { readonly byDigest?: boolean } = {}): OutputSpec {
  const { byDigest = false, ...image } = options;
  return { type: "image", push: true, pushByDigest: byDigest, insecure: false, image: attributes(image) };
}

/** The store of this machine, with the image's names as tags. */
export function localStore(options: ImageOutputOptions = {}): OutputSpec {
  return { type: "image", push: false, pushByDigest: false, insecure: false, image: attributes(options) };
}

/** The root file system in a folder. */
export function rootfsFolder(dest: string): OutputSpec {
  return { type: "local", dest };
}

/** The root file system in a tarball; `-` is standard output. */
export function rootfsTar(dest: string): OutputSpec {
  return { type: "tar", dest };
}

function attributes(options: ImageOutputOptions): ImageAttributes {
  return { ...options, names: options.names ?? [], annotations: options.annotations ?? [] };
}
