/** Deadlines for calls that may hang. */

/** A call that did not answer in time. */
class DeadlineError extends Error {
  constructor(what: string, milliseconds: number) {
    super(`${what} did not answer within ${milliseconds} ms`);
    this.name = "DeadlineError";
  }
}

/**
 * What `call` gives, or `DeadlineError` after `milliseconds`. The call itself goes on and its late result or failure is dropped.
 * `what` names the callee in the error.
 */
export function within<T>(what: string, milliseconds: number, call: () => Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new DeadlineError(what, milliseconds)), milliseconds);
    // `then(call)` also catches a call that throws before it has a promise to give.
    void Promise.resolve()
      .then(call)
      .then(resolve, reject)
      .finally(() => clearTimeout(timer));
  });
}
