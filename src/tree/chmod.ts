/**
 * `--chmod` values: octal numbers and the symbolic language of chmod(1), as BuildKit applies them (umask 0).
 * `X` looks at the bits a file had before; a clause that copies (`g=u`) looks at the bits as they are by then.
 */

/** A parsed `--chmod`. */
export interface ModeChange {
  /** The mode that everything gets; `undefined` for symbolic changes, which depend on the mode before. */
  readonly fixed: number | undefined;
  /** New permission bits (`0o0000`–`0o7777`) of something that had `mode`. */
  apply(mode: number, isDirectory: boolean): number;
}

const SETUID = 0o4000;
const SETGID = 0o2000;
const STICKY = 0o1000;
const STANDARD = 0o6777;
const WHO: Readonly<Record<string, number>> = { a: STANDARD, u: SETUID | 0o700, g: SETGID | 0o070, o: 0o007 };
const SHIFT: Readonly<Record<string, number>> = { u: 6, g: 3, o: 0 };

type Operator = "+" | "-" | "=";
type Command = (mode: number, before: number, isDirectory: boolean) => number;

/**
 * Parses a `--chmod` value that is not empty.
 * @returns the change, or BuildKit's sentence about what is wrong with it
 */
export function parseModeChange(text: string): ModeChange | string {
  const number = /^[0-7]+$/.test(text) ? Number.parseInt(text, 8) : undefined;
  if (number !== undefined && number <= 0o7777) return { fixed: number, apply: () => number };
  if (/^[0-9]/.test(text)) {
    return `invalid chmod parameter: '${text}'. it should be octal string and between 0 and 07777`;
  }
  const commands: Command[] = [];
  for (const clause of text.split(",")) {
    if (!parseClause(clause, commands)) return "invalid syntax";
  }
  return {
    fixed: undefined,
    apply: (mode, isDirectory) => commands.reduce((now, command) => command(now, mode, isDirectory), mode) & 0o7777,
  };
}

/** `[ugoa]*([-+=][rwxXstugo]*)+` */
function parseClause(clause: string, commands: Command[]): boolean {
  let at = 0;
  let who = 0;
  while (at < clause.length && WHO[clause[at]!] !== undefined) who |= WHO[clause[at++]!]!;
  if (at === clause.length) return false;
  while (at < clause.length) {
    const operator = clause[at++]!;
    if (operator !== "+" && operator !== "-" && operator !== "=") return false;
    const start = at;
    while (at < clause.length && "rwxXstugo".includes(clause[at]!)) at++;
    who = addOperation(operator, who, clause.slice(start, at), commands);
  }
  return true;
}

/** Adds what one operator with its letters does; returns `who`, to which `t` adds the sticky bit for the rest of the clause. */
function addOperation(operator: Operator, whoBefore: number, letters: string, commands: Command[]): number {
  let who = whoBefore & ~STICKY;
  let bits = 0;
  let executeIfAny = false;
  let copied = false;
  for (const letter of letters) {
    if (letter === "r") bits |= 0o444;
    else if (letter === "w") bits |= 0o222;
    else if (letter === "x" || (letter === "X" && operator === "-")) bits |= 0o111;
    else if (letter === "X") executeIfAny = true;
    else if (letter === "s" && who !== 0o007) bits |= SETUID | SETGID;
    else if (letter === "t" && who !== 0o007) {
      who |= STICKY;
      bits |= STICKY;
    } else if (SHIFT[letter] !== undefined) {
      if (bits !== 0) pushBits(operator, who, bits, commands);
      bits = 0;
      copied = true;
      pushCopy(operator, who, SHIFT[letter]!, commands);
    }
  }
  if (bits !== 0 || (operator === "=" && !copied)) pushBits(operator, who, bits, commands);
  if (executeIfAny) {
    const execute = (who === 0 ? STANDARD : who) & 0o111;
    commands.push((mode, before, isDirectory) => (isDirectory || (before & 0o111) !== 0 ? mode | execute : mode));
  }
  return who;
}

function pushBits(operator: Operator, who: number, bits: number, commands: Command[]): void {
  const scope = who === 0 ? STANDARD : who;
  const changed = who === 0 ? bits : bits & who;
  if (operator === "-") commands.push((mode) => mode & ~changed);
  else if (operator === "+") commands.push((mode) => mode | changed);
  else commands.push((mode) => (mode & ~scope) | changed);
}

/** `g=u` and the like: the three permission bits of one class, given to those of `who`. */
function pushCopy(operator: Operator, who: number, shift: number, commands: Command[]): void {
  const scope = (who === 0 ? 0o777 : who) & 0o777;
  commands.push((mode) => {
    const three = (mode >> shift) & 0o7;
    const spread = (three | (three << 3) | (three << 6)) & scope;
    if (operator === "+") return mode | spread;
    if (operator === "-") return mode & ~spread;
    return (mode & ~scope) | spread;
  });
}
