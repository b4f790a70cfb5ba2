import type { RefusedRequest } from "#proxy/filters/refused-request.ts";

/** So many are kept until the next report; a flood of refusals must cost neither memory nor reports of any length. */
const kept = 50;

/** The requests that the mesh answered itself since the last report, the newest of them. */
export class Refusals {
  #newest: RefusedRequest[] = [];

  get isEmpty(): boolean {
    return this.#newest.length === 0;
  }

  add(refused: RefusedRequest): void {
    this.#newest.push(refused);
    if (this.#newest.length > kept) this.#newest.shift();
  }

  /** Hands them over, for a report. */
  take(): readonly RefusedRequest[] {
    const taken = this.#newest;
    this.#newest = [];
    return taken;
  }

  /** Takes back what could not be reported. */
  giveBack(older: readonly RefusedRequest[]): void {
    this.#newest = newestOf(older, this.#newest);
  }
}

/** The newest of both. */
export function newestOf(older: readonly RefusedRequest[], newer: readonly RefusedRequest[]): RefusedRequest[] {
  return [...older, ...newer].slice(-kept);
}
