/** How GNU tar is asked to read and write files without losing anything of them. */

/** Arguments for GNU tar that make it read all of `folder`, attributes and all. */
export function readAllArguments(folder: string): readonly string[] {
  return [...readArguments(folder, "-"), ...ALL];
}

/** The same for how long that would be, which it says in its words; no file is read. */
export function measureAllArguments(folder: string): readonly string[] {
  return [...readArguments(folder, "/dev/null"), "--totals", ...ALL];
}

/** What `measureAllArguments` made it say, in bytes. */
export function measuredBytes(words: string): number | undefined {
  const [, bytes] = /^Total bytes written: ([0-9]+) /m.exec(words) ?? [];
  return bytes === undefined ? undefined : Number(bytes);
}

/** The same for those files of `folder` whose names come on standard input, each with a NUL behind it. */
export function readListedArguments(folder: string): readonly string[] {
  return [...readArguments(folder, "-"), "--no-recursion", "--null", "--verbatim-files-from", "--files-from=-"];
}

const ALL = ["--sort=name", "--one-file-system", "--", "."];

function readArguments(folder: string, archive: string): readonly string[] {
  return [
    "--create",
    "--format=pax",
    "--numeric-owner",
    "--xattrs",
    "--xattrs-include=*",
    "--pax-option=delete=atime,delete=ctime",
    "--warning=no-file-ignored",
    "--directory",
    folder,
    `--file=${archive}`,
  ];
}

/** Arguments that make it unpack its standard input into `folder`. */
export function unpackArguments(folder: string): readonly string[] {
  return [
    "--extract",
    "--file=-",
    // 256 KiB at a time, as a pipe gives them.
    "--blocking-factor=512",
    "--xattrs",
    "--xattrs-include=*",
    "--numeric-owner",
    "--same-owner",
    "--same-permissions",
    "--delay-directory-restore",
    "--warning=no-timestamp",
    "--directory",
    folder,
  ];
}
