import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { TtyRenderer } from "../../../src/cli/progress/tty-renderer.js";
import type { BuildEvent } from "../../../src/events.js";
import { finished, output, planned, progress, started } from "../support/build-events.js";
import { Screen } from "../support/screen.js";

class Terminal {
  nowMs = 0;
  columns: number;
  rows: number;
  readonly writes: string[] = [];
  readonly renderer: TtyRenderer;
  #tick: (() => void) | undefined;
  hasTimer = true;

  constructor({ columns = 60, rows = 24, color = false } = {}) {
    this.columns = columns;
    this.rows = rows;
    this.renderer = new TtyRenderer({
      write: (text) => this.writes.push(text),
      nowMs: () => this.nowMs,
      size: () => ({ columns: this.columns, rows: this.rows }),
      color,
      every: (_, action) => {
        this.#tick = action;
        return () => {
          this.hasTimer = false;
        };
      },
    });
  }

  send(...events: readonly BuildEvent[]): void {
    for (const event of events) this.renderer.onEvent(event);
  }

  /** Time passes to `nowMs`, and the timer runs. */
  tick(nowMs: number): void {
    this.nowMs = nowMs;
    this.#tick?.();
  }

  /** What the last write alone would show. */
  get lastPicture(): string {
    const screen = new Screen(this.columns);
    screen.write(this.writes.at(-1)!.replace(/^\x1b\[\d+A/, ""));
    return screen.text;
  }

  get screen(): Screen {
    const screen = new Screen(this.columns);
    for (const text of this.writes) screen.write(text);
    return screen;
  }
}

describe("the picture of a running build", () => {
  test("shows tasks in their order, with times and bytes", () => {
    const terminal = new Terminal();
    terminal.send(
      planned("[1/2] WORKDIR /src", "[2/2] COPY . /src"),
      started("r", "resolve image node:24"),
      finished("r", "done", 900),
    );
    terminal.nowMs = 50;
    terminal.send(
      started("[1/2] WORKDIR /src", "[1/2] WORKDIR /src", 1000),
      finished("[1/2] WORKDIR /src", "cached", 1000),
    );
    terminal.send(
      started("[2/2] COPY . /src", "[2/2] COPY . /src", 1000),
      progress("[2/2] COPY . /src", 12_300_000, 40_000_000),
    );
    terminal.tick(1250);
    expect(terminal.screen.text).toBe(`[+] Building 1.3s (2/3)
 => resolve image node:24                              0.9s
 => CACHED [1/2] WORKDIR /src                          0.0s
 => [2/2] COPY . /src               12.30MB / 40.00MB  1.2s`);
    expect(terminal.screen.isCursorVisible).toBe(false);
  });

  test("ends with a summary and the cursor back", () => {
    const terminal = new Terminal();
    terminal.send(started("a", "[1/1] COPY . /src"));
    terminal.tick(100);
    terminal.tick(200);
    terminal.send(finished("a", "done", 210));
    terminal.nowMs = 250;
    terminal.renderer.end("done");
    expect(terminal.screen.text).toBe(
      "[+] Building 0.3s (1/1) FINISHED\n => [1/1] COPY . /src                                  0.2s",
    );
    expect(terminal.screen.isCursorVisible).toBe(true);
    expect(terminal.hasTimer).toBe(false);
    const count = terminal.writes.length;
    terminal.renderer.end("failed");
    terminal.send(started("b", "late"));
    terminal.tick(9000);
    expect(terminal.writes.length).toBe(count);
  });

  test("is drawn in one write, and not more than ten times a second however many events come", () => {
    const terminal = new Terminal();
    terminal.send(started("a", "a"));
    for (let ms = 1; ms <= 1000; ms++) {
      terminal.nowMs = ms;
      terminal.send(progress("a", ms));
    }
    expect(terminal.writes.length).toBe(10);
  });

  test("a build that is over before the first picture is drawn once, without touching the cursor", () => {
    const terminal = new Terminal();
    terminal.send(started("a", "a"), finished("a", "cached", 3));
    terminal.renderer.end("done");
    expect(terminal.writes).toHaveLength(1);
    expect(terminal.writes[0]).not.toContain("\x1b[?25");
    expect(terminal.screen.text).toContain("CACHED a");
  });

  test("nothing is drawn of a build that never began", () => {
    const terminal = new Terminal();
    terminal.renderer.end("failed");
    expect(terminal.writes).toEqual([]);
  });

  test("keeps running tasks on a low terminal, and shows all at the end", () => {
    const terminal = new Terminal({ rows: 5 });
    const ids = ["a", "b", "c", "d", "e", "f"];
    for (const id of ids) terminal.send(started(id, `task ${id}`));
    for (const id of ["b", "c", "d", "e", "f"]) terminal.send(finished(id, "done", 10));
    terminal.tick(100);
    expect(terminal.screen.text.split("\n").map((row) => row.slice(0, 10).trimEnd())).toEqual([
      "[+] Buildi",
      " => task a",
      " => task e",
      " => task f",
    ]);
    terminal.renderer.end("done");
    expect(terminal.screen.text.split("\n")).toHaveLength(7);
  });

  test("shows the last lines that a running task has put out, and more of one that failed", () => {
    const terminal = new Terminal();
    terminal.send(started("a", "RUN make"), output("a", "1\n2\n3\n4\n5\n6\n7\tx\n8"));
    terminal.tick(100);
    expect(terminal.screen.text.split("\n").slice(2)).toEqual(
      ["2", "3", "4", "5", "6", "7  x"].map((text) => ` => => # ${text}`),
    );
    terminal.send(finished("a", "failed", 150));
    terminal.renderer.end("failed");
    const { text } = terminal.screen;
    expect(text).toContain("FAILED");
    expect(text).toContain(" => ERROR RUN make");
    expect(text).toMatch(/------\n > RUN make:\n1\n2\n3\n4\n5\n6\n7\tx\n8\n------$/);
  });

  test("shows each warning once, below the picture", () => {
    const terminal = new Terminal();
    terminal.send({ type: "warning", message: "careful" }, started("a", "a"), { type: "warning", message: "careful" });
    terminal.tick(100);
    expect(terminal.screen.text).not.toContain("careful");
    terminal.renderer.end("done");
    expect(terminal.screen.text.match(/WARNING: careful/g)).toHaveLength(1);
  });

  test("has colours only when asked, and the same text either way", () => {
    const texts = [true, false].map((color) => {
      const terminal = new Terminal({ color });
      terminal.send(started("a", "a"), finished("a", "failed", 1), started("b", "b"), finished("b", "cached", 1));
      terminal.renderer.end("cancelled");
      return { written: terminal.writes.join(""), text: terminal.screen.text };
    });
    expect(texts[0]!.written).toContain("\x1b[31m => ERROR a");
    expect(texts[1]!.written).not.toMatch(/\x1b\[[0-9;]*m/);
    expect(texts[0]!.text).toBe(texts[1]!.text);
  });

  test("L6: no control of a name or of output reaches the terminal", () => {
    const terminal = new Terminal();
    const all = Array.from({ length: 0xa0 }, (_, code) => String.fromCharCode(code)).join("");
    terminal.send(started("a", `x${all}y`), output("a", `x${all}y\n`));
    terminal.tick(100);
    terminal.renderer.end("done");
    const ours = /\x1b\[(?:\d+A|K|J|\?25[hl])/g;
    expect(
      terminal.writes
        .join("")
        .replace(ours, "")
        .replace(/[\n\r]/g, ""),
    ).not.toMatch(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/);
  });
});

const anyName = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 60 }),
  fc.constant("[build 2/5] COPY --from=deps /app /app"),
);
const anyEvent = fc.oneof(
  fc.tuple(fc.constantFrom("a", "b", "c", "d"), anyName).map(([id, name]) => started(id, name)),
  fc.constantFrom("a", "b", "c", "d").map((id) => finished(id, "done", 500)),
  fc.tuple(fc.constantFrom("a", "b", "c", "d"), fc.nat()).map(([id, bytes]) => progress(id, bytes, 2 ** 40)),
  fc.tuple(fc.constantFrom("a", "b", "c", "d"), anyName).map(([id, text]) => output(id, `${text}\n`)),
);

test("whatever happens, a picture covers the one before it and no line is wider or higher than the terminal", () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(anyEvent, { maxLength: 4 }), { minLength: 1, maxLength: 8 }),
      fc.integer({ min: 1, max: 90 }),
      fc.integer({ min: 2, max: 12 }),
      (frames, columns, rows) => {
        const terminal = new Terminal({ columns, rows });
        let nowMs = 0;
        for (const events of frames) {
          terminal.send(...events);
          nowMs += 100;
          terminal.tick(nowMs);
          expect(terminal.screen.text).toBe(terminal.lastPicture);
          expect(terminal.lastPicture.split("\n").length).toBeLessThanOrEqual(rows - 1);
        }
        terminal.renderer.end("done");
        expect(terminal.screen.text).toBe(terminal.lastPicture);
        expect(terminal.screen.isCursorVisible).toBe(true);
      },
    ),
    { numRuns: 60 },
  );
});

test("on a terminal that became narrower, lines that wrapped are covered too", () => {
  const terminal = new Terminal({ columns: 60 });
  terminal.send(started("a", "a".repeat(40)), started("b", "b".repeat(40)));
  terminal.tick(100);
  terminal.columns = 30;
  terminal.tick(200);
  // The header fits in 30 columns; each of the two rows of 59 columns has become two.
  expect(terminal.writes.at(-1)).toMatch(/^\x1b\[5A\r/);
});

test("why steps had to run stands below the last picture", () => {
  const terminal = new Terminal();
  terminal.send(
    started("a", "[1/2] COPY a /"),
    { type: "cache-miss", id: "a", causes: [{ kind: "file", text: "a: content changed" }] },
    finished("a", "done", 100),
    started("b", "[2/2] COPY b /"),
    finished("b", "cached", 200),
  );
  terminal.renderer.end("done");
  expect(terminal.writes.join("")).toContain("\nWhy steps ran:\n [1/2] COPY a /\n   a: content changed\n");
});
