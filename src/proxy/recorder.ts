import type { Clock } from "#base/clock.ts";
import type { Random } from "#base/random.ts";
import type { HeaderMutation, RuleRef } from "#ir/route.ts";
import { describeRule } from "#proxy/match/describe.ts";
import { type RequestView, splitAuthority } from "#proxy/match/request.ts";
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
  rule?: RuleRef;
  backendService?: string;
  instance?: string;
  /** Why the mesh answered itself, a word of `reasons`. */
  reason?: string;
  /** The same in a sentence. */
  text?: string;
  /** Of such an answer to a gRPC request. */
  grpcStatus?: number;
  /** What the rule adds to answers for the caller's origin; for those of the mesh, too. */
  cors?: HeaderMutation;
  /** How long it was held up on purpose. */
  injectedDelayMs?: number;
}

const knownMethods = new Set(["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY"]);

/** What counts as an error in a server's span (OpenTelemetry's conventions for gRPC). */
const grpcErrors: ReadonlySet<number> = new Set([2, 4, 12, 13, 14, 15]);

interface EndedAttempt {
  readonly spanId: string;
  readonly startMs: number;
  readonly target: Target;
  readonly attempt: number;
  readonly result: AttemptResult;
  /** Attributes that stand in place of the request's. */
  readonly own?: Readonly<Record<string, AttributeValue>>;
}

export class RequestRecorder {
  readonly findings: Findings = {};
  readonly trace: Trace;
  readonly #options: RecorderOptions;
  /** The request. */
  readonly view: RequestView;
  #spanId: string | undefined;
  readonly #startMs: number;

  /** Continues the caller's trace; `samplingRatio` decides for a new one. */
  constructor(options: RecorderOptions, view: RequestView, samplingRatio: number) {
    this.#options = options;
    this.view = view;
    this.trace = traceOf(view.headers, samplingRatio, options.random);
    this.#startMs = options.clock.now();
  }

  /** Begins the CLIENT span of an attempt: its context goes into `headers`. The returned function ends it. */
  attempt(target: Target, attempt: number, headers: Headers): (result: AttemptResult) => void {
    this.findings.instance = target.endpoint.instance;
    const begun = this.#begin(headers);
    return (result) => this.#recordAttempt({ ...begun, target, attempt, result });
  }

  /** Like `attempt`, of a mirrored copy of the request: what was found of the request itself stays. */
  mirror(target: Target, backendService: string, headers: Headers): (result: AttemptResult) => void {
    const begun = this.#begin(headers);
    const { instance } = target.endpoint;
    const own = { "wayside.backend_service": backendService, "wayside.instance": instance, "wayside.mirror": true };
    return (result) => this.#recordAttempt({ ...begun, target, attempt: 0, result, own });
  }

  #begin(headers: Headers): { readonly spanId: string; readonly startMs: number } {
    const { clock, random } = this.#options;
    const spanId = newSpanId(random);
    headers.set("traceparent", formatTraceparent(childOf(this.trace, spanId)));
    if (this.trace.traceState === undefined) headers.delete("tracestate");
    else headers.set("tracestate", this.trace.traceState);
    return { spanId, startMs: clock.now() };
  }

  /** Ends the SERVER span. `broken`: the body of the response did not get through. */
  end(status: number, isBroken: boolean): void {
    const exporter = this.#exporter();
    if (!exporter) return;
    const { grpcStatus, reason } = this.findings;
    const isError = status >= 500 || (grpcStatus !== undefined && grpcErrors.has(grpcStatus));
    const errorType = isBroken ? "response_broken" : isError ? (reason ?? String(status)) : undefined;
    const { parentSpanId } = this.trace;
    exporter.record({
      ...this.#common("server", this.#startMs),
      spanId: this.#serverSpanId(),
      ...(parentSpanId !== undefined && { parentSpanId }),
      attributes: this.#serverAttributes(status, errorType),
      ...(errorType !== undefined && { error: errorType }),
    });
  }

  #recordAttempt(ended: EndedAttempt): void {
    const exporter = this.#exporter();
    if (!exporter) return;
    const { spanId, startMs, target, attempt, result, own } = ended;
    const { address, port } = target.endpoint;
    const attributes = this.#attributes();
    attributes["server.address"] = address;
    attributes["server.port"] = port;
    attributes["network.peer.address"] = address;
    attributes["network.peer.port"] = port;
    if (attempt > 0) attributes["http.request.resend_count"] = attempt;
    let error: string | undefined;
    if (result.kind === "response") {
      const { status } = result;
      attributes["http.response.status_code"] = status;
      // In a client's span 4xx is an error too.
      if (status >= 400) error = String(status);
    } else {
      error = result.kind === "failure" ? result.failure : "cancelled";
    }
    if (error !== undefined) attributes["error.type"] = error;
    if (own) Object.assign(attributes, own);
    const parentSpanId = this.#serverSpanId();
    exporter.record({ ...this.#common("client", startMs), spanId, parentSpanId, attributes, ...(error !== undefined && { error }) });
  }

  #serverAttributes(status: number, errorType: string | undefined): Record<string, AttributeValue> {
    const { authority, headers } = this.view;
    const { host, port } = splitAuthority(authority);
    const attributes = this.#attributes();
    attributes["server.address"] = host;
    attributes["http.response.status_code"] = status;
    if (errorType !== undefined) attributes["error.type"] = errorType;
    if (port !== "") attributes["server.port"] = Number(port);
    const userAgent = headers.get("user-agent");
    if (userAgent !== null) attributes["user_agent.original"] = userAgent;
    const { grpcStatus, reason, injectedDelayMs } = this.findings;
    if (grpcStatus !== undefined) attributes["rpc.grpc.status_code"] = grpcStatus;
    if (reason !== undefined) attributes["wayside.reason"] = reason;
    if (injectedDelayMs !== undefined) attributes["wayside.fault.delay_ms"] = injectedDelayMs;
    return attributes;
  }

  /** What both spans have in common; further ones are assigned to it, since copying objects would cost the most of a span. */
  #attributes(): Record<string, AttributeValue> {
    const { method, scheme, target } = this.view;
    const { generation, rule, backendService, instance } = this.findings;
    const query = target.indexOf("?");
    const attributes: Record<string, AttributeValue> = {
      "http.request.method": this.#method(),
      "url.scheme": scheme,
      "url.path": query === -1 ? target : target.slice(0, query),
      "wayside.service": this.#options.service,
    };
    if (!knownMethods.has(method)) attributes["http.request.method_original"] = method;
    if (generation !== undefined) attributes["wayside.generation"] = generation;
    if (rule !== undefined) attributes["wayside.rule"] = describeRule(rule);
    if (backendService !== undefined) attributes["wayside.backend_service"] = backendService;
    if (instance !== undefined) attributes["wayside.instance"] = instance;
    return attributes;
  }

  #common(kind: "server" | "client", startMs: number) {
    const { traceId, traceState } = this.trace;
    const endMs = this.#options.clock.now();
    return { traceId, ...(traceState !== undefined && { traceState }), name: this.#method(), kind, startMs, endMs };
  }

  #method(): string {
    return knownMethods.has(this.view.method) ? this.view.method : "_OTHER";
  }

  /** Whether what becomes of the request is of interest to anybody. */
  get isRecording(): boolean {
    return this.#exporter() !== undefined;
  }

  /** Most requests are not recorded, and need none. */
  #serverSpanId(): string {
    return (this.#spanId ??= newSpanId(this.#options.random));
  }

  #exporter(): SpanExporter | undefined {
    return this.trace.sampled ? this.#options.exporter : undefined;
  }
}
