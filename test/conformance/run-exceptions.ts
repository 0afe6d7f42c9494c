/** Cases with RUN in which we differ strictly from BuildKit, each with its reason. The e2e test holds the list. */
const stubs =
  "BuildKit leaves the folders in the layer that it mounts /dev, /proc and /sys over; mount points of ours never get there";
const links =
  "BuildKit writes a new name of a file of an earlier layer as a copy; the command saw a hard link, and so does the image";

export const RUN_EXCEPTIONS: ReadonlyMap<string, string> = new Map([
  ["copy/from-special-files", "a quirk of BuildKit: its copy of a block device is a character device"],
  ["run/env-path-default", stubs],
  ["run/hardlinks-across", links],
  ["run/hardlinks-base", links],
  ["run/scratch-static", stubs],
  ["run/user-uid-gid-on-scratch", stubs],
  ["run/wh-prefix-file", "a file named .wh.x would delete x in the image, so it is left out of the layer"],
]);

const secretFiles = "the store is on a disk, where no file of a secret may be";
const noProc = "the command reads /proc, and nothing is mounted there";
const writable = "nothing can be mounted read-only: what is written is dropped, and writing works";
const refused = (what: string): string => `${what} takes what this executor has not, and is refused`;
const samePids = "there is no namespace in which the command is process 1";
const realLinks = "files of an earlier layer with two names are one file in the tree, as they are in the layer";

/** Further cases that differ under the executor chroot, on a disk. */
export const CHROOT_EXCEPTIONS: ReadonlyMap<string, string> = new Map([
  ["run/capabilities", noProc],
  ["run/capabilities-user", noProc],
  ["run/delete-etc", "nothing is mounted on /etc/hosts, so it does not keep /etc from being deleted"],
  ["run/exit-signal-pid-one", samePids],
  ["run/flags-order", refused("--network=none")],
  ["run/hardlinks-touch-one", realLinks],
  ["run/hostname", "the kernel has one host name, the machine's"],
  ["run/mount-bind-readonly", writable],
  ["run/mount-bind-readwrite-false", writable],
  ["run/mount-cache-ro", writable],
  ["run/mount-history", refused("--network=none")],
  ["run/mount-many", secretFiles],
  ["run/mount-run-dir-in-image", secretFiles],
  ["run/mount-secret", secretFiles],
  ["run/mount-secret-binary", secretFiles],
  ["run/mount-secret-env-target", secretFiles],
  ["run/mount-secret-no-id", secretFiles],
  ["run/mount-secret-relative-target", secretFiles],
  ["run/mount-secret-user", secretFiles],
  ["run/mount-tmpfs-size", refused("the size of a tmpfs")],
  ["run/network-none", refused("--network=none")],
  ["run/pid-one", samePids],
  ["run/proc-sys", noProc],
  ["run/security-insecure", refused("--security=insecure")],
  ["run/security-sandbox", noProc],
  ["run/shm-size", refused("--shm-size")],
  ["variables/sandbox-hostname", refused("a host name")],
  ["whole/secret-fetch", secretFiles],
]);

const devices = "the kernel lets only the machine's root make device nodes";

/** Further cases that differ where an ordinary user with subordinate ids runs them. */
export const ORDINARY_USER_EXCEPTIONS: ReadonlyMap<string, string> = new Map([
  ["copy/from-special-files", devices],
  ["run/large-uid", "the user has 65,536 ids, and the case wants the 3,000,000th"],
  ["run/security-insecure", "an ordinary user has no more rights to give"],
  ["run/special-files", devices],
]);

/** Further cases that differ where an engine runs them (`--executor docker`). */
export const ENGINE_EXCEPTIONS: ReadonlyMap<string, string> = new Map([
  [
    "run/mount-over-existing",
    "an engine mounts /etc/hosts and its like over a mount at /etc, too, and adds /etc/hostname",
  ],
  ["run/security-insecure", "an engine gives a privileged container all rights there are, which not every machine has"],
]);

/** Further cases that differ where that engine is Podman. */
export const PODMAN_EXCEPTIONS: ReadonlyMap<string, string> = new Map([
  ["run/env-default", "Podman sets HOSTNAME where the image does not"],
  ["run/mount-run-dir-in-image", "Podman has /run in every container, so mkdir finds it there"],
  ["run/ulimit", "Podman asks for more processes, too, where one limit is given, which not every machine allows"],
]);

/** Further cases that differ where a builder of BuildKit runs them (`--executor buildkit`). */
export const BUILDER_EXCEPTIONS: ReadonlyMap<string, string> = new Map([
  ["run/security-insecure", "the builder must allow it, too, in its own configuration"],
]);
