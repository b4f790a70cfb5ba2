import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type ExporterOptions, SpanExporter } from "#telemetry/exporter.ts";
import type { Span } from "#telemetry/span.ts";

const span = (name: string): Span => ({
  traceId: "1".repeat(32),
  spanId: "2".repeat(16),
  name,
  kind: "server",
  startMs: 1,
  endMs: 2,
  attributes: {},
});

function setUp(options: Partial<ExporterOptions> = {}) {
  const bodies: string[] = [];
  const send = async (body: string): Promise<boolean> => bodies.push(body) > 0;
  const exporter = new SpanExporter({ clock: { now: () => Date.now() }, resource: {}, send, ...options });
  const names = (body: string) =>
    (JSON.parse(body) as { resourceSpans: [{ scopeSpans: [{ spans: Span[] }] }] }).resourceSpans[0].scopeSpans[0].spans.map(
      (each) => each.name,
    );
  return { exporter, bodies, names };
}

describe("the exporter", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  test("sends what came within half a second together", async () => {
    const { exporter, bodies, names } = setUp();
    exporter.record(span("a"));
    const sending = exporter.schedule();
    exporter.record(span("b"));
    expect(exporter.schedule()).toBeUndefined();
    await vi.advanceTimersByTimeAsync(500);
    await sending;
    expect(bodies.map(names)).toEqual([["a", "b"]]);
    expect(exporter.schedule()).toBeUndefined();
  });

  test("schedules anew where the request that was to send is gone", async () => {
    const { exporter, bodies } = setUp();
    exporter.record(span("a"));
    // Dropped, as a request takes its timers with it.
    const lost = exporter.schedule();
    vi.clearAllTimers();
    await vi.advanceTimersByTimeAsync(4_000);
    const sending = exporter.schedule();
    await vi.advanceTimersByTimeAsync(500);
    await sending;
    expect(lost).toBeDefined();
    expect(bodies).toHaveLength(1);
  });

  test("splits what is too much for one body", async () => {
    const { exporter, bodies, names } = setUp({ batchSize: 2 });
    for (const name of ["a", "b", "c"]) exporter.record(span(name));
    await exporter.flush();
    expect(bodies.map(names)).toEqual([["a", "b"], ["c"]]);
  });

  test("keeps no more than its capacity, and counts the rest", async () => {
    const { exporter, bodies, names } = setUp({ capacity: 2 });
    for (const name of ["a", "b", "c", "d"]) exporter.record(span(name));
    expect(exporter.dropped).toBe(2);
    await exporter.flush();
    expect(bodies.flatMap(names)).toEqual(["a", "b"]);
  });

  test.each<[string, ExporterOptions["send"]]>([
    ["refuses", async () => false],
    ["throws", () => Promise.reject(new Error("dead"))],
    ["hangs", () => new Promise(() => undefined)],
  ])("counts what a collector that %s did not take, and ends", async (_, send) => {
    const { exporter } = setUp({ send, batchSize: 2 });
    for (const name of ["a", "b", "c"]) exporter.record(span(name));
    const done = exporter.flush();
    await vi.advanceTimersByTimeAsync(2_000);
    await done;
    expect(exporter.dropped).toBe(2);
    const rest = exporter.flush();
    await vi.advanceTimersByTimeAsync(2_000);
    await rest;
    expect(exporter.dropped).toBe(3);
  });
});
