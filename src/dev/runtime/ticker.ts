/** The timer that drives the mesh's background work: deployed, requests and cron do; here idle proxies are to be fresh as well. */

export class Ticker {
  readonly #task: () => Promise<void>;
  readonly #intervalMs: number;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();
  #stopped = false;

  /** Runs the task at once and then `intervalMs` (± 10 %) after each end of it. A task that fails is run again at its next turn. */
  constructor(intervalMs: number, task: () => Promise<void>) {
    this.#intervalMs = intervalMs;
    this.#task = task;
    this.#running = this.#run();
  }

  /** Answers when the last task has ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#running;
  }

  async #run(): Promise<void> {
    try {
      await this.#task();
    } catch {
      // workerd is on its way down or back; staleness shows in `status`, not here.
    }
    if (this.#stopped) return;
    this.#timer = setTimeout(() => (this.#running = this.#run()), this.#intervalMs * (0.9 + 0.2 * Math.random()));
  }
}
