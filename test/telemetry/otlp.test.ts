import { expect, test } from "vitest";
import { encodeSpans } from "#telemetry/otlp.ts";

test("values, times, kinds and status are written as OTLP/JSON has them", () => {
  const body = encodeSpans({ "service.name": "cart" }, [
    {
      traceId: "0af7651916cd43dd8448eb211c80319c",
      spanId: "b7ad6b7169203331",
      traceState: "a=1",
      name: "GET",
      kind: "client",
      startMs: 1_763_000_000_123.457,
      endMs: 1_763_000_000_124,
      attributes: { text: "x", whole: 503, fraction: 0.5, yes: true, huge: 2 ** 60 },
      error: "503",
    },
  ]);
  const [resource] = (JSON.parse(body) as { resourceSpans: [{ scopeSpans: [{ spans: [unknown] }] }] }).resourceSpans;
  expect(resource.scopeSpans[0].spans[0]).toEqual({
    traceId: "0af7651916cd43dd8448eb211c80319c",
    spanId: "b7ad6b7169203331",
    traceState: "a=1",
    name: "GET",
    kind: 3,
    startTimeUnixNano: "1763000000123457000",
    endTimeUnixNano: "1763000000124000000",
    attributes: [
      { key: "text", value: { stringValue: "x" } },
      { key: "whole", value: { intValue: "503" } },
      { key: "fraction", value: { doubleValue: 0.5 } },
      { key: "yes", value: { boolValue: true } },
      { key: "huge", value: { doubleValue: 2 ** 60 } },
    ],
    status: { code: 2, message: "503" },
  });
});
