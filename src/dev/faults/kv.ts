/** Workers KV as it is far from home: a wrapper around the local one, which by itself is always right, fast and willing. */
import type { Clock } from "#base/clock.ts";
import type { KvFaults } from "./faults.ts";

/** What is behind: the part of a KV namespace that is used. */
interface KvStore {
  get(key: string, type: "arrayBuffer"): Promise<ArrayBuffer | null>;
  put(key: string, value: unknown, options?: unknown): Promise<void>;
  delete(key: string): Promise<void>;
}

export interface FaultyKvOptions {
  readonly store: KvStore;
  readonly clock: Clock;
  /** Asked on every call. */
  readonly faults: () => KvFaults;
  readonly sleep: (milliseconds: number) => Promise<void>;
}

/** Workers KV: one write to a key per second. */
const writeIntervalMs = 1000;

export class FaultyKv {
  readonly #options: FaultyKvOptions;
  /** What this "location" has read lately; null for keys that were absent, since KV caches those as well. */
  readonly #cache = new Map<string, { readonly value: ArrayBuffer | null; readonly readAtMs: number }>();
  readonly #writtenAtMs = new Map<string, number>();

  constructor(options: FaultyKvOptions) {
    this.#options = options;
  }

  /** Throws what KV throws when it fails; answers as old a value as the faults allow. */
  async get(key: string): Promise<ArrayBuffer | null> {
    const { store, clock, sleep } = this.#options;
    const { failReads, latencyMs, staleMs } = this.#options.faults();
    if (latencyMs > 0) await sleep(latencyMs);
    if (failReads) throw new Error("KV GET failed: 500 Internal Server Error (injected)");
    if (staleMs === 0) {
      this.#cache.clear();
      return store.get(key, "arrayBuffer");
    }
    const known = this.#cache.get(key);
    if (known && clock.now() - known.readAtMs < staleMs) return known.value;
    const value = await store.get(key, "arrayBuffer");
    this.#cache.set(key, { value, readAtMs: clock.now() });
    return value;
  }

  async put(key: string, value: unknown, options?: unknown): Promise<void> {
    await this.#beforeWrite("PUT", key);
    await this.#options.store.put(key, value, options);
  }

  async delete(key: string): Promise<void> {
    await this.#beforeWrite("DELETE", key);
    await this.#options.store.delete(key);
  }

  async #beforeWrite(method: string, key: string): Promise<void> {
    const { clock, sleep } = this.#options;
    const { failWrites, latencyMs, limitWrites } = this.#options.faults();
    if (latencyMs > 0) await sleep(latencyMs);
    if (failWrites) throw new Error(`KV ${method} failed: 500 Internal Server Error (injected)`);
    if (!limitWrites) return this.#writtenAtMs.clear();
    const now = clock.now();
    const last = this.#writtenAtMs.get(key);
    if (last !== undefined && now - last < writeIntervalMs) throw new Error(`KV ${method} failed: 429 Too Many Requests`);
    this.#writtenAtMs.set(key, now);
  }
}
