/** So many times at once, and from then on once in so many milliseconds. */
export interface Rate {
  readonly burst: number;
  readonly spacingMs: number;
}

/**
 * When each of many things may be done again, so that none is done more often than its rate (the generic cell rate algorithm, ITU-T I.371).
 * For work whose cost does not depend on how much has gathered: what comes alone is done at once, what comes a thousand times is done a few times.
 */
export class Pace {
  readonly #rate: Rate;
  /** Until when what was done so far would have lasted at that spacing. */
  readonly #paidUntilMs = new Map<string, number>();

  constructor(rate: Rate) {
    this.#rate = rate;
  }

  /** From when on it may be done; may be long past. */
  dueAtMs(what: string): number {
    return (this.#paidUntilMs.get(what) ?? 0) - (this.#rate.burst - 1) * this.#rate.spacingMs;
  }

  /** It is done now, due or not. */
  spend(what: string, now: number): void {
    this.#paidUntilMs.set(what, Math.max(now, this.#paidUntilMs.get(what) ?? 0) + this.#rate.spacingMs);
  }

  forget(what: string): void {
    this.#paidUntilMs.delete(what);
  }
}
