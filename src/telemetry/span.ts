import type { Random } from "#base/random.ts";
import { parseTraceparent, parseTracestate, type TraceParent } from "./traceparent.ts";

/** Spans as plain data, after OpenTelemetry's model. */

export type AttributeValue = string | number | boolean;

export interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly traceState?: string;
  readonly name: string;
  readonly kind: "server" | "client";
  /** Milliseconds since the epoch. */
  readonly startMs: number;
  readonly endMs: number;
  /** Keys of OpenTelemetry's HTTP semantic conventions, and `wayside.*`. */
  readonly attributes: Readonly<Record<string, AttributeValue>>;
  /** Text of an error status; absent: the status is unset. */
  readonly error?: string;
}

/** The trace that a request belongs to, as this proxy continues or starts it. */
export interface Trace {
  readonly traceId: string;
  /** The caller's span; absent when the trace starts here. */
  readonly parentSpanId?: string;
  readonly traceState?: string;
  readonly sampled: boolean;
  readonly random: boolean;
}

/**
 * Continues the caller's trace, or starts one where its `traceparent` cannot be used. A caller's decision to sample stands;
 * `samplingRatio` (0 to 1) decides for new traces, and always the same for the same trace id.
 */
export function traceOf(headers: { get(name: string): string | null }, samplingRatio: number, random: Random): Trace {
  const parent = parseTraceparent(headers.get("traceparent"));
  if (!parent) {
    const traceId = randomId(random, 16);
    return { traceId, sampled: isSampled(traceId, samplingRatio), random: true };
  }
  const traceState = parseTracestate(headers.get("tracestate"));
  const { traceId, spanId, sampled } = parent;
  return { traceId, parentSpanId: spanId, ...(traceState !== undefined && { traceState }), sampled, random: parent.random };
}

/** A new span id. */
export function newSpanId(random: Random): string {
  return randomId(random, 8);
}

/** What the next hop is told: `spanId` is the span that calls it. */
export function childOf(trace: Trace, spanId: string): TraceParent {
  return { traceId: trace.traceId, spanId, sampled: trace.sampled, random: trace.random };
}

/** By the 56 random bits of the trace id (OpenTelemetry's consistent probability sampling), so that all proxies decide alike. */
export function isSampled(traceId: string, ratio: number): boolean {
  return Number.parseInt(traceId.slice(-14, -1), 16) / 2 ** 52 >= 1 - ratio;
}

/** Lower-case hexadecimal, never all zero. From `float`, whose numbers cost no call into the runtime: an id is no secret. */
function randomId(random: Random, bytes: number): string {
  let id = "";
  for (let at = 2; at < bytes; at += 2) id += hexadecimal(random, 0);
  // One last pair of bytes in 65,536 is another than it was drawn, and no id has to be looked at for zeros.
  return id + hexadecimal(random, 1);
}

const bytesAsText = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** Two bytes, `least` in place of zero. */
function hexadecimal(random: Random, least: number): string {
  const number = Math.floor(random.float() * 2 ** 16) || least;
  return `${bytesAsText[number >>> 8]}${bytesAsText[number & 255]}`;
}
