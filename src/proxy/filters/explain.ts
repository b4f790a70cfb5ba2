import type { MessageLimits, PathPolicy } from "#ir/policy.ts";
import type { CorsPolicy, FaultPolicy, HedgePolicy, RateLimit, RetryPolicy, RuleRef, StickyCookie } from "#ir/route.ts";
import type { Snapshot } from "#ir/snapshot.ts";
import type { CompiledRule, CompiledSnapshot } from "#proxy/match/compile.ts";
import { decide } from "./decide.ts";
import type { Chosen } from "./header-actions/apply.ts";
import type { Decision, RequestView, RouteAction, TraceStep } from "./decision.ts";
import { type ExplainedBackend, explainBackend, type ProxyObservation } from "./explain-backend.ts";
import { type HeaderChanges, headerChanges, sentHeaders } from "./explain-headers.ts";

/** The answer of `explain`: what would happen to a request, and why. Fields that do not apply are absent. */
export interface ExplainAnswer {
  readonly service: string;
  readonly matched: boolean;
  /** The rule taken; that of a URL map's default counts too, and has `isDefault`. */
  readonly rule?: RuleRef;
  readonly action: "route" | "redirect" | "directResponse" | "none";
  /** Why no rule was even looked at: the path has no form that rules and applications could agree on. */
  readonly refused?: string;
  /** What the rule has in force, besides its timeout. */
  readonly policies?: ExplainedPolicies;
  readonly destinations?: readonly ExplainedDestination[];
  readonly upstream?: ExplainedUpstream;
  readonly redirect?: { readonly location: string; readonly code: number };
  /** `body` as UTF-8 text. */
  readonly directResponse?: { readonly status: number; readonly body: string };
  readonly trace: readonly TraceStep[];
}

/** The answer when no service takes the host. */
export interface UnknownHost {
  readonly matched: false;
  readonly action: "none";
  readonly trace: readonly { readonly matched: false; readonly why: string }[];
}

/** As in the IR, with backend services by their short names. */
interface ExplainedPolicies {
  readonly idleTimeoutMs?: number;
  readonly maxStreamDurationMs?: number;
  readonly retry?: RetryPolicy;
  readonly hedge?: HedgePolicy;
  readonly mirror?: { readonly backendService: string; readonly percent: number };
  readonly cors?: CorsPolicy;
  readonly fault?: FaultPolicy;
  readonly rateLimits?: readonly RateLimit[];
  readonly stickyCookie?: StickyCookie;
  /** Of the whole service, where its settings say something. */
  readonly paths?: PathPolicy;
  readonly limits?: MessageLimits;
  readonly tracing?: { readonly samplingRatio: number };
}

interface ExplainedDestination extends ExplainedBackend {
  readonly backendService: string;
  readonly weight: number;
  /** What this destination gets; only where there are several, and they could differ. */
  readonly headers?: HeaderChanges;
  readonly sentHeaders?: SentHeaders;
}

/** All headers as an instance would get them; see `sentHeaders`. */
type SentHeaders = readonly { readonly name: string; readonly value: string }[];

interface ExplainedUpstream extends HeaderChanges {
  /** Absent where there are several destinations, each with its own. */
  readonly sentHeaders?: SentHeaders;
  /** Scheme, authority, path and query as the application is to see them. */
  readonly url: string;
  readonly method: string;
  /** From the end of the request to the end of the response; 0 = none. */
  readonly timeoutMs: number;
}

/** What can be known besides the configuration and what a decision asks of a request. */
export interface Known {
  /** What the service's proxies reported of a backend service, by its key in the snapshot. */
  readonly observe?: (cluster: string) => readonly ProxyObservation[];
  /** All headers of the request: for those that would be sent on. */
  readonly headers?: Headers;
}

/** Decides about a request as the proxy does, with the same function, and says so in words. */
export function explain(compiled: CompiledSnapshot, request: RequestView, known: Known = {}): ExplainAnswer {
  const trace: TraceStep[] = [];
  const decision = decide(compiled, request, trace);
  const { service } = compiled.snapshot;
  if (decision.kind === "none") return { service, matched: false, action: "none", trace };
  if (decision.kind === "refused") return { service, matched: false, action: "none", refused: decision.why, trace };
  const policies = policiesOf(compiled, { request, decision });
  return {
    service,
    matched: true,
    rule: decision.rule,
    action: decision.kind,
    ...(Object.keys(policies).length > 0 && { policies }),
    ...outcomeOf({ compiled, request, known }, decision),
    trace,
  };
}

/** `services` are those that there are. */
export function explainUnknownHost(authority: string, services: readonly string[]): UnknownHost {
  const known =
    services.length === 0
      ? "the project has no services"
      : `services are: ${services.slice(0, 20).join(", ")}${services.length > 20 ? ", …" : ""}`;
  return { matched: false, action: "none", trace: [{ matched: false, why: `no service takes the host '${authority}'; ${known}` }] };
}

type Matched = Exclude<Decision, { kind: "none" | "refused" }>;
type Route = Extract<Decision, { kind: "route" }>;

interface Explaining {
  readonly compiled: CompiledSnapshot;
  readonly request: RequestView;
  readonly known: Known;
}

function outcomeOf(
  explaining: Explaining,
  decision: Matched,
): Pick<ExplainAnswer, "destinations" | "upstream" | "redirect" | "directResponse"> {
  switch (decision.kind) {
    case "redirect":
      return { redirect: { location: decision.location, code: decision.status } };
    case "directResponse":
      return { directResponse: { status: decision.status, body: new TextDecoder().decode(decision.body) } };
    case "route":
      return { destinations: destinationsOf(explaining, decision), upstream: upstreamOf(explaining, decision) };
  }
}

function destinationsOf(explaining: Explaining, decision: Route): ExplainedDestination[] {
  const { compiled, known } = explaining;
  const differ = decision.destinations.length > 1;
  return decision.destinations.map((destination) => {
    const cluster = compiled.clusters.get(destination.cluster);
    const mutations = [...destination.requestHeaders, ...decision.requestHeaders, ...(cluster ? [cluster.requestHeaders] : [])];
    return {
      backendService: cluster?.name ?? destination.cluster,
      weight: destination.weight,
      ...(differ && { headers: headerChanges(mutations) }),
      ...(differ && cluster && sentOf(explaining, { decision, destination, cluster })),
      ...(cluster && explainBackend(cluster, known.observe?.(destination.cluster) ?? [])),
    };
  });
}

function sentOf({ known, request }: Explaining, chosen: Chosen): { readonly sentHeaders?: SentHeaders } {
  return known.headers ? { sentHeaders: sentHeaders(request, known.headers, chosen) } : {};
}

function upstreamOf(explaining: Explaining, decision: Route): ExplainedUpstream {
  const { compiled, request } = explaining;
  const [first, ...others] = decision.destinations;
  const cluster = first && compiled.clusters.get(first.cluster);
  const mutations = [...decision.requestHeaders];
  if (others.length === 0) {
    mutations.unshift(...(first?.requestHeaders ?? []));
    if (cluster !== undefined) mutations.push(cluster.requestHeaders);
  }
  return {
    url: `${cluster?.scheme ?? "http"}://${decision.authority}${decision.target}`,
    method: request.method,
    ...headerChanges(mutations),
    ...(first && cluster && others.length === 0 && sentOf(explaining, { decision, destination: first, cluster })),
    timeoutMs: decision.action.timeoutMs,
  };
}

function policiesOf(compiled: CompiledSnapshot, { request, decision }: { request: RequestView; decision: Matched }): ExplainedPolicies {
  const rule = ruleOf(compiled, request, decision.rule)?.rule;
  return {
    ...(decision.kind === "route" && attemptPolicies(compiled, decision.action)),
    ...(rule?.cors && { cors: rule.cors }),
    ...(rule?.fault && { fault: rule.fault }),
    ...(rule?.rateLimits && { rateLimits: rule.rateLimits }),
    ...settingsOf(compiled.snapshot),
  };
}

/** Nothing where all is as it is without settings. */
function settingsOf({ limits, paths, tracing }: Snapshot): ExplainedPolicies {
  return { ...(paths && { paths }), ...(limits && { limits }), ...(tracing.samplingRatio !== 1 && { tracing }) };
}

function attemptPolicies(compiled: CompiledSnapshot, action: RouteAction): ExplainedPolicies {
  const { idleTimeoutMs, maxStreamDurationMs, retry, hedge, mirror, stickyCookie } = action;
  return {
    ...(idleTimeoutMs !== undefined && { idleTimeoutMs }),
    ...(maxStreamDurationMs !== undefined && { maxStreamDurationMs }),
    ...(retry && { retry }),
    ...(hedge && { hedge }),
    ...(mirror && { mirror: { backendService: compiled.clusters.get(mirror.cluster)?.name ?? mirror.cluster, percent: mirror.percent } }),
    ...(stickyCookie && { stickyCookie }),
  };
}

/** Decisions name their rule by the very reference that stands in the rule. */
function ruleOf(compiled: CompiledSnapshot, request: RequestView, ref: RuleRef): CompiledRule | undefined {
  return compiled.hosts.find(request.authority)?.rules.find(({ rule }) => rule.ref === ref);
}
