import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { seededRandom } from "#base/random.ts";
import type { OutlierDetection } from "#ir/cluster.ts";
import { OutlierDetector, type Verdict, verdictOf } from "#proxy/balance/outlier.ts";

/** Google's defaults, with every detector enforced. */
const settings: OutlierDetection = {
  intervalMs: 1000,
  baseEjectionMs: 30_000,
  maxEjectionMs: 300_000,
  maxEjectionPercent: 50,
  consecutiveErrors: 5,
  enforcingConsecutiveErrors: 100,
  consecutiveGatewayFailure: 3,
  enforcingConsecutiveGatewayFailure: 100,
  enforcingSuccessRate: 100,
  successRateMinimumHosts: 5,
  successRateRequestVolume: 100,
  successRateStdevFactor: 1900,
};

const names = (count: number): string[] => Array.from({ length: count }, (_, index) => `vm-${index}`);

function detectorOf(count: number, more: Partial<OutlierDetection> = {}): OutlierDetector {
  const all = { ...settings, ...more };
  const detector = new OutlierDetector(all, seededRandom(1), 0);
  detector.configure(all, new Set(names(count)));
  return detector;
}

function record(detector: OutlierDetector, key: string, verdicts: readonly Verdict[], now = 0): boolean[] {
  return verdicts.map((verdict) => detector.record(key, verdict, now));
}

const times = <T>(count: number, value: T): T[] => Array.from({ length: count }, () => value);

test.each([
  [200, "success"],
  [404, "success"],
  [499, "success"],
  [500, "error"],
  [501, "error"],
  [502, "gatewayFailure"],
  [503, "gatewayFailure"],
  [504, "gatewayFailure"],
  [505, "error"],
  [undefined, "gatewayFailure"],
] as const)("status %s is a %s", (status, verdict) => expect(verdictOf(status)).toBe(verdict));

describe("consecutive errors", () => {
  test("the fifth 500 in a row ejects, and no other endpoint is touched", () => {
    const detector = detectorOf(10);
    expect(record(detector, "vm-0", times(5, "error"))).toEqual([false, false, false, false, true]);
    expect([detector.isEjected("vm-0"), detector.isEjected("vm-1"), detector.ejected]).toEqual([true, false, 1]);
    expect(detector.ejectedKeys()).toEqual(["vm-0"]);
  });

  test("a success begins the count anew", () => {
    const detector = detectorOf(10);
    record(detector, "vm-0", [...times<Verdict>(4, "error"), "success", ...times<Verdict>(4, "error")]);
    expect(detector.isEjected("vm-0")).toBe(false);
  });

  test("the third gateway failure in a row ejects; a 500 in between is an error, but ends that row", () => {
    const detector = detectorOf(10);
    record(detector, "vm-0", times(3, "gatewayFailure"));
    record(detector, "vm-1", ["gatewayFailure", "gatewayFailure", "error", "gatewayFailure"]);
    expect([detector.isEjected("vm-0"), detector.isEjected("vm-1")]).toEqual([true, false]);
    record(detector, "vm-1", ["error"]);
    expect(detector.isEjected("vm-1")).toBe(true);
  });

  test("a detector that is not enforced ejects nobody, and one that is half enforced half of them", () => {
    const off = { enforcingConsecutiveErrors: 0, enforcingConsecutiveGatewayFailure: 0 };
    const detector = detectorOf(10, off);
    record(detector, "vm-0", times(50, "gatewayFailure"));
    expect(detector.ejected).toBe(0);
    const half = detectorOf(1000, { enforcingConsecutiveErrors: 50, maxEjectionPercent: 100 });
    for (const name of names(1000)) record(half, name, times(5, "error"));
    expect(half.ejected).toBeGreaterThan(440);
    expect(half.ejected).toBeLessThan(560);
  });
});

describe("how many", () => {
  test.each([
    [10, 10, 1],
    [3, 10, 1],
    [1, 50, 1],
    [10, 50, 5],
    [7, 50, 3],
    [4, 100, 4],
    [4, 0, 0],
  ])("of %i endpoints with at most %i %%, %i are ejected", (count, maxEjectionPercent, ejected) => {
    const detector = detectorOf(count, { maxEjectionPercent });
    for (const name of names(count)) record(detector, name, times(5, "error"));
    expect(detector.ejected).toBe(ejected);
  });
});

describe("how long", () => {
  test("the base time, and as many times that as it was ejected in a row", () => {
    const detector = detectorOf(10);
    record(detector, "vm-0", times(5, "error"), 0);
    detector.sweep(29_000);
    expect(detector.isEjected("vm-0")).toBe(true);
    expect(detector.sweep(30_000)).toBe(true);
    expect(detector.isEjected("vm-0")).toBe(false);
    record(detector, "vm-0", times(5, "error"), 30_500);
    detector.sweep(90_000);
    expect(detector.isEjected("vm-0")).toBe(true);
    detector.sweep(91_000);
    expect(detector.isEjected("vm-0")).toBe(false);
  });

  test("good intervals take the earlier ejections back", () => {
    const detector = detectorOf(10);
    record(detector, "vm-0", times(5, "error"), 0);
    detector.sweep(30_000);
    detector.sweep(31_000);
    record(detector, "vm-0", times(5, "error"), 31_000);
    detector.sweep(61_000);
    expect(detector.isEjected("vm-0")).toBe(false);
  });

  test("never longer than the longest time, which is never shorter than the base", () => {
    const detector = detectorOf(10, { baseEjectionMs: 30_000, maxEjectionMs: 40_000 });
    record(detector, "vm-0", times(5, "error"), 0);
    detector.sweep(30_000);
    record(detector, "vm-0", times(5, "error"), 30_000);
    detector.sweep(70_000);
    expect(detector.isEjected("vm-0")).toBe(false);
    const short = detectorOf(10, { baseEjectionMs: 30_000, maxEjectionMs: 1 });
    record(short, "vm-0", times(5, "error"), 0);
    short.sweep(29_000);
    expect(short.isEjected("vm-0")).toBe(true);
  });

  test("a long silence counts as the intervals that it had", () => {
    const detector = detectorOf(10);
    record(detector, "vm-0", times(5, "error"), 0);
    expect(detector.sweep(3_600_000)).toBe(true);
    expect(detector.ejected).toBe(0);
  });

  test("a clock that was set back does not stop the sweeps", () => {
    const detector = new OutlierDetector(settings, seededRandom(1), 1_000_000);
    detector.configure(settings, new Set(names(10)));
    record(detector, "vm-0", times(5, "error"), 0);
    detector.sweep(0);
    detector.sweep(30_000);
    expect(detector.isEjected("vm-0")).toBe(false);
  });
});

describe("success rate", () => {
  const serve = (detector: OutlierDetector, key: string, { good, bad }: { good: number; bad: number }): void => {
    for (let request = 0; request < good + bad; request++) {
      // Spread, so that there are never enough of them in a row.
      detector.record(key, bad > 0 && request % Math.floor((good + bad) / bad) === 0 ? "error" : "success", 0);
    }
  };

  test("the one far below the others is ejected", () => {
    const detector = detectorOf(10);
    for (const name of names(9)) serve(detector, name, { good: 100, bad: 0 });
    serve(detector, "vm-9", { good: 50, bad: 50 });
    expect(detector.sweep(1000)).toBe(true);
    expect(detector.ejectedKeys()).toEqual(["vm-9"]);
  });

  test("not when too few endpoints had enough requests, and not when all are alike", () => {
    const few = detectorOf(10);
    for (const name of names(3)) serve(few, name, { good: 100, bad: 0 });
    serve(few, "vm-3", { good: 50, bad: 50 });
    few.sweep(1000);
    const alike = detectorOf(10);
    for (const name of names(10)) serve(alike, name, { good: 60, bad: 60 });
    alike.sweep(1000);
    expect([few.ejected, alike.ejected]).toEqual([0, 0]);
  });

  test("what an interval has counted is gone in the next", () => {
    const detector = detectorOf(10);
    for (const name of names(9)) serve(detector, name, { good: 60, bad: 0 });
    serve(detector, "vm-9", { good: 30, bad: 30 });
    detector.sweep(1000);
    for (const name of names(9)) serve(detector, name, { good: 60, bad: 0 });
    serve(detector, "vm-9", { good: 30, bad: 30 });
    detector.sweep(2000);
    expect(detector.ejected).toBe(0);
  });
});

describe("over configurations", () => {
  test("an ejection stays, and ends with the membership", () => {
    const detector = detectorOf(10);
    record(detector, "vm-0", times(5, "error"));
    record(detector, "vm-1", times(5, "error"));
    detector.configure(settings, new Set(names(10).slice(1)));
    expect(detector.ejectedKeys()).toEqual(["vm-1"]);
    // Health checks found it well again.
    detector.configure(settings, new Set(names(10)));
    expect(detector.ejectedKeys()).toEqual(["vm-1"]);
  });

  test("answers of endpoints that have left are of no account", () => {
    const detector = detectorOf(2);
    record(detector, "gone", times(50, "gatewayFailure"));
    expect(detector.ejected).toBe(0);
  });
});

test("whatever happens, the count is that of the ejected and never above the limit", () => {
  const event = fc.record({
    key: fc.constantFrom(...names(8)),
    verdict: fc.constantFrom<Verdict>("success", "error", "gatewayFailure"),
    repeat: fc.integer({ min: 1, max: 8 }),
    pauseMs: fc.integer({ min: 0, max: 40_000 }),
    members: fc.option(fc.subarray(names(8)), { freq: 5 }),
  });
  fc.assert(
    fc.property(fc.array(event, { maxLength: 60 }), fc.integer({ min: 0, max: 100 }), (events, maxEjectionPercent) => {
      const all = { ...settings, maxEjectionPercent };
      const detector = new OutlierDetector(all, seededRandom(5), 0);
      let members = new Set(names(8));
      detector.configure(all, members);
      let now = 0;
      for (const { key, verdict, repeat, pauseMs, members: changed } of events) {
        now += pauseMs;
        const before = detector.ejected;
        detector.sweep(now);
        if (changed) detector.configure(all, (members = new Set(changed)));
        for (let each = 0; each < repeat; each++) detector.record(key, verdict, now);
        const keys = detector.ejectedKeys();
        expect(keys.length).toBe(detector.ejected);
        expect(keys.every((each) => members.has(each) && detector.isEjected(each))).toBe(true);
        const most = maxEjectionPercent === 0 ? 0 : Math.max(1, Math.floor((members.size * maxEjectionPercent) / 100));
        expect(detector.ejected).toBeLessThanOrEqual(Math.max(before, most));
      }
    }),
  );
});
