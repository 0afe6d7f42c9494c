/**
 * Locks that hold among all who use an engine, from whatever machine: containers that are never started. Two of one name
 * cannot be. What a dead process of this machine held is taken away from it.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { Helpers } from "./helper.js";
import { isOwnerDead, ROLE } from "./labels.js";
import { removeContainer } from "./removal.js";
import { ContainersSchema, type LabelledContainer } from "./schemas.js";

export interface EngineLock {
  release(): Promise<void>;
}

/** On containers that stand for one of several who share a lock: its name. */
const SHARES = "ocibuild.shares";
const POLL_MS = 50;

export class EngineLocks {
  readonly #helpers: Helpers;

  constructor(helpers: Helpers) {
    this.#helpers = helpers;
  }

  /** For one alone. `undefined` when it is held and `wait` is false. @throws EXECUTOR_FAILED; the signal's reason */
  async exclusive(key: string, wait: boolean, signal: AbortSignal): Promise<EngineLock | undefined> {
    const name = nameOf(key);
    let id: string | undefined;
    for (;;) {
      id = await this.#helpers.make({ name, role: "lock", signal });
      if (id !== undefined) break;
      if (await this.#removeDead({ name: [`^/?${name}$`] }, signal)) continue;
      if (!wait) return undefined;
      await delay(POLL_MS, undefined, { signal });
    }
    const lock = this.#held(id);
    try {
      // Who shares it came first, and leaves.
      while (await this.#isThere({ label: [`${SHARES}=${key}`] }, signal)) {
        if (!wait) {
          await lock.release();
          return undefined;
        }
        await delay(POLL_MS, undefined, { signal });
      }
    } catch (error) {
      await lock.release();
      throw error;
    }
    return lock;
  }

  /** For many at once, while nobody has it alone. @throws EXECUTOR_FAILED; the signal's reason */
  async shared(key: string, signal: AbortSignal): Promise<EngineLock> {
    for (;;) {
      const id = await this.#helpers.make({ role: "lock", labels: { [SHARES]: key }, signal });
      const lock = this.#held(id!);
      try {
        if (!(await this.#isThere({ name: [`^/?${nameOf(key)}$`] }, signal))) return lock;
      } catch (error) {
        await lock.release();
        throw error;
      }
      await lock.release();
      await delay(POLL_MS, undefined, { signal });
    }
  }

  /** Keys of all that somebody has, alone or with others. */
  async held(signal: AbortSignal | undefined): Promise<ReadonlySet<string>> {
    const keys = (await this.#list({ label: [`${ROLE}=lock`] }, signal)).flatMap(({ Names, Labels }) => {
      if (isOwnerDead(Labels)) return [];
      const names = (Names ?? []).map((name) => name.replace(/^\//, ""));
      return [Labels?.[SHARES] ?? "", ...names.map((name) => name.slice(nameOf("").length))];
    });
    return new Set(keys);
  }

  #held(id: string): EngineLock {
    return { release: () => removeContainer(this.#helpers.engine, id) };
  }

  /** Whether one that `filters` finds is there and not a dead process's. */
  async #isThere(filters: Readonly<Record<string, readonly string[]>>, signal: AbortSignal): Promise<boolean> {
    await this.#removeDead(filters, signal);
    return (await this.#list(filters, signal)).length > 0;
  }

  async #removeDead(filters: Readonly<Record<string, readonly string[]>>, signal: AbortSignal): Promise<boolean> {
    let hasRemoved = false;
    for (const { Id, Labels } of await this.#list(filters, signal)) {
      if (!isOwnerDead(Labels)) continue;
      await removeContainer(this.#helpers.engine, Id);
      hasRemoved = true;
    }
    return hasRemoved;
  }

  #list(
    filters: Readonly<Record<string, readonly string[]>>,
    signal: AbortSignal | undefined,
  ): Promise<readonly LabelledContainer[]> {
    const query = { all: "1", filters: JSON.stringify(filters) };
    return this.#helpers.engine.json({ method: "GET", path: "/containers/json", query, signal }, ContainersSchema);
  }
}

function nameOf(key: string): string {
  return `ocibuild-lock-${key}`;
}
