import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { seededRandom } from "#base/random.ts";
import { childOf, isSampled, newSpanId, traceOf } from "#telemetry/span.ts";
import { formatTraceparent, parseTraceparent, parseTracestate } from "#telemetry/traceparent.ts";

const traceId = "0af7651916cd43dd8448eb211c80319c";
const spanId = "b7ad6b7169203331";

describe("traceparent", () => {
  test("what is written is read", () => {
    const hex = (length: number) =>
      fc
        .string({ unit: fc.constantFrom(...Array.from("0123456789abcdef")), minLength: length, maxLength: length })
        .filter((id) => !/^0+$/.test(id));
    fc.assert(
      fc.property(fc.record({ traceId: hex(32), spanId: hex(16), sampled: fc.boolean(), random: fc.boolean() }), (parent) => {
        expect(parseTraceparent(formatTraceparent(parent))).toEqual(parent);
      }),
    );
  });

  test("anything else is refused without a throw", () => {
    fc.assert(fc.property(fc.string({ maxLength: 100 }), (text) => parseTraceparent(text) === undefined));
  });

  test.each([
    ["00", "00", { sampled: false, random: false }],
    ["00", "01", { sampled: true, random: false }],
    ["00", "02", { sampled: false, random: true }],
    ["00", "ff", { sampled: true, random: true }],
    ["cc", "01", { sampled: true, random: false }],
  ])("version %s, flags %s: %o", (version, flags, expected) => {
    expect(parseTraceparent(`${version}-${traceId}-${spanId}-${flags}`)).toEqual({ traceId, spanId, ...expected });
  });
});

describe("tracestate", () => {
  test("above 512 characters loses long members first, then the last", () => {
    const long = `long=${"x".repeat(200)}`;
    const short = Array.from({ length: 20 }, (_, index) => `k${index}=${"y".repeat(20)}`);
    expect(parseTracestate([long, ...short].join(","))).toBe(short.join(","));
    const many = Array.from({ length: 30 }, (_, index) => `k${index}=${"y".repeat(20)}`);
    const kept = parseTracestate(many.join(",")) ?? "";
    expect(kept.length).toBeLessThanOrEqual(512);
    expect(many.join(",").startsWith(kept)).toBe(true);
  });

  test("of hostile size is refused, and quickly", () => {
    expect(parseTracestate(Array.from({ length: 600 }, (_, index) => `a${index}=1`).join(","))).toBeUndefined();
    expect(parseTracestate("x".repeat(64 * 1024))).toBeUndefined();
  });

  test("is dropped with an invalid traceparent", () => {
    const headers = new Headers({ traceparent: "bogus", tracestate: "a=1" });
    expect(traceOf(headers, 1, seededRandom(1)).traceState).toBeUndefined();
  });
});

describe("sampling", () => {
  const headers = (flags: string) => new Headers({ traceparent: `00-${traceId}-${spanId}-${flags}` });

  test("a caller's decision stands", () => {
    expect(traceOf(headers("01"), 0, seededRandom(1)).sampled).toBe(true);
    expect(traceOf(headers("00"), 1, seededRandom(1)).sampled).toBe(false);
  });

  const traces = 10_000;
  test.each([0, 0.01, 0.25, 0.5, 1])("of 10,000 new traces the share %d is taken (p > 0.001)", (ratio) => {
    const random = seededRandom(99);
    let taken = 0;
    for (let trace = 0; trace < traces; trace++) if (traceOf(new Headers(), ratio, random).sampled) taken += 1;
    expect(Math.abs(taken - traces * ratio)).toBeLessThanOrEqual(3.29 * Math.sqrt(traces * ratio * (1 - ratio)));
  });

  test("whoever asks about a trace decides alike, and a higher ratio takes all that a lower one takes", () => {
    const random = seededRandom(3);
    for (let trace = 0; trace < 500; trace++) {
      const id = traceOf(new Headers(), 0, random).traceId;
      expect(isSampled(id, 0.3)).toBe(isSampled(id, 0.3));
      if (isSampled(id, 0.3)) expect(isSampled(id, 0.6)).toBe(true);
    }
  });
});

test("a new trace has a valid id even from a generator of zeros", () => {
  let calls = 0;
  const random = { float: () => 0, bytes: (length: number) => new Uint8Array(length).fill(calls++ < 2 ? 0 : 7) };
  const trace = traceOf(new Headers(), 1, random);
  expect(parseTraceparent(formatTraceparent(childOf(trace, newSpanId(random))))).toMatchObject({ traceId: trace.traceId, random: true });
});
