/** Of the six that a Worker is allowed, one is left to what runs in the background of a request: configuration, reports, spans. */
const forRequests = 5;

/**
 * How many subrequests of one request wait for the head of their response. Workers lets six wait and holds the seventh back unsent, so that a
 * hedge or a mirror could hold up the very attempt that it is to help. Attempts, hedges and the mirror of a request share one of these.
 */
export class HeadSlots {
  #free = forRequests;

  /** Takes a place until the returned function is called; undefined when there is none. */
  take(): (() => void) | undefined {
    if (this.#free === 0) return undefined;
    this.#free -= 1;
    let isGivenBack = false;
    return () => {
      if (isGivenBack) return;
      isGivenBack = true;
      this.#free += 1;
    };
  }
}
