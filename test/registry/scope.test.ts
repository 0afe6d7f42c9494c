import { expect, test } from "vitest";
import { formatScopes, pushScopes, type Scope, withChallengeScopes } from "../../src/registry/scope.js";

const PULL: readonly Scope[] = [{ repository: "team/app", actions: ["pull"] }];

test("scopes of one repository become one, in a stable order", () => {
  const scopes: readonly Scope[] = [...PULL, "registry:catalog:*", { repository: "a", actions: ["pull"] }];
  expect(formatScopes([...scopes, ...pushScopes("team/app")])).toEqual([
    "registry:catalog:*",
    "repository:a:pull",
    "repository:team/app:pull,push",
  ]);
});

test.each([
  ["repository:team/app:metadata_read", "repository:team/app:metadata_read,pull"],
  ["repository:team/app:pull,metadata_read", "repository:team/app:metadata_read,pull"],
  // R4: a registry cannot make us ask for more of the usual rights, nor for another repository.
  ["repository:team/app:pull,push,delete", "repository:team/app:pull"],
  ["repository:other/app:metadata_read", "repository:team/app:pull"],
  ["repository:team/app:*", "repository:team/app:pull"],
  ["registry:catalog:*", "repository:team/app:pull"],
  ["repository:team/app:A&b=c", "repository:team/app:pull"],
  ["", "repository:team/app:pull"],
])("R4: a challenge with the scope %j leads to %s", (challenge, expected) => {
  expect(formatScopes(withChallengeScopes(PULL, challenge))).toEqual([expected]);
});
