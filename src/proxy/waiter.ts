/** What keeps background work alive after a response: `ctx` of a Worker. */
export interface Waiter {
  waitUntil(work: Promise<unknown>): void;
}
