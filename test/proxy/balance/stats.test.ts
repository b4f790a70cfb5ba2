import { describe, expect, test } from "vitest";
import { StatsBook, TargetStats } from "#proxy/balance/stats.ts";

const ok = { kind: "response", status: 200, headers: new Headers() } as const;

describe("latency", () => {
  test("rises at once and falls slowly", () => {
    const stats = new TargetStats(0);
    stats.began(0);
    stats.answered(ok, 10, 0);
    stats.answered(ok, 100, 1000);
    expect(stats.latencyMs(1000)).toBe(100);
    stats.answered(ok, 10, 2000);
    expect(stats.latencyMs(2000)).toBeGreaterThan(85);
    expect(stats.latencyMs(2000)).toBeLessThan(100);
    stats.answered(ok, 10, 60_000);
    expect(stats.latencyMs(60_000)).toBeCloseTo(10, 0);
  });

  test("falls while nothing is under way, and stands while something is", () => {
    const stats = new TargetStats(0);
    stats.answered(ok, 100, 0);
    expect(stats.latencyMs(10_000)).toBeCloseTo(36.8, 1);
    stats.began(10_000);
    expect(stats.latencyMs(10_000)).toBe(100);
    stats.ended();
    expect(stats.latencyMs(10_000)).toBeCloseTo(36.8, 1);
  });

  test.each([
    ["a failure", { kind: "failure" } as const, 1000],
    ["a 503", { ...ok, status: 503 }, 1000],
    ["a 404", { ...ok, status: 404 }, 5],
    ["an attempt that was given up", { kind: "abandoned" } as const, 0],
  ])("%s that takes 5 ms counts as %o", (_, end, latency) => {
    const stats = new TargetStats(0);
    stats.answered(end, 5, 0);
    expect(stats.latencyMs(0)).toBe(latency);
  });
});

test("the rate follows what is sent", () => {
  const stats = new TargetStats(0);
  for (let at = 0; at < 60_000; at += 100) stats.began(at);
  expect(stats.requestsPerSecond(60_000)).toBeGreaterThan(9.5);
  expect(stats.requestsPerSecond(60_000)).toBeLessThan(10.5);
  expect(stats.requestsPerSecond(160_000)).toBeLessThan(0.01);
});

test("a clock that is set back makes nothing negative or infinite", () => {
  const stats = new TargetStats(1000);
  stats.began(1000);
  stats.answered(ok, 10, 1000);
  stats.began(0);
  stats.answered(ok, 5, 0);
  for (const value of [stats.latencyMs(0), stats.requestsPerSecond(0)]) {
    expect(value).toBeGreaterThan(0);
    expect(value).toBeLessThan(1000);
  }
});

test("a book keeps the stats of an endpoint for as long as it is configured", () => {
  const book = new StatsBook();
  const kept = book.of("a", 1);
  const left = book.of("b", 1);
  book.retain(new Set(["a"]));
  expect(book.of("a", 2)).toBe(kept);
  expect(book.of("b", 2)).not.toBe(left);
  expect(book.of("b", 2).firstSeenMs).toBe(2);
});
