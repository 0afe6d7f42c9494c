import fc from "fast-check";
import { expect, test } from "vitest";
import { PlainRenderer } from "../../../src/cli/progress/plain-renderer.js";
import type { BuildEvent } from "../../../src/events.js";
import { finished, output, planned, progress, started } from "../support/build-events.js";

/** What is written for `events`; a number sets the clock. */
function rendered(events: readonly (BuildEvent | number)[]): string {
  let text = "";
  let nowMs = 0;
  const renderer = new PlainRenderer({ write: (part) => (text += part), nowMs: () => nowMs });
  for (const event of events) {
    if (typeof event === "number") nowMs = event;
    else renderer.onEvent(event);
  }
  renderer.end();
  return text;
}

test("a build reads like one of BuildKit", () => {
  const text = rendered([
    started("r", "resolve image docker.io/library/node:24"),
    finished("r", "done", 1200, "sha256:abc"),
    planned("[1/2] WORKDIR /src", "[2/2] COPY . /src"),
    started("[1/2] WORKDIR /src", "[1/2] WORKDIR /src", 1200),
    finished("[1/2] WORKDIR /src", "cached", 1201),
    started("[2/2] COPY . /src", "[2/2] COPY . /src", 1201),
    progress("[2/2] COPY . /src", 40_320_000),
    finished("[2/2] COPY . /src", "done", 1405),
  ]);
  expect(text).toBe(`#1 resolve image docker.io/library/node:24
#1 sha256:abc
#1 DONE 1.2s

#2 [1/2] WORKDIR /src
#2 CACHED

#3 [2/2] COPY . /src
#3 40.32MB done
#3 DONE 0.2s
`);
});

test("why a task has to run stands below its name, each cause in one line", () => {
  const causes = ["a.js: content changed", "bad\x1b[31m\nname: added"].map((text) => ({ kind: "file", text }) as const);
  const text = rendered([
    started("a", "[1/1] COPY a /"),
    { type: "cache-miss", id: "a", causes },
    { type: "cache-miss", id: "unknown", causes },
    finished("a", "done", 100),
  ]);
  expect(text.split("\n").slice(0, 3)).toEqual([
    "#1 [1/1] COPY a /",
    "#1 why: a.js: content changed",
    expect.stringMatching(/^#1 why: bad.*name: added$/),
  ]);
  expect(text).not.toContain("\x1b");
});

test("tasks side by side keep their numbers", () => {
  const text = rendered([
    started("a", "[a 1/1] COPY a /"),
    started("b", "[b 1/1] COPY b /"),
    finished("b", "failed", 100),
    finished("a", "cancelled", 100),
  ]);
  expect(text).toBe("#1 [a 1/1] COPY a /\n#2 [b 1/1] COPY b /\n#2 ERROR after 0.1s\n#1 CANCELED\n");
});

test("a long task says every five seconds how far it is", () => {
  const events: (BuildEvent | number)[] = [started("a", "pull")];
  for (let ms = 0; ms <= 12_000; ms += 100) events.push(ms, progress("a", ms * 1000, 20_000_000));
  expect(rendered(events)).toBe("#1 pull\n#1 5.00MB / 20.00MB 5.0s\n#1 10.00MB / 20.00MB 10.0s\n");
});

test("output comes in lines with the time, however it is cut", () => {
  const bytes = Buffer.from("täst 1\r\nhalf\rwhole\n\x1b[31mred\x1b[0m\n::error::x\nlast");
  const expected =
    "#1 RUN x\n#1 0.250 täst 1\n#1 0.250 half\n#1 0.250 whole\n#1 0.250 red\n#1 0.250 : :error::x\n#1 0.250 last\n#1 DONE 1.0s\n";
  fc.assert(
    fc.property(fc.array(fc.nat(bytes.length), { maxLength: 6 }), (cuts) => {
      const places = [0, ...cuts.sort((a, b) => a - b), bytes.length];
      const chunks = places.slice(1).map((end, at) => bytes.subarray(places[at]!, end));
      expect(
        rendered([
          started("a", "RUN x"),
          250,
          ...chunks.map((chunk) => output("a", chunk)),
          finished("a", "done", 1000),
        ]),
      ).toBe(expected);
    }),
  );
});

test("L7: a line without an end comes in pieces", () => {
  const text = rendered([started("a", "RUN x"), output("a", "y".repeat(100_000))]);
  expect(text.split("\n").length).toBeGreaterThan(5);
});

test("a warning comes once, with its rule and place", () => {
  const warning: BuildEvent = {
    type: "warning",
    message: "Stage name 'Build' should be lowercase",
    diagnostic: { code: "StageNameCasing", severity: "warning", message: "", span: { start: 0, end: 1 } },
    location: { file: "Dockerfile", line: 1, column: 9, excerpt: "" },
  };
  const other: BuildEvent = { type: "warning", message: "no cache\x1b]0;x\x07" };
  expect(rendered([warning, other, warning, other])).toBe(
    "WARNING: StageNameCasing: Stage name 'Build' should be lowercase (Dockerfile:1:9)\nWARNING: no cache\n",
  );
});

test("L6: names and details are written without controls", () => {
  expect(rendered([started("a", "COPY \x1b[2J\r\nx /"), finished("a", "done", 0, "d\x07")])).toBe(
    "#1 COPY x /\n#1 d\n#1 DONE 0.0s\n",
  );
});

test("events about tasks that nobody knows, or that have finished, change nothing", () => {
  const known = [started("a", "x"), finished("a", "done", 5)];
  const strange = [progress("?", 1), output("?", "x\n"), finished("?", "done", 1), finished("a", "failed", 9)];
  expect(rendered([...known, ...strange])).toBe(rendered(known));
});

test("a planned task that is cached without having started still has its name", () => {
  expect(rendered([planned("[1/1] COPY . /"), finished("[1/1] COPY . /", "cached", 3)])).toBe(
    "#1 [1/1] COPY . /\n#1 CACHED\n",
  );
});
