import { describe, expect, it } from "vitest";
import type { ReportedProxy } from "#control/bus.ts";
import { GroupLoad } from "#control/status/group-load.ts";

const group = "zones/z/instanceGroups/web";
const cart = "global/backendServices/cart";

function report(proxy: string, total: number, cluster = "cart"): ReportedProxy {
  const backends = { [cluster]: { ejected: [], active: 0, overflows: 0, requests: { [group]: total } } };
  return { service: "cart.mesh", proxy, generation: 1, digest: "", confirmedAtMs: 0, droppedSpans: 0, backends };
}

/** The rate after these reports: time in seconds, proxy, count. */
function rateAfter(rows: readonly (readonly [seconds: number, proxy: string, total: number])[], atSeconds: number): number | undefined {
  const load = new GroupLoad();
  for (const [seconds, proxy, total] of rows) load.accept([report(proxy, total)], seconds * 1000);
  return load.rateOf(group, cart, atSeconds * 1000);
}

describe("requests per second to a group", () => {
  it.each<[string, readonly (readonly [number, string, number])[], number, number | undefined]>([
    ["are not known before the second report", [[0, "a", 100]], 1, undefined],
    [
      "are counted between two reports",
      [
        [0, "a", 100],
        [10, "a", 300],
      ],
      10,
      20,
    ],
    [
      "add up over proxies",
      [
        [0, "a", 0],
        [1, "b", 50],
        [10, "a", 200],
        [11, "b", 150],
      ],
      11,
      30,
    ],
    [
      "are those of the last two reports",
      [
        [0, "a", 0],
        [10, "a", 200],
        [20, "a", 250],
      ],
      20,
      5,
    ],
    [
      "wait for reports that are not too close",
      [
        [0, "a", 0],
        [10, "a", 200],
        [10.5, "a", 290],
        [20, "a", 400],
      ],
      20,
      20,
    ],
    [
      "begin anew with a proxy",
      [
        [0, "a", 1000],
        [10, "a", 1200],
        [20, "a", 10],
      ],
      20,
      undefined,
    ],
    [
      "are none from a proxy that is silent",
      [
        [0, "a", 0],
        [10, "a", 200],
      ],
      60,
      0,
    ],
  ])("%s", (_, rows, at, expected) => {
    expect(rateAfter(rows, at)).toBe(expected);
  });

  it("are none where proxies tell of others only", () => {
    const load = new GroupLoad();
    load.accept([{ ...report("a", 0), backends: {} }], 0);
    expect(load.rateOf(group, cart, 10_000)).toBeUndefined();
    expect(load.rateOf(group, cart, 46_000)).toBe(0);
  });

  it("are those of a backend service under its name or its key", () => {
    const load = new GroupLoad();
    for (const seconds of [0, 10])
      load.accept([report("a", seconds * 5), report("a", seconds * 7, "regions/r/backendServices/cart")], seconds * 1000);
    expect(load.rateOf(group, "global/backendServices/cart", 10_000)).toBe(5);
    expect(load.rateOf(group, "regions/r/backendServices/cart", 10_000)).toBe(12);
  });

  it("tell how many of them fail, over all services and both of two groups", () => {
    const load = new GroupLoad();
    const other = "zones/z/instanceGroups/other";
    const counted = (cluster: string, requests: Record<string, number>, failures: Record<string, number>): ReportedProxy => ({
      ...report("a", 0),
      backends: { [cluster]: { ejected: [], active: 0, overflows: 0, requests, failures } },
    });
    expect(load.attempts([group, other], 0)).toEqual({ perSecond: 0, failedPerSecond: 0 });
    load.accept([counted("cart", { [group]: 10, [other]: 0 }, {}), counted("pay", { [other]: 5 }, { [other]: 5 })], 0);
    load.accept(
      [counted("cart", { [group]: 110, [other]: 50 }, { [group]: 20 }), counted("pay", { [other]: 15 }, { [other]: 10 })],
      10_000,
    );
    expect(load.attempts([group, other], 10_000)).toEqual({ perSecond: 16, failedPerSecond: 2.5 });
    expect(load.attempts([group], 10_000)).toEqual({ perSecond: 10, failedPerSecond: 2 });
    expect(load.attempts([group, other], 60_000)).toEqual({ perSecond: 0, failedPerSecond: 0 });
  });
});
