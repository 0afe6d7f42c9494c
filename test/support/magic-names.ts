/** Names that every object has: what takes names from its input must not find those of `Object.prototype`. */
export const MAGIC_NAMES = [
  "__proto__",
  "constructor",
  "toString",
  "hasOwnProperty",
  "valueOf",
  "isPrototypeOf",
  "__defineGetter__",
  "__lookupSetter__",
  "propertyIsEnumerable",
  "toLocaleString",
  "then",
  "length",
] as const;
