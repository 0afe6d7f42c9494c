/** The Dockerfiles of the conformance cases: 1,300 texts, each aimed at one behaviour. */
import { caseGroups, loadCases } from "../conformance/cases.js";

/** By `group/name`. Bytes that are no UTF-8 are replaced, as they are when a build reads a Dockerfile. */
export function conformanceDockerfiles(fixtures?: URL): ReadonlyMap<string, string> {
  const texts = new Map<string, string>();
  for (const group of caseGroups(fixtures)) {
    for (const { id, dockerfile } of loadCases(group, fixtures)) {
      if (dockerfile !== undefined) texts.set(id, dockerfile.toString("utf8"));
    }
  }
  return texts;
}
