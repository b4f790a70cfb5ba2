import type { CircuitBreakers, Cluster } from "#ir/cluster.ts";
import { AdaptiveLimit } from "./adaptive.ts";

/**
 * Circuit breakers: how many attempts one backend service gets from this proxy at a time (Google's `circuitBreakers`, Envoy's thresholds).
 * What is over the limit is refused at once, so that a slow service costs its callers no waiting and this proxy no memory.
 *
 * A Worker sees no connections. An attempt occupies one for as long as it lasts, so `maxConnections` bounds attempts as `maxRequests`
 * does; over `maxConnections` they wait for a free one, as many as `maxPendingRequests`, over `maxRequests` they do not.
 */

/** `wait`: there is a place in the queue; see `waitForRoom`. */
export type Entry = "room" | "wait" | "overflow";

/** The time that a waiting request has. */
export interface Patience {
  /** Not undefined: over. */
  readonly ended: unknown;
  /** Waits, but not beyond the end. */
  sleep(milliseconds: number): Promise<void>;
}

/** Waiting requests look by themselves this often, which also tells the runtime that they are not stuck. */
const lookMs = 250;

const unlimited: CircuitBreakers = {};

export class Circuit {
  #limits: CircuitBreakers = unlimited;
  #adaptive: AdaptiveLimit | undefined;
  #active = 0;
  #overflows = 0;
  readonly #waiting = new Set<() => void>();

  /** Attempts under way. */
  get active(): number {
    return this.#active;
  }

  /** Attempts in the queue. */
  get pending(): number {
    return this.#waiting.size;
  }

  /** How many were refused since the proxy started. */
  get overflows(): number {
    return this.#overflows;
  }

  /** Attempts that may be under way at a time; Infinity: any number. */
  get limit(): number {
    const { maxConnections = Infinity } = this.#limits;
    return Math.min(maxConnections, this.#hardLimit);
  }

  get #hardLimit(): number {
    const { maxRequests = Infinity } = this.#limits;
    return Math.min(maxRequests, this.#adaptive?.limit ?? Infinity);
  }

  configure({ circuitBreakers, adaptiveConcurrency }: Cluster): void {
    this.#limits = circuitBreakers ?? unlimited;
    if (!adaptiveConcurrency) this.#adaptive = undefined;
    else if (this.#adaptive) this.#adaptive.configure(adaptiveConcurrency);
    else this.#adaptive = new AdaptiveLimit(adaptiveConcurrency);
    this.#wake();
  }

  /** Whether another attempt may begin now; with `room` it counts as under way from here on. An overflow is counted. */
  enter(): Entry {
    if (this.#active < this.limit && this.#waiting.size === 0) {
      this.#active += 1;
      return "room";
    }
    const { maxPendingRequests = Infinity } = this.#limits;
    if (this.#active < this.#hardLimit && this.#waiting.size < maxPendingRequests) return "wait";
    this.#overflows += 1;
    return "overflow";
  }

  /** Waits in the queue. True: there is room, and the attempt counts as under way; false: the time was over first. */
  async waitForRoom(patience: Patience): Promise<boolean> {
    let wake = (): void => undefined;
    const place = (): void => wake();
    this.#waiting.add(place);
    try {
      while (patience.ended === undefined) {
        const [first] = this.#waiting;
        if (first === place && this.#active < this.limit) {
          this.#active += 1;
          return true;
        }
        await Promise.race([new Promise<void>((resolve) => (wake = resolve)), patience.sleep(lookMs)]);
      }
      return false;
    } finally {
      this.#waiting.delete(place);
      this.#wake();
    }
  }

  /** Takes note of how long an attempt took to answer, in milliseconds. `now` in ms since the epoch. */
  answered(ms: number, now: number): void {
    this.#adaptive?.sample(ms, this.#active, now);
  }

  /** An attempt that entered is over. */
  leave(): void {
    this.#active -= 1;
    this.#wake();
  }

  /** Lets the first in the queue look whether there is room. */
  #wake(): void {
    const [first] = this.#waiting;
    first?.();
  }
}
