import type { Clock } from "#base/clock.ts";

/**
 * Lets one piece of background work run at a time; who comes while it runs waits for that one. In workerd work belongs to the
 * request that started it and dies with it without a word, so after `maxMs` a run no longer holds up the next.
 */
export class SingleFlight {
  readonly #clock: Clock;
  readonly #maxMs: number;
  #running: { readonly work: Promise<void>; readonly startedAtMs: number } | undefined;

  constructor(clock: Clock, maxMs: number) {
    this.#clock = clock;
    this.#maxMs = maxMs;
  }

  /** Starts `work`, or joins the run that is under way. Throws what the run throws. */
  run(work: () => Promise<void>): Promise<void> {
    const running = this.#running;
    if (running && this.#clock.now() - running.startedAtMs < this.#maxMs) return running.work;
    const started = {
      work: work().finally(() => this.#running === started && (this.#running = undefined)),
      startedAtMs: this.#clock.now(),
    };
    this.#running = started;
    return started.work;
  }
}
