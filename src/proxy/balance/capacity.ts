import type { Target } from "./balancer.ts";
import type { TierGroup } from "./tiers.ts";

/**
 * How full a group is, by Google's balancing modes, as far as this proxy alone can tell: it is the one proxy of its service, but other
 * services may send to the same group.
 */

/** A rate may be exceeded for this long, so that requests that come in twos and threes are not sent elsewhere. */
const burstMs = 100;
/** A full group is asked again after so long without a report: endpoints report with their answers only. */
const believedMs = 5_000;
/** How often reported loads are added up. */
const utilizationEveryMs = 250;

/** The meter of one group in one tier; kept from one configuration to the next. Times are ms since the epoch. */
export class CapacityMeter {
  #capacity: TierGroup["capacity"];
  #targets: readonly Target[] = [];
  #tokens = 0;
  #filledAtMs = 0;
  #inFlight = 0;
  #isBusy = false;
  #isBusyAtMs = 0;

  configure({ capacity, healthy }: TierGroup): void {
    this.#capacity = capacity;
    this.#targets = healthy;
  }

  /** Whether another request fits in. Above its capacity a group still takes requests, when nobody else has room for them (Google). */
  hasRoom(now: number): boolean {
    if (!this.#capacity) return true;
    switch (this.#capacity.mode) {
      case "RATE":
        this.#fill(this.#capacity.max, now);
        return this.#tokens >= 1;
      case "CONNECTION":
      case "IN_FLIGHT":
        return this.#inFlight < this.#capacity.max;
      case "UTILIZATION":
        return !this.#isBusyNow(this.#capacity.max, now);
    }
  }

  began(): void {
    this.#inFlight += 1;
    this.#tokens = Math.max(0, this.#tokens - 1);
  }

  ended(): void {
    this.#inFlight -= 1;
  }

  #fill(perSecond: number, now: number): void {
    const burst = Math.max(1, (perSecond * burstMs) / 1000);
    this.#tokens = Math.min(burst, this.#tokens + (Math.max(0, now - this.#filledAtMs) * perSecond) / 1000);
    this.#filledAtMs = now;
  }

  /** Whether the endpoints that report their load use what they may on average; without reports there is always room. */
  #isBusyNow(max: number, now: number): boolean {
    if (Math.abs(now - this.#isBusyAtMs) < utilizationEveryMs) return this.#isBusy;
    this.#isBusyAtMs = now;
    const loads = this.#targets.flatMap(({ stats }) => {
      const reported = stats.load(now);
      return reported && now - reported.atMs < believedMs ? [reported.load.utilization] : [];
    });
    const used = loads.reduce((sum, load) => sum + load, 0);
    this.#isBusy = loads.length > 0 && used / loads.length >= max / this.#targets.length;
    return this.#isBusy;
  }
}
