/** A genuine request is taken once, soon after it was signed, and the VM's own clock need not be right. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ReplayWindow } from "#agent/inbound/replay-window.ts";

const limits = { skewSec: 660, lateSec: 60, capacity: 1_000 };
const nowSec = 1_000_000;
const admit = (window: ReplayWindow, timeSec: number, nonce: string, clockSec = nowSec): string =>
  window.admit({ timeSec, nonce }, clockSec * 1000);

describe("a replay window", () => {
  it("takes what is new, once, in any order within a minute", () => {
    const window = new ReplayWindow(limits);
    expect(admit(window, nowSec, "a")).toBe("new");
    expect(admit(window, nowSec, "a")).toBe("replayed");
    expect(admit(window, nowSec - 60, "b")).toBe("new");
    expect(admit(window, nowSec - 60, "b")).toBe("replayed");
    expect(admit(window, nowSec - 61, "c")).toBe("late");
    expect(admit(window, nowSec + 100, "d")).toBe("new");
    expect(admit(window, nowSec, "a")).toBe("late");
  });

  it.each([-660, -600, 600, 660])("goes by the newest request, where the VM's clock is wrong by %i s", (skew) => {
    const window = new ReplayWindow(limits);
    expect(admit(window, nowSec, "a", nowSec + skew)).toBe("new");
    expect(admit(window, nowSec + 100, "b", nowSec + skew + 100)).toBe("new");
    expect(admit(window, nowSec + 39, "c", nowSec + skew + 39)).toBe("late");
  });

  it.each([-661, 661])("says so where it is wrong by %i s", (skew) => {
    expect(admit(new ReplayWindow(limits), nowSec, "a", nowSec + skew)).toBe("clock");
  });

  it("never takes one twice, whatever comes in whatever order, and remembers no more than it may", () => {
    const stamps = fc.record({ timeSec: fc.integer({ min: nowSec - 200, max: nowSec + 200 }), nonce: fc.constantFrom("a", "b", "c", "d") });
    fc.assert(
      fc.property(fc.array(stamps, { maxLength: 200 }), fc.integer({ min: 1, max: 20 }), (all, capacity) => {
        const window = new ReplayWindow({ ...limits, capacity });
        const taken = all
          .filter((stamp) => window.admit(stamp, nowSec * 1000) === "new")
          .map(({ timeSec, nonce }) => `${timeSec} ${nonce}`);
        expect(new Set(taken).size).toBe(taken.length);
      }),
    );
  });
});
