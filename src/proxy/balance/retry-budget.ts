const share = 0.2;
const minimum = 3;

/**
 * Bounds how many retries a backend service gets at a time: a fifth of its requests that wait for an answer, and always three (Envoy's
 * `retry_budget` defaults), so that retries cannot multiply an overload.
 */
export class RetryBudget {
  #active = 0;
  #retrying = 0;
  /** Google's `circuitBreakers.maxRetries`: how many retries there may be at a time, in place of the budget. */
  maxRetries: number | undefined;

  /** Counts one request as waiting until the returned function is called. */
  enter(): () => void {
    this.#active += 1;
    return () => {
      this.#active -= 1;
    };
  }

  /** Counts one retry as under way until the returned function is called; undefined when the budget is spent. */
  retry(): (() => void) | undefined {
    if (this.#retrying >= (this.maxRetries ?? Math.max(minimum, Math.floor(share * this.#active)))) return undefined;
    this.#retrying += 1;
    return () => {
      this.#retrying -= 1;
    };
  }
}
