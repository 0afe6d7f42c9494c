import { expect, test } from "vitest";
import { RawJsonRenderer } from "../../../src/cli/progress/raw-json-renderer.js";
import type { BuildEvent } from "../../../src/events.js";
import { finished, output, planned, progress, started } from "../support/build-events.js";

function lines(...events: readonly BuildEvent[]): string[] {
  let text = "";
  const renderer = new RawJsonRenderer((part) => {
    text += part;
  });
  for (const event of events) renderer.onEvent(event);
  renderer.end();
  renderer.onEvent(started("late", "late"));
  expect(text.endsWith("\n")).toBe(true);
  return text.slice(0, -1).split("\n");
}

test("every event is one line of JSON with the version, bytes in base64", () => {
  const events = [
    planned("a"),
    started("a", "a"),
    progress("a", 5, 10),
    output("a", Buffer.from([0, 255])),
    finished("a", "done", 7),
  ];
  const records = lines(...events).map((line) => JSON.parse(line));
  expect(records).toEqual(
    events.map((event) =>
      event.type === "task-output" ? { version: 1, ...event, chunk: "AP8=" } : { version: 1, ...event },
    ),
  );
  expect(lines(started("a", "a"))[0]).toMatch(/^\{"version":1,"type":"task-started"/);
});

test("L6: no control and no CI command is there as it is, yet a reader gets the text unchanged", () => {
  const all = Array.from({ length: 0xa0 }, (_, code) => String.fromCharCode(code)).join("");
  const name = `${all}\u202e\u2028 ##vso[task.x] ##[y]`;
  const [line] = lines(started("a", name));
  expect(line).not.toMatch(/[\x00-\x1f\x7f-\x9f\u202e\u2028]|##/);
  expect(JSON.parse(line!).task.name).toBe(name);
});
