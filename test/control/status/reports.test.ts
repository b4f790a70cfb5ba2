import { describe, expect, test } from "vitest";
import type { ReportedProxy } from "#control/bus.ts";
import { migrateProject } from "#control/project/schema.ts";
import { ProxyReports } from "#control/status/reports.ts";
import { nodeDatabase } from "../project/node-database.ts";

const report = (proxy: string, more: Partial<ReportedProxy> = {}): ReportedProxy => ({
  service: "cart",
  proxy,
  generation: 7,
  digest: "d7",
  confirmedAtMs: 0,
  droppedSpans: 0,
  ...more,
});

function opened(): { reports: ProxyReports; reopened: () => ProxyReports; names: (now: number, from?: ProxyReports) => string[] } {
  const database = nodeDatabase();
  migrateProject(database);
  const reports = new ProxyReports(database.sql);
  const names = (now: number, from = reports): string[] => from.of("cart", now).map(({ proxy }) => proxy);
  return { reports, reopened: () => new ProxyReports(database.sql), names };
}

describe("proxies of one service", () => {
  test("are each there, who reported last first", () => {
    const { reports, names, reopened } = opened();
    reports.accept([report("a"), report("b")], 1_000);
    reports.accept([report("a", { generation: 8 })], 2_000);
    expect(names(2_000)).toEqual(["a", "b"]);
    expect(reports.of("cart", 2_000).map(({ generation }) => generation)).toEqual([8, 7]);
    expect(names(2_000, reopened())).toEqual(["a", "b"]);
    expect(reports.of("other", 2_000)).toEqual([]);
  });

  test("that are gone are forgotten, but for the last that there was", () => {
    const { reports, names, reopened } = opened();
    reports.accept([report("a")], 0);
    reports.accept([report("b")], 30_000);
    expect(names(60_000)).toEqual(["b", "a"]);
    expect(names(60_001)).toEqual(["b"]);
    expect(names(1_000_000)).toEqual(["b"]);
    reports.accept([report("c")], 1_000_000);
    expect([names(1_000_000), names(1_000_000, reopened())]).toEqual([["c"], ["c"]]);
  });

  test("go with their service", () => {
    const { reports, names, reopened } = opened();
    reports.accept([report("a"), report("b")], 0);
    reports.forget("cart");
    expect([names(0), names(0, reopened())]).toEqual([[], []]);
  });

  test("are bounded, and so is what they say", () => {
    const { reports, names } = opened();
    for (let index = 0; index < 1_005; index++) reports.accept([report(`p${index}`)], 0);
    expect([names(0).length, names(0)[0]]).toEqual([1_000, "p1004"]);
    reports.accept([report("x".repeat(100), { warnings: Array.from({ length: 200 }, () => "w".repeat(2_000)) })], 1);
    const [said] = reports.of("cart", 1);
    expect([said?.proxy.length, said?.warnings?.length, said?.warnings?.[0]?.length]).toEqual([64, 100, 1_000]);
  });

  test("that do not tell their name are one", () => {
    const { reports, names } = opened();
    const { proxy: _, ...nameless } = report("");
    reports.accept([nameless, nameless], 0);
    expect(names(0)).toEqual([""]);
  });
});
