/** C4: after each file of tests the prototypes that all code shares have the members they had before it. */
import { afterAll, expect } from "vitest";

const PROTOTYPES = [Object, Array, String, Function, Map, Set, Promise, Buffer].map((all) => all.prototype as object);
const before = PROTOTYPES.map(Reflect.ownKeys);

afterAll(() => {
  expect(PROTOTYPES.map(Reflect.ownKeys), "C4: a prototype has changed").toEqual(before);
});
