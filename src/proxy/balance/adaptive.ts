import type { Cluster } from "#ir/cluster.ts";

/**
 * Adaptive concurrency: the limit of requests in flight follows the latency that the instances answer with, and so finds by itself how much
 * they can take (Envoy: `adaptive_concurrency`, gradient controller; Netflix: concurrency-limits). Latency that rises above what it is
 * without load means that requests queue, and the limit goes down until they do not.
 */

type Settings = NonNullable<Cluster["adaptiveConcurrency"]>;

/** A window ends when it is this old and has enough samples to say something. */
const windowMs = 100;
const leastSamples = 10;
/** So many samples say enough, whatever the clock does. */
const mostSamples = 1000;
/** So much slower than without load still counts as no queue (Envoy: `buffer`). */
const tolerance = 1.25;
/** How far the limit moves towards its new value in one window. */
const smoothing = 0.3;
/** When latency has been too high for this long, half the limit is tried, to see what it is with less of a queue (Envoy: `min_rtt_calc_params`). */
const probeAfterMs = 30_000;
/** The first window of a trial still has requests from before it. */
const probeWindows = 2;

export class AdaptiveLimit {
  #settings: Settings;
  #limit: number;
  /** Latency without load, in milliseconds; undefined before the first window. */
  #idleMs: number | undefined;
  #samples: number[] = [];
  #windowEndsMs = 0;
  #mostInFlight = 0;
  /** Since when latency has been too high; undefined while it is not. */
  #slowSinceMs: number | undefined;
  /** Windows that are left of a trial. */
  #probing = 0;

  constructor(settings: Settings) {
    this.#settings = settings;
    this.#limit = startOf(settings);
  }

  /** Requests that may be in flight at a time, a whole number. */
  get limit(): number {
    return Math.floor(this.#probing > 0 ? Math.max(this.#settings.minConcurrency, this.#limit / 2) : this.#limit);
  }

  configure(settings: Settings): void {
    this.#settings = settings;
    this.#limit = clamp(this.#limit, settings);
  }

  /** Takes note of an attempt that took `ms` while `inFlight` were in flight, itself included. `now` in ms since the epoch. */
  sample(ms: number, inFlight: number, now: number): void {
    if (this.#samples.length === 0) this.#windowEndsMs = now + windowMs;
    this.#samples.push(ms);
    this.#mostInFlight = Math.max(this.#mostInFlight, inFlight);
    const isOver = now >= this.#windowEndsMs || this.#samples.length >= mostSamples;
    if (!isOver || this.#samples.length < leastSamples) return;
    // What takes less than a millisecond cannot be told apart, and must not make the next one look slow.
    const latency = Math.max(1, medianOf(this.#samples));
    if (this.#probing > 0) this.#probe(latency);
    else this.#update(latency, now);
    this.#samples = [];
    this.#mostInFlight = 0;
  }

  #probe(latency: number): void {
    this.#probing -= 1;
    if (this.#probing === 0) this.#idleMs = latency;
  }

  #update(latency: number, now: number): void {
    this.#idleMs = Math.min(latency, this.#idleMs ?? latency);
    const gradient = Math.max(0.5, Math.min(1, (tolerance * this.#idleMs) / latency));
    if (gradient === 1) this.#slowSinceMs = undefined;
    else if (now - (this.#slowSinceMs ??= now) >= probeAfterMs) {
      this.#slowSinceMs = undefined;
      this.#probing = probeWindows;
    }
    // A limit that nobody comes near has not been tried: there is no reason to raise it.
    if (gradient === 1 && this.#mostInFlight < this.#limit / 2) return;
    // The square root is what may queue at the instances, so that the limit grows while there is no sign of one (Netflix: queue size).
    const wanted = this.#limit * gradient + Math.sqrt(this.#limit);
    this.#limit = clamp(this.#limit + (wanted - this.#limit) * smoothing, this.#settings);
  }
}

function startOf(settings: Settings): number {
  return clamp(Math.max(settings.minConcurrency, 20), settings);
}

function clamp(limit: number, { minConcurrency, maxConcurrency }: Settings): number {
  return Math.min(maxConcurrency, Math.max(minConcurrency, limit));
}

function medianOf(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? 0;
}
