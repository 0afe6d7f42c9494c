/** The exit code for a program that could not be started, of which engines say only why: 126 when it is there, else 127, as shells have it. */
export function startFailureCode(problem: string): 126 | 127 {
  return /permission denied|is a directory|exec format error/i.test(problem) ? 126 : 127;
}
