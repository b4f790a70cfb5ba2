import type { Clock } from "#base/clock.ts";
import { messageOf } from "#base/errors.ts";
import { sha256Hex } from "#base/hash.ts";
import { type Pointer, schemaVersion } from "#ir/snapshot.ts";
import type { ProxyHost } from "./host.ts";
import { within } from "#base/within.ts";

/** What is in force: never changed in place, replaced whole. */
export interface Applied<Value> {
  readonly generation: number;
  readonly digest: string;
  readonly value: Value;
}

export type Loaded<Value> = { readonly value: Value } | { readonly error: string };

export interface FollowerOptions<Value> {
  readonly source: Pick<ProxyHost, "pointer" | "snapshot">;
  readonly clock: Clock;
  /** Turns verified bytes into what is to be in force, with everything it needs. `error` is a rejection; throwing is one too. */
  load(bytes: Uint8Array<ArrayBuffer>, current: Value | undefined): Promise<Loaded<Value>>;
}

const pointerTimeoutMs = 3_000;
const snapshotTimeoutMs = 5_000;
/** A refused snapshot is immutable, but the copy of it that was read might have been damaged: it is read again, not too often. */
const rejectedRetryMs = 10_000;

/**
 * Follows the pointer of one published document (a service's snapshot, a project's directory): only ever to a higher generation,
 * only to bytes that are what the pointer says, and by swapping one reference. Whatever fails, the last good one stays.
 */
export class Follower<Value> {
  readonly #options: FollowerOptions<Value>;
  #current: Applied<Value> | undefined;
  #rejection: { generation: number; reason: string; retryAtMs: number } | undefined;
  #confirmedAtMs = 0;

  constructor(options: FollowerOptions<Value>) {
    this.#options = options;
  }

  get current(): Applied<Value> | undefined {
    return this.#current;
  }

  /** The last refusal; gone once a later generation was applied. */
  get rejection(): { readonly generation: number; readonly reason: string } | undefined {
    return this.#rejection && { generation: this.#rejection.generation, reason: this.#rejection.reason };
  }

  /** When every source last said that what is in force is the newest; 0: never. It stands still while a source fails. */
  get confirmedAtMs(): number {
    return this.#confirmedAtMs;
  }

  /** Replaces the value within its generation, for parts of it that could not be had when it was loaded. */
  amend(value: Value): void {
    if (this.#current) this.#current = { ...this.#current, value };
  }

  /** One look at the pointer, and the way to what it names. Never throws; callers see to it that two do not run at once. */
  async refresh(): Promise<void> {
    const startedAtMs = this.#options.clock.now();
    try {
      const { pointer, complete } = await within("the pointer", pointerTimeoutMs, () => this.#options.source.pointer());
      if (!pointer) return;
      if (pointer.generation > (this.#current?.generation ?? 0)) await this.#apply(pointer);
      const isInForce = this.#current?.generation === pointer.generation && this.#current.digest === pointer.digest;
      if (complete && isInForce) this.#confirmedAtMs = startedAtMs;
    } catch {
      // The bus or the control plane is away: age grows, and the next refresh tries again.
    }
  }

  async #apply(pointer: Pointer): Promise<void> {
    const { clock, source } = this.#options;
    if (this.#rejection?.generation === pointer.generation && clock.now() < this.#rejection.retryAtMs) return;
    const bytes = await within("the snapshot", snapshotTimeoutMs, () => source.snapshot(pointer.digest));
    // The pointer can be visible before what it points to.
    if (!bytes) return;
    const loaded = await this.#verify(pointer, new Uint8Array(bytes));
    if ("error" in loaded) {
      this.#rejection = { generation: pointer.generation, reason: loaded.error, retryAtMs: clock.now() + rejectedRetryMs };
      return;
    }
    this.#current = { generation: pointer.generation, digest: pointer.digest, value: loaded.value };
    this.#rejection = undefined;
  }

  async #verify(pointer: Pointer, bytes: Uint8Array<ArrayBuffer>): Promise<Loaded<Value>> {
    if (pointer.schemaVersion > schemaVersion) {
      return { error: `schema version ${pointer.schemaVersion}, this proxy reads up to ${schemaVersion}: deploy a newer proxy` };
    }
    if (bytes.length !== pointer.bytes) return { error: `${bytes.length} bytes instead of ${pointer.bytes}` };
    const digest = await sha256Hex(bytes);
    if (digest !== pointer.digest) return { error: `SHA-256 is ${digest} instead of ${pointer.digest}` };
    try {
      return await this.#options.load(bytes, this.#current?.value);
    } catch (thrown) {
      return { error: messageOf(thrown) };
    }
  }
}
