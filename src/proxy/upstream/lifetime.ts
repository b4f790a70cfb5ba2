/** Why a request ends before its answer is through: the route's timeout, or its caller went away. */
export type Ending = "timeout" | "client";

/**
 * The time that one request has, all attempts together (Google: from the end of the request to the end of the response). Whatever is under
 * way is stopped when it is over.
 */
export class Lifetime {
  #ended: Ending | undefined;
  #stop: (() => void) | undefined;
  readonly #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #client: AbortSignal | undefined;
  readonly #onClientGone = (): void => this.#end("client");

  /** `timeoutMs` 0: none. `client` is aborted when the caller goes away. */
  constructor(timeoutMs: number, client: AbortSignal | undefined) {
    if (timeoutMs > 0) this.#timer = setTimeout(() => this.#end("timeout"), timeoutMs);
    this.#client = client;
    client?.addEventListener("abort", this.#onClientGone);
    if (client?.aborted) this.#ended = "client";
  }

  get ended(): Ending | undefined {
    return this.#ended;
  }

  /** `stop` is called at the end, in place of the one named before; at once when the end has come. */
  watch(stop: () => void): void {
    this.#stop = stop;
    if (this.#ended) stop();
  }

  /** Waits, but not beyond the end. */
  sleep(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      this.watch(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  /** The answer is through: nothing is stopped any more. */
  close(): void {
    this.#stop = undefined;
    if (this.#timer !== undefined) clearTimeout(this.#timer);
    this.#client?.removeEventListener("abort", this.#onClientGone);
  }

  #end(ending: Ending): void {
    this.#ended ??= ending;
    this.#stop?.();
  }
}
