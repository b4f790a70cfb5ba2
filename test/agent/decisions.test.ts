/** What an agent decides by itself: when to come again, what to make of its application, what the VM's metadata say. */
import { describe, expect, it } from "vitest";
import { parseServiceProxy } from "#agent/metadata.ts";
import { verdictAfter } from "#agent/probe.ts";
import { backoffMs, heartbeatMs, jitteredMs } from "#agent/retry.ts";

describe("coming again", () => {
  it.each([
    [0, 0.9, 0],
    [1, 0, 0],
    [1, 0.5, 5_000],
    [3, 0.5, 5_000],
    [4, 0.5, 10_000],
    [5, 0.5, 20_000],
    [9, 0.5, 30_000],
  ])("after %i failures, with %f: %i ms", (failures, random, ms) => {
    expect(jitteredMs(failures, random)).toBe(ms);
  });

  it("spreads 500 agents over 10 s", () => {
    const waits = Array.from({ length: 500 }, (_, index) => jitteredMs(1, index / 500));
    const perSecond = Map.groupBy(waits, (wait) => Math.floor(wait / 1000));
    expect(perSecond.size).toBe(10);
    for (const each of perSecond.values()) expect(each.length).toBe(50);
  });

  it("heartbeats a tenth early or late at most", () => {
    expect([heartbeatMs(10, 0), heartbeatMs(10, 0.5), heartbeatMs(10, 1)]).toEqual([9_000, 10_000, 11_000]);
  });

  it("starts an application again at once, then more and more slowly", () => {
    expect([0, 1, 2, 3, 20].map(backoffMs)).toEqual([0, 1_000, 2_000, 4_000, 60_000]);
  });
});

describe("the verdict on the application", () => {
  it.each([
    [undefined, [false], false],
    [false, [true], true],
    [true, [false], true],
    [true, [false, false], false],
    [true, [false, true, false], true],
  ] as const)("%s, then %j: %s", (before, looks, after) => {
    let verdict: Parameters<typeof verdictAfter>[0] = { healthy: before, failures: 0 };
    for (const ok of looks) verdict = verdictAfter(verdict, ok);
    expect(verdict.healthy).toBe(after);
  });
});

describe("gce-service-proxy", () => {
  it("gives ports and labels as gcloud writes them", () => {
    const text = JSON.stringify({ "api-version": "0.2", service: { "serving-ports": [80, "81", 0] }, labels: { app: "cart", bad: 1 } });
    expect(parseServiceProxy(text)).toEqual({ servingPorts: [80, 81], labels: { app: "cart" } });
  });

  it.each(["", "[]", "{", "7", "null"])("%s says nothing", (text) => {
    expect(parseServiceProxy(text)).toBeUndefined();
  });

  it("may lack everything", () => {
    expect(parseServiceProxy("{}")).toEqual({ servingPorts: [], labels: {} });
  });
});
