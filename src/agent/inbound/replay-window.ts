import type { Stamp } from "#base/request-signature.ts";

/**
 * Which signed requests are new. Times are those of the proxies, whose clocks agree to within seconds; the clock of this VM may be wrong by
 * `skewSec` and still nothing but the first minute after a start depends on it: from then on the newest request tells the time. A request
 * is taken once, and only within `lateSec` of the newest.
 */

export interface ReplayLimits {
  /** How far the clocks of this VM and the mesh may be apart. */
  readonly skewSec: number;
  /** How much older than the newest a request may be. */
  readonly lateSec: number;
  /** How many requests are remembered; when there are more within `lateSec`, the oldest of them count as late. */
  readonly capacity: number;
}

const defaultReplayLimits: ReplayLimits = { skewSec: 660, lateSec: 60, capacity: 250_000 };

/** `clock`: the clocks are further apart than allowed; `late`: older than what is remembered; `replayed`: it was here before. */
export type Freshness = "new" | "clock" | "late" | "replayed";

export class ReplayWindow {
  readonly #limits: ReplayLimits;
  /** Nonces by the second of their requests, oldest second first as far as they came in order. */
  readonly #seconds = new Map<number, Set<string>>();
  #newestSec = Number.NEGATIVE_INFINITY;
  /** Requests before this second are late. */
  #floorSec = Number.NEGATIVE_INFINITY;
  #size = 0;

  constructor(limits: ReplayLimits = defaultReplayLimits) {
    this.#limits = limits;
  }

  /** Judges a request whose signature is genuine, and remembers it when it is new. `nowMs` is this VM's clock. */
  admit({ timeSec, nonce }: Stamp, nowMs: number): Freshness {
    const { capacity, lateSec, skewSec } = this.#limits;
    if (Math.abs(nowMs / 1000 - timeSec) > skewSec) return "clock";
    if (timeSec < this.#floorSec) return "late";
    if (timeSec > this.#newestSec) {
      this.#newestSec = timeSec;
      this.#raise(timeSec - lateSec);
    }
    const nonces = this.#seconds.get(timeSec) ?? new Set();
    if (nonces.has(nonce)) return "replayed";
    this.#seconds.set(timeSec, nonces.add(nonce));
    this.#size += 1;
    while (this.#size > capacity && this.#seconds.size > 1) this.#raise(Math.min(...this.#seconds.keys()) + 1);
    return "new";
  }

  #raise(floorSec: number): void {
    if (floorSec <= this.#floorSec) return;
    this.#floorSec = floorSec;
    for (const [second, nonces] of this.#seconds) {
      if (second >= floorSec) continue;
      this.#seconds.delete(second);
      this.#size -= nonces.size;
    }
  }
}
