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

const devices = "the kernel lets only the machine's root make device nodes";

/** Further cases that differ where an ordinary user with subordinate ids runs them. */
export const ORDINARY_USER_EXCEPTIONS: ReadonlyMap<string, string> = new Map([
  ["copy/from-special-files", devices],
  ["run/large-uid", "the user has 65,536 ids, and the case wants the 3,000,000th"],
  ["run/security-insecure", "an ordinary user has no more rights to give"],
  ["run/special-files", devices],
]);
