/** The mounts of a run, sorted into those made before the runtime starts (overlays) and those it makes inside. */
import { type ByteString, bytesOf, textOf } from "../../util/bytes.js";
import { executorUnsupported } from "../kit/failures.js";
import { Fstab } from "../overlay/fstab.js";

/** As the runtime specification has it. */
export interface BundleMount {
  readonly destination: string;
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
}

const OVERLAY = "overlay";

/** Takes what an `Fstab` takes; everything below `root` but overlays becomes the runtime's. */
export class BundleMounts extends Fstab {
  readonly #root: string;
  readonly #executor: string;
  readonly #inside: BundleMount[] = [];

  constructor(root: ByteString, executor: string) {
    super();
    this.#root = `${root}/`;
    this.#executor = executor;
  }

  override add(source: string, target: string, type: string, options: string): void {
    if (type === OVERLAY || !target.startsWith(this.#root)) {
      super.add(source, target, type, options);
      return;
    }
    const given = options.split(",").filter((option) => option !== "x-mount.mkdir");
    const isBind = given.includes("bind") || given.includes("rbind");
    const destination = `/${target.slice(this.#root.length)}`;
    this.#inside.push({
      destination: this.#text(destination),
      type: isBind ? "bind" : type,
      source: this.#text(source),
      // A device made there must not open anything: there is no device control group.
      options: destination === "/dev" ? [...given, "nodev"] : given,
    });
  }

  /** In the order they are made. */
  inside(): readonly BundleMount[] {
    return this.#inside;
  }

  /** JSON holds no other bytes than those of UTF-8. @throws EXECUTOR_UNSUPPORTED */
  #text(path: string): string {
    const text = Buffer.from(path, "latin1").toString("utf8");
    if (bytesOf(text) === path) return text;
    throw executorUnsupported(
      this.#executor,
      "mount",
      `"${textOf(path as ByteString)}" is not UTF-8, and cannot be mounted on`,
    );
  }
}
