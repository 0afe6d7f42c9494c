/** Cuts what an expansion makes into words. */
import { isSpace } from "./whitespace.js";

/** Collects the words at one level of nesting. The word being collected is the caller's: all levels share it. */
export class WordSplitter {
  private readonly words: string[] = [];
  private inWord = false;

  /** Adds `text`, which ends the word at each blank. */
  addSplit(pending: string, text: string): string {
    for (const character of text) {
      if (!isSpace(character.charCodeAt(0))) {
        pending += character;
        this.inWord = true;
      } else if (this.inWord && pending !== "") {
        this.words.push(pending);
        pending = "";
        this.inWord = false;
      }
    }
    return pending;
  }

  /** Adds `text` as it is. */
  add(pending: string, text: string): string {
    this.inWord = true;
    return pending + text;
  }

  finish(pending: string): readonly string[] {
    if (pending !== "") this.words.push(pending);
    return this.words;
  }
}
