/**
 * How much a peer may send before it is read. Credit is per stream, so that a stream whose reader is slow stops that stream and no other.
 * What all of them may hold in memory is bounded by giving each a small window for sure and larger ones out of a common pool.
 */

/** Bytes. `reserved` is what each stream has from its beginning; with 256 streams a side of a tunnel holds 20 MiB at most. */
export const windows = { reserved: 64 * 1024, stream: 256 * 1024, shared: 4 * 1024 * 1024 } as const;

/** Smaller credits are saved up: a frame for each small read would cost more than it gives. */
const leastCredit = 16 * 1024;

/** What streams hold beyond what is reserved for each; one per side of a tunnel. */
export class CreditPool {
  #used = 0;

  get used(): number {
    return this.#used;
  }

  get free(): number {
    return windows.shared - this.#used;
  }

  change(bytes: number): void {
    this.#used += bytes;
  }
}

/** The receiving half of one stream's flow control. */
export class ReceiveWindow {
  readonly #pool: CreditPool;
  /** Bytes that the peer may still send. */
  #open: number = windows.reserved;
  /** Bytes that came and were not read. */
  #held = 0;
  #isEnded = false;

  constructor(pool: CreditPool) {
    this.#pool = pool;
  }

  /** Bytes came. False: more than the peer was allowed to send. */
  received(bytes: number): boolean {
    this.#open -= bytes;
    this.#held += bytes;
    return this.#open >= 0;
  }

  /** Bytes were read; gives the credit to send to the peer, 0 for none now. */
  read(bytes: number): number {
    const before = this.#beyond;
    this.#held -= bytes;
    this.#pool.change(this.#beyond - before);
    if (this.#isEnded) return 0;
    const total = this.#open + this.#held;
    const credit = Math.min(windows.stream - total, Math.max(0, windows.reserved - total) + this.#pool.free);
    if (credit < leastCredit) return 0;
    const beyond = this.#beyond;
    this.#open += credit;
    this.#pool.change(this.#beyond - beyond);
    return credit;
  }

  /** The peer sends nothing more: what it was still allowed to is given back to the pool. */
  ended(): void {
    this.#isEnded = true;
    this.#shrink(() => (this.#open = 0));
  }

  /** Nothing of the stream is kept any more. */
  close(): void {
    this.#isEnded = true;
    this.#shrink(() => (this.#open = this.#held = 0));
  }

  get #beyond(): number {
    return Math.max(0, this.#open + this.#held - windows.reserved);
  }

  #shrink(change: () => void): void {
    const before = this.#beyond;
    change();
    this.#pool.change(this.#beyond - before);
  }
}
