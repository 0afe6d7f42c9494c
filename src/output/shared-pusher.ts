/** A pusher that several may use for the same blobs, one of them early. */
import type { ImagePusher, PushBlobOutcome } from "../oci/pusher.js";
import { nameOf } from "../oci/reference.js";
import { untilAborted } from "../util/until-aborted.js";

/**
 * Pushes a blob to a repository once: who asks while it is under way waits for that, who asks after it need not. Who has
 * waited for a failure, or for one who gave up, tries itself.
 */
export function sharedPusher(pusher: ImagePusher): ImagePusher {
  const known = new Map<string, Promise<PushBlobOutcome>>();
  return {
    async pushBlob(target, blob, source, options = {}) {
      const key = `${nameOf(target)} ${blob.digest}`;
      const other = known.get(key)?.catch(() => undefined);
      const outcome = other && (await untilAborted(other, options.signal));
      if (outcome !== undefined) return outcome;
      const own = pusher.pushBlob(target, blob, source, options);
      known.set(key, own);
      own.catch(() => {
        if (known.get(key) === own) known.delete(key);
      });
      return own;
    },
    pushManifest: (target, manifest, bytes, options) => pusher.pushManifest(target, manifest, bytes, options),
  };
}
