import { MemoryBlobs } from "../../src/cache/memory-blobs.js";
import { blobStoreContract } from "../contract/blob-store.js";

blobStoreContract("memory", () => new MemoryBlobs());
