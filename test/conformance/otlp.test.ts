import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { encodeSpans } from "#telemetry/otlp.ts";

const file = new URL("../../../shared/conformance/otlp/examples/trace.json", import.meta.url);

describe.skipIf(!existsSync(file))(`the official OTLP/JSON example (${file.pathname})`, () => {
  test("is what is written for its span", () => {
    const example = JSON.parse(readFileSync(file, "utf8")) as { resourceSpans: [{ scopeSpans: [{ spans: [Record<string, unknown>] }] }] };
    const [expected] = example.resourceSpans[0].scopeSpans[0].spans;
    const body = encodeSpans({ "service.name": "my.service" }, [
      {
        traceId: "5B8EFFF798038103D269B633813FC60C",
        spanId: "EEE19B7EC3C1B174",
        parentSpanId: "EEE19B7EC3C1B173",
        name: "I'm a server span",
        kind: "server",
        startMs: 1_544_712_660_000,
        endMs: 1_544_712_661_000,
        attributes: { "my.span.attr": "some value" },
      },
    ]);
    const written = JSON.parse(body) as typeof example;
    expect(written.resourceSpans[0].scopeSpans[0].spans[0]).toMatchObject(expected);
    expect(written.resourceSpans[0]).toHaveProperty("resource", {
      attributes: [{ key: "service.name", value: { stringValue: "my.service" } }],
    });
  });
});
