/**
 * The containers of a store: a folder for each with its record and the layer of what it changed. Only what has ended can
 * be used; a container whose process is gone has ended, whatever its record says.
 */
import { randomBytes } from "node:crypto";
import { linkSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { FolderLock } from "../../cache/folder-lock.js";
import { readSmallFile } from "../../cache/sealed-file.js";
import type { Store } from "../../cache/store.js";
import { storeError, systemCode } from "../../cache/store-error.js";
import { OcibuildError } from "../../errors.js";
import type { Abortable } from "../../oci/blobs.js";
import { ownedName, ownerState } from "../../util/process-owner.js";
import type { Pin } from "../remove-image.js";
import { checkName, inventName } from "./container-names.js";
import { type ContainerRecord, parseRecord } from "./container-record.js";

const RECORD = "container.json";
const LAYER = "layer.tar";
const LIMIT_BYTES = 4 * 1024 * 1024;
/** What the kernel's kill counts as. */
const KILLED = 137;

/** What a new container is to be. */
export type NewContainer = Omit<ContainerRecord, "version" | "id" | "name" | "state" | "changes" | "hostname"> & {
  readonly name?: string | undefined;
  /** The beginning of the ID unless given. */
  readonly hostname?: string | undefined;
};

export class ContainerStore {
  readonly #store: Store;
  readonly #dir: string;
  readonly #lock: FolderLock;

  constructor(store: Store) {
    this.#store = store;
    this.#dir = join(store.root, "containers");
    this.#lock = new FolderLock(join(store.root, "locks", "containers"));
  }

  /** All, the newest first. Those that were to go when they end and whose process was killed go now. */
  list(): readonly ContainerRecord[] {
    const records: ContainerRecord[] = [];
    for (const id of this.#ids()) {
      const record = this.#read(id);
      if (record === undefined) continue;
      if (record.autoRemove && record.state.status === "exited") this.#discard(id);
      else records.push(record);
    }
    return records.sort((a, b) => (a.created < b.created ? 1 : a.created > b.created ? -1 : 0));
  }

  /** Containers with the images that they need. */
  pins(): readonly Pin[] {
    return this.list().map(({ name, image: { manifest } }) => ({ name, descriptor: manifest }));
  }

  /** By name, or by the beginning of an ID. @throws CONTAINER_NOT_FOUND */
  find(word: string): ContainerRecord {
    const records = this.list();
    const name = word.replace(/^\//, "");
    const named = records.find((record) => record.name === name || record.id === word);
    const begun = /^[0-9a-f]{1,64}$/.test(word) ? records.filter(({ id }) => id.startsWith(word)) : [];
    const found = named ?? (begun.length === 1 ? begun[0] : undefined);
    if (found !== undefined) return found;
    const what = begun.length > 1 ? `"${word}" is the beginning of several IDs` : `No such container: ${word}`;
    throw new OcibuildError("CONTAINER_NOT_FOUND", what, {
      details: { container: word },
      hint: '"ocibuild ps -a" lists what there is.',
    });
  }

  /** Makes a container that this process runs. @throws CONTAINER_IN_USE when the name is taken, OPTIONS_INVALID, STORE_UNUSABLE */
  async create({ name, hostname, ...made }: NewContainer, options: Abortable): Promise<ContainerRecord> {
    const wanted = name === undefined ? undefined : checkName(name);
    return this.#lock.hold(async () => {
      const others = this.list();
      const same = others.find((record) => record.name === wanted);
      if (same !== undefined) throw nameTaken(same);
      const id = randomBytes(32).toString("hex");
      const record: ContainerRecord = {
        version: 1,
        id,
        name: wanted ?? inventName(new Set(others.map((other) => other.name))),
        hostname: hostname ?? id.slice(0, 12),
        ...made,
        state: { status: "running", owner: ownedName() },
        changes: null,
      };
      await this.save(record);
      return record;
    }, options);
  }

  /** Replaces the record. @throws STORE_UNUSABLE */
  async save(record: ContainerRecord): Promise<void> {
    const folder = join(this.#dir, record.id);
    try {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
    } catch (error) {
      throw storeError(error, "create", folder);
    }
    const file = this.#store.createFile();
    try {
      file.write(Buffer.from(JSON.stringify(record)));
      await file.commit(join(folder, RECORD));
    } finally {
      file.discard();
    }
  }

  /** Keeps a file as the tar of what the container changed: no copy where a link will do. @throws STORE_UNUSABLE */
  async keepLayer(id: string, tarPath: string): Promise<void> {
    const path = this.layerPath(id);
    try {
      rmSync(path, { force: true });
      try {
        linkSync(tarPath, path);
      } catch (error) {
        if (systemCode(error) === "ENOENT") throw error;
        await copyFile(tarPath, path);
      }
    } catch (error) {
      throw storeError(error, "write", path);
    }
  }

  /** Where the tar of what the container changed is. */
  layerPath(id: string): string {
    return join(this.#dir, id, LAYER);
  }

  /** @throws CONTAINER_IN_USE for one that runs */
  remove(record: ContainerRecord): void {
    if (record.state.status === "running") {
      throw new OcibuildError("CONTAINER_IN_USE", `container ${record.name} is running`, {
        details: { container: record.name },
        hint: "End the command that runs it first.",
      });
    }
    this.#discard(record.id);
  }

  /** Removes a container of this process. */
  discard(id: string): void {
    this.#discard(id);
  }

  #ids(): readonly string[] {
    try {
      return readdirSync(this.#dir).filter((name) => /^[0-9a-f]{64}$/.test(name));
    } catch (error) {
      if (systemCode(error) === "ENOENT") return [];
      throw storeError(error, "read", this.#dir);
    }
  }

  #read(id: string): ContainerRecord | undefined {
    const bytes = readSmallFile(join(this.#dir, id, RECORD), LIMIT_BYTES);
    const record = bytes === undefined ? undefined : parseRecord(bytes);
    if (record?.state.status !== "running" || ownerState(record.state.owner) !== "dead") return record;
    return { ...record, state: { status: "exited", exitCode: KILLED, finished: record.created } };
  }

  #discard(id: string): void {
    const away = join(this.#store.tempDir(), ownedName());
    try {
      renameSync(join(this.#dir, id), away);
      rmSync(away, { recursive: true, force: true });
    } catch (error) {
      if (systemCode(error) !== "ENOENT") throw storeError(error, "remove", join(this.#dir, id));
    }
  }
}

function nameTaken({ name, id }: ContainerRecord): OcibuildError<"CONTAINER_IN_USE"> {
  return new OcibuildError(
    "CONTAINER_IN_USE",
    `Conflict. The container name "/${name}" is already in use by container "${id}"`,
    {
      details: { container: name },
      hint: `Remove it with "ocibuild rm ${name}" to be able to use that name again.`,
    },
  );
}
