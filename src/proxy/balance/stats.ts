/**
 * What this proxy has seen of each endpoint: requests in flight, latency, rate, reported load. Told by the cluster's state, which upstream
 * tells; read by the policies. Times are milliseconds since the epoch, handed in.
 */

/** How an attempt ended. `abandoned`: by us (a hedge that lost, a caller that left), which says nothing of the endpoint. */
export type AttemptEnd =
  | { readonly kind: "response"; readonly status: number; readonly headers: { get(name: string): string | null } }
  | { readonly kind: "failure" }
  | { readonly kind: "abandoned" };

/** Time constant of latency and rate: what is older counts for little. */
const decayMs = 10_000;

/** A failure counts as an answer at least this slow, or an endpoint that fails fast would look like the best. */
const failureMs = 1000;

/** How long a reported load is believed (gRPC A58: weight expiration period). */
const loadExpiryMs = 180_000;

export interface ReportedLoad {
  /** Share of what the endpoint can take, 0 to 1 and above. */
  readonly utilization: number;
  /** Requests and errors per second, over all its callers; absent when it does not say. */
  readonly requestsPerSecond?: number;
  readonly errorsPerSecond?: number;
}

/** Kept from one configuration to the next for as long as the endpoint is configured. */
export class TargetStats {
  /** When this proxy first saw the endpoint healthy; slow start goes by it where the control plane does not say. */
  readonly firstSeenMs: number;
  #inFlight = 0;
  #rate = 0;
  #rateAtMs = 0;
  #latencyMs = 0;
  #latencyAtMs = 0;
  #load: { readonly load: ReportedLoad; readonly sinceMs: number; readonly atMs: number } | undefined;

  constructor(firstSeenMs: number) {
    this.firstSeenMs = firstSeenMs;
  }

  /** Attempts that have begun and not ended, bodies included. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** An attempt is about to be sent. `ended` must follow, once. */
  began(now: number): void {
    this.#inFlight += 1;
    this.#rate = this.#rate * decay(now - this.#rateAtMs) + 1000 / decayMs;
    this.#rateAtMs = now;
  }

  /** The head of the answer is there, or there will be none, `ms` after `began`. */
  answered(end: AttemptEnd, ms: number, now: number): void {
    if (end.kind === "abandoned") return;
    const failed = end.kind === "failure" || end.status >= 500;
    const seen = failed ? Math.max(ms, failureMs) : ms;
    // Rises at once and falls slowly: one slow answer is taken seriously (Finagle: peak EWMA).
    const weight = decay(now - this.#latencyAtMs);
    this.#latencyMs = seen > this.#latencyMs ? seen : this.#latencyMs * weight + seen * (1 - weight);
    this.#latencyAtMs = now;
  }

  /** The attempt is over: its body is through, or it was given up. */
  ended(): void {
    this.#inFlight -= 1;
  }

  /**
   * Peak-sensitive moving average of the time to the head of an answer; 0: nothing is known. While nothing is under way it falls, so that an
   * endpoint that was slow once is tried again.
   */
  latencyMs(now: number): number {
    return this.#inFlight > 0 ? this.#latencyMs : this.#latencyMs * decay(now - this.#latencyAtMs);
  }

  /** Attempts per second that this proxy lately sent. */
  requestsPerSecond(now: number): number {
    return this.#rate * decay(now - this.#rateAtMs);
  }

  /** The endpoint said how busy it is. */
  reported(load: ReportedLoad, now: number): void {
    const before = this.load(now);
    this.#load = { load, sinceMs: before?.sinceMs ?? now, atMs: now };
  }

  /** The last load that was reported, and since when there have been reports; undefined when it is too old to be believed. */
  load(now: number): { readonly load: ReportedLoad; readonly sinceMs: number; readonly atMs: number } | undefined {
    return this.#load && now - this.#load.atMs <= loadExpiryMs ? this.#load : undefined;
  }
}

function decay(elapsedMs: number): number {
  return Math.exp(-Math.max(0, elapsedMs) / decayMs);
}

/** The stats of a cluster's endpoints, by the keys of their targets. */
export class StatsBook {
  readonly #stats = new Map<string, TargetStats>();

  /** Those of `key`, made when first asked for. */
  of(key: string, now: number): TargetStats {
    const known = this.#stats.get(key);
    if (known) return known;
    const made = new TargetStats(now);
    this.#stats.set(key, made);
    return made;
  }

  /** Forgets all others, when a configuration no longer has them. */
  retain(keys: ReadonlySet<string>): void {
    for (const key of this.#stats.keys()) if (!keys.has(key)) this.#stats.delete(key);
  }
}
