import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { systemClock } from "#base/clock.ts";
import { Lifetime, type TimeLimits } from "#proxy/upstream/lifetime.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const lifetimeOf = (limits: Partial<TimeLimits>, client?: AbortSignal): Lifetime =>
  new Lifetime({ timeoutMs: 0, ...limits }, systemClock, client);
const pass = (milliseconds: number): unknown => vi.advanceTimersByTime(milliseconds);

describe("the route's timeout", () => {
  test("begins when the whole request is there", () => {
    const lifetime = lifetimeOf({ timeoutMs: 50 });
    pass(1_000);
    expect([lifetime.ended, lifetime.isSent]).toEqual([undefined, false]);
    lifetime.sent();
    pass(49);
    expect([lifetime.ended, lifetime.isSent]).toEqual([undefined, true]);
    pass(1);
    expect(lifetime.ended).toBe("timeout");
  });

  test("leaves what it leaves", () => {
    const lifetime = lifetimeOf({ timeoutMs: 1_000 });
    pass(400);
    expect(lifetime.remainingMs).toBe(1_000);
    lifetime.sent();
    pass(300);
    expect(lifetime.remainingMs).toBe(700);
    expect(lifetimeOf({}).remainingMs).toBe(Number.POSITIVE_INFINITY);
  });

  test("ends no conversation that has begun", () => {
    const lifetime = lifetimeOf({ timeoutMs: 30 });
    lifetime.sent();
    lifetime.openEnded();
    pass(10_000);
    expect(lifetime.ended).toBeUndefined();
  });
});

test("the longest duration begins with the request, and is not stopped by its end", () => {
  const lifetime = lifetimeOf({ timeoutMs: 10_000, maxStreamDurationMs: 50 });
  pass(30);
  lifetime.sent();
  lifetime.openEnded();
  pass(19);
  expect(lifetime.ended).toBeUndefined();
  pass(1);
  expect(lifetime.ended).toBe("duration");
});

describe("silence", () => {
  test("ends it when it is longer than allowed, wherever the last movement was", () => {
    const lifetime = lifetimeOf({ idleTimeoutMs: 60 });
    for (let piece = 0; piece < 20; piece++) {
      pass(37);
      lifetime.moved();
    }
    pass(59);
    expect(lifetime.ended).toBeUndefined();
    pass(1);
    expect(lifetime.ended).toBe("idle");
  });

  test("is watched for only where it is limited", () => {
    expect(lifetimeOf({}).watchesSilence).toBe(false);
    expect(lifetimeOf({ idleTimeoutMs: 0 }).watchesSilence).toBe(false);
    const limited = lifetimeOf({ idleTimeoutMs: 10 });
    expect([limited.watchesSilence, limited.boundsStreams]).toEqual([true, true]);
    expect(lifetimeOf({ timeoutMs: 10 }).boundsStreams).toBe(false);
  });
});

describe("whoever watches", () => {
  test("is told once, at once when it is over", () => {
    const client = new AbortController();
    const lifetime = lifetimeOf({}, client.signal);
    const told: string[] = [];
    const unwanted = (): void => void told.push("unwanted");
    lifetime.watch(() => void told.push("first"));
    lifetime.watch(unwanted);
    lifetime.unwatch(unwanted);
    client.abort();
    lifetime.clientGone();
    lifetime.watch(() => void told.push("late"));
    expect([lifetime.ended, told]).toEqual(["client", ["first", "late"]]);
  });

  test("is told nothing after the answer is through", () => {
    const client = new AbortController();
    const lifetime = lifetimeOf({ timeoutMs: 10, maxStreamDurationMs: 10, idleTimeoutMs: 10 }, client.signal);
    lifetime.sent();
    lifetime.close();
    client.abort();
    pass(1_000);
    expect([lifetime.ended, vi.getTimerCount()]).toEqual([undefined, 0]);
  });

  test("waits no longer than the request has", async () => {
    const lifetime = lifetimeOf({ maxStreamDurationMs: 30 });
    const sleeping = lifetime.sleep(5_000);
    pass(30);
    await sleeping;
    expect([lifetime.ended, vi.getTimerCount()]).toEqual(["duration", 0]);
  });
});
