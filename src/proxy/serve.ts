import type { Decision } from "#proxy/filters/decision.ts";
import { decide } from "#proxy/filters/decide.ts";
import { forwardRequestHeaders, forwardResponseHeaders } from "#proxy/filters/forwarding.ts";
import { applyAll, applyRequestHeaders, applyResponseHeaders, type Chosen } from "#proxy/filters/header-actions/apply.ts";
import { describeRule } from "#proxy/match/describe.ts";
import type { RequestView } from "#proxy/match/request.ts";
import { answer, type Reason } from "./answer.ts";
import type { ClusterState, ClusterStates } from "./balance/clusters.ts";
import { pickDestination } from "./balance/destination.ts";
import type { Config } from "./config/keeper.ts";
import type { ProxyDependencies } from "./dependencies.ts";
import type { RequestRecorder } from "./recorder.ts";
import { discard } from "./upstream/attempt.ts";
import { requestBody } from "./upstream/body.ts";
import { type CallResult, callUpstream } from "./upstream/call.ts";
import { type BodyEnd, deliver } from "./upstream/deliver.ts";
import { Lifetime } from "./upstream/lifetime.ts";
import { isIdempotent } from "./upstream/retry.ts";

/** One request from its decision to its response: the folders of `proxy/` in the order in which it passes them. */

export interface Serving {
  readonly request: Request;
  readonly view: RequestView;
  /** Undefined: there is none yet. */
  readonly config: Config | undefined;
  readonly clusters: ClusterStates;
  readonly recorder: RequestRecorder;
}

export interface Served {
  readonly response: Response;
  /** How the response's body ended, or will end. */
  readonly end: BodyEnd | Promise<BodyEnd>;
}

type Route = Extract<Decision, { kind: "route" }>;

/** A request that is on its way to an upstream. */
interface Routed extends Serving {
  readonly config: Config;
  readonly chosen: Chosen;
  readonly state: ClusterState;
  readonly lifetime: Lifetime;
}

/** Answers a request by the configuration. Throws only for faults of ours. */
export async function serve(serving: Serving, dependencies: ProxyDependencies): Promise<Served> {
  const { config, recorder, view } = serving;
  const { service } = dependencies.options;
  if (!config) return refuse(serving, "no_config", `the proxy of ${service} has no configuration yet`);
  recorder.findings.generation = config.generation;
  const decision = decide(config.compiled, view);
  if (decision.kind === "none")
    return refuse(serving, "no_route", `service ${service} has no rule for ${view.method} ${view.authority}${pathOf(view)}`);
  recorder.findings.rule = describeRule(decision.rule);
  if (decision.kind === "route") return route({ ...serving, config }, decision, dependencies);
  return answerItself({ ...serving, config }, decision);
}

function answerItself(serving: Serving & { readonly config: Config }, decision: Exclude<Decision, { kind: "none" } | Route>): Served {
  const headers = new Headers();
  if (decision.kind === "redirect") headers.set("location", decision.location);
  // As Envoy does for direct responses; a rule's header mutations may say otherwise.
  else if (decision.body.length > 0) headers.set("content-type", "text/plain");
  const outcome = applyAll(headers, decision.responseHeaders, (name) => serving.config.secrets.reveal(name));
  if (outcome.kind === "secret_unavailable") return secretUnavailable(serving, outcome.secret);
  const { status } = decision;
  const body = decision.kind === "redirect" || status === 204 || status === 205 || status === 304 ? null : decision.body;
  return { response: new Response(body, { status, headers }), end: "complete" };
}

async function route(serving: Serving & { readonly config: Config }, decision: Route, dependencies: ProxyDependencies): Promise<Served> {
  const { clusters, config, recorder, request } = serving;
  const rule = describeRule(decision.rule);
  const destination = pickDestination(decision.destinations, decision.totalWeight, dependencies.random);
  if (!destination) return refuse(serving, "no_destination", `all destinations of ${rule} have weight 0`);
  recorder.findings.backendService = destination.cluster;
  const state = clusters.of(config.compiled.clusters, destination.cluster);
  if (!state) return refuse(serving, "no_healthy_endpoints", `backend service ${destination.cluster}, which ${rule} names, is not there`);
  const lifetime = new Lifetime(decision.timeoutMs, request.signal);
  const chosen = { decision, destination, cluster: state.cluster };
  return forward({ ...serving, chosen, state, lifetime }, dependencies);
}

async function forward(routed: Routed, dependencies: ProxyDependencies): Promise<Served> {
  const { chosen, config, lifetime, recorder, request, state, view } = routed;
  const { decision, cluster } = chosen;
  const fetchUpstream = dependencies.fetchFor(cluster.transport);
  if (!fetchUpstream)
    return refuse(
      routed,
      "no_transport",
      `backend service ${cluster.name} needs transport ${cluster.transport}, which this proxy was not given`,
    );
  const headers = new Headers(request.headers);
  const clientAddress = headers.get("cf-connecting-ip") ?? dependencies.options.callerAddress;
  forwardRequestHeaders(headers, {
    scheme: view.scheme,
    authority: decision.authority,
    ...(clientAddress !== undefined && { clientAddress }),
  });
  const outcome = applyRequestHeaders(headers, chosen, (name) => config.secrets.reveal(name));
  if (outcome.kind === "secret_unavailable") return secretUnavailable(routed, outcome.secret);
  // Without it workerd would ask for compression by itself, and the caller would get what it did not ask for.
  if (!headers.has("accept-encoding")) headers.set("accept-encoding", "identity");
  const { retry } = decision;
  const { method } = view;
  const mayRetry = isIdempotent(method) || (retry !== undefined && retry.retries > 0);
  const body = await requestBody(request, mayRetry).catch(() => undefined);
  if (!body) return refuse(routed, "client_closed", "the request's body broke off");
  const call = { state, method, path: decision.target, headers, body, ...(retry && { retry }) };
  const observe: Parameters<typeof callUpstream>[1]["observe"] = (target, attempt) => recorder.attempt(target, attempt, headers);
  const result = await callUpstream(call, { fetchUpstream, lifetime, random: dependencies.random, observe });
  return result.kind === "response" ? pass(routed, result.response, dependencies) : refuseFailed(routed, result);
}

/** The upstream's response, made fit to be sent back. */
async function pass(routed: Routed, upstream: Response, { passThrough }: ProxyDependencies): Promise<Served> {
  const { chosen, config, lifetime } = routed;
  const { status, statusText } = upstream;
  const headers = new Headers(upstream.headers);
  forwardResponseHeaders(headers);
  const outcome = applyResponseHeaders(headers, chosen, (name) => config.secrets.reveal(name));
  if (outcome.kind === "secret_unavailable") {
    discard(upstream);
    return secretUnavailable(routed, outcome.secret);
  }
  const { webSocket } = upstream as { readonly webSocket?: WebSocket | null };
  if (webSocket) {
    // What follows is no response any more, so the route's timeout does not bound it.
    lifetime.close();
    const switched = { status, headers, webSocket };
    return { response: new Response(null, switched), end: "complete" };
  }
  if (status < 200 || status > 599) {
    discard(upstream);
    return refuse(routed, "upstream_protocol_error", `an instance of ${chosen.cluster.name} answered with status ${status}`);
  }
  const delivery = await deliver(upstream, lifetime, passThrough);
  if (!delivery) return refuseFailed(routed, { kind: "ended", ending: lifetime.ended ?? "timeout" });
  // Compressed bodies pass as they are.
  const init = { status, statusText, headers, encodeBody: "manual" } as const;
  return { response: new Response(delivery.body, init), end: delivery.end };
}

function refuseFailed(routed: Routed, result: Exclude<CallResult, { kind: "response" }>): Served {
  const { chosen, recorder } = routed;
  const where = `backend service ${chosen.cluster.name} (${describeRule(chosen.decision.rule)})`;
  const { timeoutMs, retry } = chosen.decision;
  switch (result.kind) {
    case "no-endpoint":
      return refuse(routed, "no_healthy_endpoints", `${where} has no healthy instance`);
    case "ended":
      if (result.ending === "client") return refuse(routed, "client_closed", "the caller went away");
      return refuse(routed, "upstream_timeout", `${where} did not answer within ${timeoutMs} ms`);
    case "failure":
      break;
  }
  const instance = `instance ${recorder.findings.instance ?? ""} of ${where}`;
  if (result.failure === "timeout")
    return refuse(routed, "upstream_timeout", `${instance} did not answer within ${retry?.perTryTimeoutMs ?? timeoutMs} ms`);
  if (result.failure === "reset") return refuse(routed, "upstream_reset", `${instance} closed the connection`);
  return refuse(routed, "upstream_connect_failure", `no connection to ${instance}`);
}

function secretUnavailable(serving: Serving, secret: string): Served {
  return refuse(
    serving,
    "secret_unavailable",
    `${serving.recorder.findings.rule ?? "the rule"} needs secret ${secret}, of which no version is available`,
  );
}

function refuse(serving: Serving | Routed, reason: Reason, text: string): Served {
  if ("lifetime" in serving) serving.lifetime.close();
  serving.recorder.findings.reason = reason;
  return { response: answer({ reason, text, id: serving.recorder.trace.traceId }), end: "complete" };
}

function pathOf(view: RequestView): string {
  return view.target.split("?", 1)[0] ?? "/";
}
