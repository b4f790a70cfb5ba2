import type { Clock } from "#base/clock.ts";

/**
 * Why a request ends before its answer is through: the route's timeout, its `maxStreamDuration`, a silence longer than its `idleTimeout`, or its
 * caller went away or sent a larger body than the service takes.
 */
export type Ending = "timeout" | "duration" | "idle" | "client" | "size";

/** How long one request may take, as its route says; all in milliseconds. */
export interface TimeLimits {
  /** From the end of the request to the end of the response, all attempts together (Google's `timeout`); 0: none. */
  readonly timeoutMs: number;
  /** From the beginning of the request to the end of whatever comes of it, WebSockets included. */
  readonly maxStreamDurationMs?: number;
  /** Longest time in which nothing passes in either direction; 0 or absent: none. */
  readonly idleTimeoutMs?: number;
}

/** The time that one request has. Whatever is under way is stopped when it is over. */
export class Lifetime {
  readonly #limits: TimeLimits;
  readonly #clock: Clock;
  readonly #client: AbortSignal | undefined;
  readonly #stops = new Set<() => void>();
  readonly #timers: Partial<Record<Ending, ReturnType<typeof setTimeout>>> = {};
  #whenSent: (() => void)[] | undefined = [];
  #sentAtMs = 0;
  #movedAtMs = 0;
  #ended: Ending | undefined;

  /** Begins with the request. `client` is aborted when the caller goes away. */
  constructor(limits: TimeLimits, clock: Clock, client: AbortSignal | undefined) {
    this.#limits = limits;
    this.#clock = clock;
    this.#client = client;
    client?.addEventListener("abort", this.clientGone);
    if (client?.aborted) this.#ended = "client";
    const { maxStreamDurationMs = 0, idleTimeoutMs = 0 } = limits;
    if (maxStreamDurationMs > 0) this.#timers.duration = setTimeout(() => this.#end("duration"), maxStreamDurationMs);
    if (idleTimeoutMs > 0) {
      this.#movedAtMs = clock.now();
      this.#awaitSilence(idleTimeoutMs);
    }
  }

  get ended(): Ending | undefined {
    return this.#ended;
  }

  /** Whether the whole request is there, as far as its caller is concerned. */
  get isSent(): boolean {
    return this.#whenSent === undefined;
  }

  /** Whether `moved` must be told of every piece of a body. */
  get watchesSilence(): boolean {
    return (this.#limits.idleTimeoutMs ?? 0) > 0;
  }

  /** Whether what follows the response's head (a WebSocket) is bounded, too. */
  get boundsStreams(): boolean {
    return this.watchesSilence || (this.#limits.maxStreamDurationMs ?? 0) > 0;
  }

  /** What is left of the route's timeout, in milliseconds; infinite without one. */
  get remainingMs(): number {
    const { timeoutMs } = this.#limits;
    if (timeoutMs <= 0) return Number.POSITIVE_INFINITY;
    return this.isSent ? timeoutMs - (this.#clock.now() - this.#sentAtMs) : timeoutMs;
  }

  /** The caller went away, as its signal or its broken body tells. */
  readonly clientGone = (): void => this.#end("client");

  /** The caller sends more than the service takes. */
  readonly tooLarge = (): void => this.#end("size");

  /** Something passed in one of the two directions. */
  readonly moved = (): void => {
    if (this.watchesSilence) this.#movedAtMs = this.#clock.now();
  };

  /** The caller has sent all of its request: the route's timeout begins (Google, Envoy). */
  readonly sent = (): void => {
    const waiting = this.#whenSent;
    if (!waiting) return;
    this.#whenSent = undefined;
    this.#sentAtMs = this.#clock.now();
    const { timeoutMs } = this.#limits;
    if (timeoutMs > 0 && !this.#ended) this.#timers.timeout = setTimeout(() => this.#end("timeout"), timeoutMs);
    for (const each of waiting) each();
  };

  /** Calls `what` once the whole request is there; at once when it is. */
  whenSent(what: () => void): void {
    if (this.#whenSent) this.#whenSent.push(what);
    else what();
  }

  /** `stop` is called at the end; at once when the end has come. */
  watch(stop: () => void): void {
    this.#stops.add(stop);
    if (this.#ended) stop();
  }

  unwatch(stop: () => void): void {
    this.#stops.delete(stop);
  }

  /** Waits, but not beyond the end. */
  sleep(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const over = (): void => {
        clearTimeout(timer ?? null);
        this.unwatch(over);
        resolve();
      };
      const timer = setTimeout(over, milliseconds);
      this.watch(over);
    });
  }

  /** The answer has begun and is no response with an end (a WebSocket): the route's timeout bounds it no more. */
  openEnded(): void {
    const { timeout } = this.#timers;
    if (timeout !== undefined) clearTimeout(timeout);
  }

  /** The answer is through: nothing is stopped any more. */
  close(): void {
    this.#stops.clear();
    for (const timer of Object.values(this.#timers)) clearTimeout(timer ?? null);
    this.#client?.removeEventListener("abort", this.clientGone);
  }

  /** One timer for many movements: setting it anew for each piece of a body would cost more than the piece. */
  #awaitSilence(milliseconds: number): void {
    this.#timers.idle = setTimeout(() => {
      const left = (this.#limits.idleTimeoutMs ?? 0) - (this.#clock.now() - this.#movedAtMs);
      if (left > 0) this.#awaitSilence(left);
      else this.#end("idle");
    }, milliseconds);
  }

  #end(ending: Ending): void {
    if (this.#ended) return;
    this.#ended = ending;
    for (const stop of this.#stops) stop();
  }
}
