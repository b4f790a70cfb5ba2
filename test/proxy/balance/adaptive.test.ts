import { describe, expect, test } from "vitest";
import { AdaptiveLimit } from "#proxy/balance/adaptive.ts";

const settings = { minConcurrency: 2, maxConcurrency: 200 };

/** A service of so many workers, each of which takes so long for a request; what comes in on top of that queues. Returns the limits seen. */
function run(limit: AdaptiveLimit, service: { workers: number; ms: number; offered: number; seconds: number; from?: number }): number[] {
  const { workers, ms, offered, seconds, from = 0 } = service;
  const seen: number[] = [];
  for (let now = from; now < from + seconds * 1000; now += ms) {
    const inFlight = Math.min(offered, limit.limit);
    const latency = ms * Math.max(1, inFlight / workers);
    for (let request = 0; request < Math.min(inFlight, workers); request++) limit.sample(latency, inFlight, now);
    seen.push(limit.limit);
  }
  return seen;
}

describe("the limit", () => {
  test("settles near what the service can do at a time, however much is offered", () => {
    const limit = new AdaptiveLimit(settings);
    const last = run(limit, { workers: 20, ms: 20, offered: 500, seconds: 60 }).slice(-500);
    expect(Math.min(...last)).toBeGreaterThanOrEqual(15);
    expect(Math.max(...last)).toBeLessThanOrEqual(50);
  });

  test("goes down when the service becomes slow, and recovers", () => {
    const limit = new AdaptiveLimit(settings);
    const [before = 0] = run(limit, { workers: 40, ms: 20, offered: 500, seconds: 30 }).slice(-1);
    const [slow = 0] = run(limit, { workers: 4, ms: 20, offered: 500, seconds: 10, from: 30_000 }).slice(-1);
    const [after = 0] = run(limit, { workers: 40, ms: 20, offered: 500, seconds: 60, from: 40_000 }).slice(-1);
    expect(slow).toBeLessThan(before / 2);
    expect(after).toBeGreaterThan(before * 0.7);
  });

  test("does not grow without being tried", () => {
    const limit = new AdaptiveLimit(settings);
    const start = limit.limit;
    run(limit, { workers: 100, ms: 10, offered: 3, seconds: 30 });
    expect(limit.limit).toBe(start);
  });

  test("stays within its bounds, also when they are edited", () => {
    const limit = new AdaptiveLimit({ minConcurrency: 5, maxConcurrency: 30 });
    for (const each of run(limit, { workers: 1000, ms: 10, offered: 5000, seconds: 30 })) expect(each).toBeLessThanOrEqual(30);
    for (const each of run(limit, { workers: 1, ms: 10, offered: 5000, seconds: 30, from: 30_000 })) expect(each).toBeGreaterThanOrEqual(5);
    limit.configure({ minConcurrency: 1, maxConcurrency: 3 });
    expect(limit.limit).toBe(3);
  });

  test("differences below a millisecond are no sign of a queue", () => {
    const limit = new AdaptiveLimit(settings);
    for (let now = 0; now < 30_000; now += 10) limit.sample(now % 20 === 0 ? 0 : 1, limit.limit, now);
    expect(limit.limit).toBe(200);
  });
});
