/** Names for containers that nobody has named. */
import { randomInt } from "node:crypto";
import { OcibuildError } from "../../errors.js";

const ADJECTIVES = (
  "amber bold brave bright calm clever cosy crisp eager fair gentle glad happy jolly keen kind lively lucky mellow merry " +
  "mighty neat nimble patient plucky proud quick quiet rosy serene shiny silent snug spry steady sunny swift tidy warm wise"
).split(" ");
const NOUNS = (
  "badger beaver bison crane curlew dolphin falcon ferret finch gecko heron ibex jackal kestrel koala lark lemur linnet " +
  "lynx marmot marten mole newt otter owl panda petrel plover puffin quail raven robin seal shrew stork swan tapir teal tern wren"
).split(" ");

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;

/** A name that none of `taken` is. */
export function inventName(taken: ReadonlySet<string>): string {
  for (let attempt = 0; ; attempt++) {
    const words = `${ADJECTIVES[randomInt(ADJECTIVES.length)]}_${NOUNS[randomInt(NOUNS.length)]}`;
    const name = attempt < 20 ? words : `${words}${randomInt(10_000)}`;
    if (!taken.has(name)) return name;
  }
}

/** @throws OPTIONS_INVALID */
export function checkName(name: string): string {
  const bare = name.replace(/^\//, "");
  if (NAME.test(bare)) return bare;
  throw new OcibuildError(
    "OPTIONS_INVALID",
    `Invalid container name (${name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`,
    {
      details: { option: "--name" },
    },
  );
}
