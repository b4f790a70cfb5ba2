import type { Clock } from "#base/clock.ts";
import type { Random } from "#base/random.ts";
import { type AttributeValue, childOf, newSpanId, type Span, traceOf } from "#telemetry/span.ts";
import { formatTraceparent } from "#telemetry/traceparent.ts";
import { type Field, valuesOf } from "./fields.ts";
import type { RequestHead } from "./request-head.ts";

/** The span of one request at a listener. Queries and header values are left out because they can hold secrets. */

export interface TraceOptions {
  readonly kind: Span["kind"];
  readonly attributes: Readonly<Record<string, AttributeValue>>;
  /** Share of the traces that begin here which are recorded. */
  readonly samplingRatio: number;
  readonly onSpan: ((span: Span) => void) | undefined;
  readonly clock: Clock;
  readonly random: Random;
}

export interface Traced {
  /** Of the trace. */
  readonly id: string;
  /** What the next hop is told. */
  readonly fields: readonly Field[];
  /** The request is over; `error`: what went wrong with it, where the status does not tell. Called once. */
  end(status: number, error?: string): void;
}

/** Continues the trace of the request, or begins one. */
export function traceRequest(head: RequestHead, options: TraceOptions): Traced {
  const { attributes, clock, kind, onSpan, random, samplingRatio } = options;
  const lines = (name: string): string | null => valuesOf(head.fields, name).join(",") || null;
  const trace = traceOf({ get: lines }, samplingRatio, random);
  const spanId = newSpanId(random);
  const startMs = clock.now();
  const { parentSpanId, sampled, traceId, traceState } = trace;
  const end = (status: number, failure?: string): void => {
    if (!sampled || !onSpan) return;
    const error = failure ?? (status >= (kind === "client" ? 400 : 500) ? String(status) : undefined);
    onSpan({
      traceId,
      spanId,
      ...(parentSpanId !== undefined && { parentSpanId }),
      ...(traceState !== undefined && { traceState }),
      name: head.method,
      kind,
      startMs,
      endMs: clock.now(),
      attributes: {
        "http.request.method": head.method,
        "url.path": head.target.replace(/^http:\/\/[^/?]*/i, "").split("?", 1)[0] || "/",
        "http.response.status_code": status,
        ...(error !== undefined && { "error.type": error }),
        ...attributes,
      },
      ...(error !== undefined && { error }),
    });
  };
  const state: Field[] = traceState === undefined ? [] : [["tracestate", traceState]];
  return { id: traceId, fields: [["traceparent", formatTraceparent(childOf(trace, spanId))], ...state], end };
}
