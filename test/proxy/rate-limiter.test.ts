import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { RateLimit } from "#ir/route.ts";
import { RateLimiter } from "#proxy/rate-limiter.ts";
import { ManualClock } from "./fixture.ts";

const ref = { resource: "httpRoutes/test", index: 0 };
const anyone = new Headers();

function limiter(): {
  take: (limits: readonly RateLimit[], headers?: Headers, rule?: typeof ref) => number | undefined;
  clock: ManualClock;
} {
  const clock = new ManualClock();
  const made = new RateLimiter(clock);
  const take = (limits: readonly RateLimit[], headers = anyone, rule = ref): number | undefined => {
    const exhausted = made.take(rule, limits, headers);
    if (exhausted instanceof Promise) throw new Error("nothing here is counted by others");
    return exhausted?.retryAfterSec;
  };
  return { clock, take };
}

const of = (user: string): Headers => new Headers({ "x-user": user });

describe("a bucket", () => {
  test("gives its burst, then as many as flow in, and says when to come again", () => {
    const { take, clock } = limiter();
    const limits = [{ perSecond: 2, burst: 3 }];
    expect([take(limits), take(limits), take(limits), take(limits)]).toEqual([undefined, undefined, undefined, 1]);
    clock.nowMs += 499;
    expect(take(limits)).toBe(1);
    clock.nowMs += 1;
    expect([take(limits), take(limits)]).toEqual([undefined, 1]);
    clock.nowMs += 60_000;
    expect([take(limits), take(limits), take(limits), take(limits)]).toEqual([undefined, undefined, undefined, 1]);
  });

  test("less than one a second is said as such", () => {
    const { take } = limiter();
    const limits = [{ perSecond: 0.1, burst: 1 }];
    expect([take(limits), take(limits)]).toEqual([undefined, 10]);
  });

  test("a clock that was set back gives nothing and takes nothing", () => {
    const { take, clock } = limiter();
    const limits = [{ perSecond: 1, burst: 1 }];
    take(limits);
    clock.nowMs -= 100_000;
    expect(take(limits)).toBe(1);
    clock.nowMs += 1000;
    expect(take(limits)).toBeUndefined();
  });
});

describe("who shares one", () => {
  test("everybody, unless a header tells callers apart; those without it share one", () => {
    const { take } = limiter();
    const limits = [{ perSecond: 1, burst: 1, header: "x-user" }];
    expect([take(limits, of("a")), take(limits, of("b")), take(limits, of("a"))]).toEqual([undefined, undefined, 1]);
    expect([take(limits), take(limits)]).toEqual([undefined, 1]);
  });

  test("each rule has its own", () => {
    const { take } = limiter();
    const limits = [{ perSecond: 1, burst: 1 }];
    expect([take(limits), take([...limits], anyone, { ...ref, index: 1 }), take(limits)]).toEqual([undefined, undefined, 1]);
  });

  test("callers that make up values do not fill the memory", () => {
    const { take } = limiter();
    const limits = [{ perSecond: 0.001, burst: 1, header: "x-user" }];
    take(limits, of("first"));
    for (let user = 0; user < 10_000; user++) take(limits, of(`made-up-${user}`));
    // Its bucket had to go.
    expect(take(limits, of("first"))).toBeUndefined();
    expect(take(limits, of("made-up-9999"))).toBe(1000);
  });
});

describe("several limits", () => {
  test("one that has none left leaves the tokens of the others alone", () => {
    const { take, clock } = limiter();
    const limits = [
      { perSecond: 1, burst: 2 },
      { perSecond: 1, burst: 1, header: "x-user" },
    ];
    expect(take(limits, of("a"))).toBeUndefined();
    for (let request = 0; request < 5; request++) expect(take(limits, of("a"))).toBe(1);
    expect(take(limits, of("b"))).toBeUndefined();
    expect(take(limits, of("c"))).toBe(1);
    clock.nowMs += 1000;
    expect(take(limits, of("c"))).toBeUndefined();
  });
});

describe("over configurations", () => {
  test("an edit gives no new tokens, and its numbers hold at once", () => {
    const { take, clock } = limiter();
    take([{ perSecond: 1, burst: 1 }]);
    expect(take([{ perSecond: 1, burst: 1 }])).toBe(1);
    expect(take([{ perSecond: 4, burst: 2 }])).toBe(1);
    clock.nowMs += 250;
    expect([take([{ perSecond: 4, burst: 2 }]), take([{ perSecond: 4, burst: 2 }])]).toEqual([undefined, 1]);
  });
});

test("never more than burst + rate × time, and never less than the rate when asked all the time", () => {
  const limit = fc.record({ perSecond: fc.double({ min: 0.5, max: 100, noNaN: true }), burst: fc.integer({ min: 1, max: 20 }) });
  fc.assert(
    fc.property(limit, fc.array(fc.integer({ min: 0, max: 300 }), { minLength: 1, maxLength: 200 }), (each, pauses) => {
      const { take, clock } = limiter();
      const limits = [each];
      const start = clock.nowMs;
      let taken = 0;
      for (const pause of pauses) {
        clock.nowMs += pause;
        while (take(limits) === undefined) taken += 1;
      }
      const seconds = (clock.nowMs - start) / 1000;
      expect(taken).toBeLessThanOrEqual(each.burst + each.perSecond * seconds + 1e-6);
      const longestPause = Math.max(...pauses) / 1000;
      if (each.perSecond * longestPause <= each.burst - 1) expect(taken).toBeGreaterThanOrEqual(Math.floor(each.perSecond * seconds));
    }),
  );
});

describe("a limit of the mesh", () => {
  const mesh = { key: "httpRoutes/test#0", requests: 2, periodSec: 10 } as const;
  const limits: readonly RateLimit[] = [{ perSecond: 0.2, burst: 2, header: "x-user", mesh }];
  const other = { resource: "httpRoutes/test", index: 1 };

  test("is counted by the shared counter alone, by the header's value", async () => {
    const asked: unknown[] = [];
    const made = new RateLimiter(new ManualClock(), async (limit, value) => {
      asked.push([limit, value]);
      return value !== "b";
    });
    for (let count = 0; count < 5; count++) expect(await made.take(ref, limits, of("a"))).toBeUndefined();
    expect(await made.take(ref, limits, of("b"))).toEqual({ limit: limits[0], retryAfterSec: 10 });
    expect(await made.take(ref, limits, anyone)).toBeUndefined();
    expect([asked.length, asked[0], asked.at(-1)]).toEqual([7, [mesh, "a"], [mesh, ""]]);
  });

  test("is not asked about what a bucket refuses", async () => {
    let asked = 0;
    const made = new RateLimiter(new ManualClock(), async () => (asked += 1) > 0);
    const both = [...limits, { perSecond: 1, burst: 1 }];
    expect(await made.take(ref, both, anyone)).toBeUndefined();
    expect(await made.take(ref, both, anyone)).toEqual({ limit: both[1], retryAfterSec: 1 });
    expect(asked).toBe(1);
  });

  test("is a bucket for all rules together where nobody counts", () => {
    const { take } = limiter();
    expect([take(limits, of("a")), take(limits, of("a"), other), take(limits, of("a")), take(limits, of("b"))]).toEqual([
      undefined,
      undefined,
      5,
      undefined,
    ]);
  });

  test.each<[string, () => Promise<boolean>]>([
    ["fails", () => Promise.reject(new Error("no"))],
    ["hangs", () => new Promise(() => undefined)],
  ])("is a bucket while the counter %s", async (_, count) => {
    const made = new RateLimiter(new ManualClock(), count);
    const taken = [await made.take(ref, limits, anyone), await made.take(ref, limits, anyone), await made.take(ref, limits, anyone)];
    expect(taken.map((each) => each?.retryAfterSec)).toEqual([undefined, undefined, 5]);
  });
});
