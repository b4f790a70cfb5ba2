import type { AttributeValue, Span } from "./span.ts";

/**
 * OTLP/JSON (opentelemetry-proto, JSON mapping of OTLP 1.x): ids in hexadecimal, 64-bit integers as decimal strings, enums as numbers.
 */

/** Who emits: `service.name` and other resource attributes. */
export type Resource = Readonly<Record<string, AttributeValue>>;

interface KeyValue {
  readonly key: string;
  readonly value: { stringValue: string } | { boolValue: boolean } | { intValue: string } | { doubleValue: number };
}

const kinds = { server: 2, client: 3 } as const;
const statusError = 2;
const scope = { name: "wayside" };

/** The body of one `ExportTraceServiceRequest`. */
export function encodeSpans(resource: Resource, spans: readonly Span[]): string {
  return JSON.stringify({
    resourceSpans: [{ resource: { attributes: keyValues(resource) }, scopeSpans: [{ scope, spans: spans.map(encodeSpan) }] }],
  });
}

function encodeSpan(span: Span): Record<string, unknown> {
  return {
    traceId: span.traceId,
    spanId: span.spanId,
    ...(span.parentSpanId !== undefined && { parentSpanId: span.parentSpanId }),
    ...(span.traceState !== undefined && { traceState: span.traceState }),
    name: span.name,
    kind: kinds[span.kind],
    startTimeUnixNano: nanoseconds(span.startMs),
    endTimeUnixNano: nanoseconds(span.endMs),
    attributes: keyValues(span.attributes),
    status: span.error === undefined ? {} : { code: statusError, message: span.error },
  };
}

function keyValues(attributes: Readonly<Record<string, AttributeValue>>): KeyValue[] {
  return Object.entries(attributes).map(([key, value]) => ({ key, value: encodeValue(value) }));
}

function encodeValue(value: AttributeValue): KeyValue["value"] {
  if (typeof value === "string") return { stringValue: value };
  if (typeof value === "boolean") return { boolValue: value };
  return Number.isSafeInteger(value) ? { intValue: String(value) } : { doubleValue: value };
}

/** In microseconds first: nanoseconds since 1970 do not fit a double. */
function nanoseconds(milliseconds: number): string {
  return `${Math.round(milliseconds * 1000)}000`;
}
