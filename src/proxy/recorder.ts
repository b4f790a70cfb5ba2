import type { Clock } from "#base/clock.ts";
import type { Random } from "#base/random.ts";
import type { RequestView } from "#proxy/match/request.ts";
import type { SpanExporter } from "#telemetry/exporter.ts";
import { type AttributeValue, childOf, newSpanId, type Trace, traceOf } from "#telemetry/span.ts";
import { formatTraceparent } from "#telemetry/traceparent.ts";
import type { Target } from "./balance/balancer.ts";
import type { AttemptResult } from "./upstream/attempt.ts";

/**
 * The spans of one request: SERVER for the request, CLIENT for each attempt. Attributes follow OpenTelemetry's stable HTTP conventions;
 * queries and header values are left out because they can hold secrets.
 */

export interface RecorderOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Absent: nobody collects spans, and only the trace context is handed on. */
  readonly exporter?: SpanExporter;
  readonly service: string;
}

/** What the request was found to be, added as it becomes known. */
export interface Findings {
  generation?: number;
  rule?: string;
  backendService?: string;
  instance?: string;
  /** Why the mesh answered itself, a word of `reasons`. */
  reason?: string;
}

const knownMethods = new Set(["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY"]);

export class RequestRecorder {
  readonly findings: Findings = {};
  readonly trace: Trace;
  readonly #options: RecorderOptions;
  readonly #view: RequestView;
  readonly #spanId: string;
  readonly #startMs: number;

  /** Continues the caller's trace; `samplingRatio` decides for a new one. */
  constructor(options: RecorderOptions, view: RequestView, samplingRatio: number) {
    this.#options = options;
    this.#view = view;
    this.trace = traceOf(view.headers, samplingRatio, options.random);
    this.#spanId = newSpanId(options.random);
    this.#startMs = options.clock.now();
  }

  /** Begins the CLIENT span of an attempt: its context goes into `headers`. The returned function ends it. */
  attempt(target: Target, attempt: number, headers: Headers): (result: AttemptResult) => void {
    const { clock, random } = this.#options;
    const spanId = newSpanId(random);
    headers.set("traceparent", formatTraceparent(childOf(this.trace, spanId)));
    if (this.trace.traceState === undefined) headers.delete("tracestate");
    else headers.set("tracestate", this.trace.traceState);
    this.findings.instance = target.endpoint.instance;
    const startMs = clock.now();
    return (result) => this.#recordAttempt({ spanId, startMs, target, attempt, result });
  }

  /** Ends the SERVER span. `broken`: the body of the response did not get through. */
  end(status: number, isBroken: boolean): void {
    const exporter = this.#exporter();
    if (!exporter) return;
    const { reason } = this.findings;
    const errorType = isBroken ? "response_broken" : status < 500 ? undefined : (reason ?? String(status));
    const { parentSpanId } = this.trace;
    exporter.record({
      ...this.#common("server", this.#startMs),
      spanId: this.#spanId,
      ...(parentSpanId !== undefined && { parentSpanId }),
      attributes: this.#attributes(this.#serverAttributes(status), errorType),
      ...(errorType !== undefined && { error: errorType }),
    });
  }

  #recordAttempt(ended: { spanId: string; startMs: number; target: Target; attempt: number; result: AttemptResult }): void {
    const exporter = this.#exporter();
    if (!exporter) return;
    const { spanId, startMs, target, attempt, result } = ended;
    const { address, port } = target.endpoint;
    const attributes: Record<string, AttributeValue> = {
      "server.address": address,
      "server.port": port,
      "network.peer.address": address,
      "network.peer.port": port,
    };
    if (attempt > 0) attributes["http.request.resend_count"] = attempt;
    let error: string | undefined;
    if (result.kind === "response") {
      const { status } = result.response;
      attributes["http.response.status_code"] = status;
      // In a client's span 4xx is an error too.
      if (status >= 400) error = String(status);
    } else {
      error = result.kind === "failure" ? result.failure : "cancelled";
    }
    const common = { ...this.#common("client", startMs), spanId, parentSpanId: this.#spanId };
    exporter.record({ ...common, attributes: this.#attributes(attributes, error), ...(error !== undefined && { error }) });
  }

  #serverAttributes(status: number): Record<string, AttributeValue> {
    const { authority, headers } = this.#view;
    const [, host = authority, port] = /^(.*?)(?::(\d+))?$/.exec(authority) ?? [];
    const attributes: Record<string, AttributeValue> = { "server.address": host, "http.response.status_code": status };
    if (port !== undefined) attributes["server.port"] = Number(port);
    const userAgent = headers.get("user-agent");
    if (userAgent !== null) attributes["user_agent.original"] = userAgent;
    if (this.findings.reason !== undefined) attributes["wayside.reason"] = this.findings.reason;
    return attributes;
  }

  #attributes(own: Record<string, AttributeValue>, errorType: string | undefined): Record<string, AttributeValue> {
    const { method, scheme, target } = this.#view;
    const { generation, rule, backendService, instance } = this.findings;
    return {
      "http.request.method": this.#method(),
      ...(!knownMethods.has(method) && { "http.request.method_original": method }),
      "url.scheme": scheme,
      "url.path": target.split("?", 1)[0] ?? "/",
      ...own,
      ...(errorType !== undefined && { "error.type": errorType }),
      "wayside.service": this.#options.service,
      ...(generation !== undefined && { "wayside.generation": generation }),
      ...(rule !== undefined && { "wayside.rule": rule }),
      ...(backendService !== undefined && { "wayside.backend_service": backendService }),
      ...(instance !== undefined && { "wayside.instance": instance }),
    };
  }

  #common(kind: "server" | "client", startMs: number) {
    const { traceId, traceState } = this.trace;
    const endMs = this.#options.clock.now();
    return { traceId, ...(traceState !== undefined && { traceState }), name: this.#method(), kind, startMs, endMs };
  }

  #method(): string {
    return knownMethods.has(this.#view.method) ? this.#view.method : "_OTHER";
  }

  #exporter(): SpanExporter | undefined {
    return this.trace.sampled ? this.#options.exporter : undefined;
  }
}
