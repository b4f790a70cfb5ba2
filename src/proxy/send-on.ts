import { headerExcess } from "#proxy/filters/admission.ts";
import { askAsTheCaller, forwardRequestHeaders, forwardResponseHeaders } from "#proxy/filters/forwarding.ts";
import { applyRequestHeaders, applyResponseHeaders } from "#proxy/filters/header-actions/apply.ts";
import type { Survey } from "#proxy/filters/survey.ts";
import { describeRule } from "#proxy/match/describe.ts";
import { pickDestination } from "./balance/destination.ts";
import type { Wish } from "./balance/preference.ts";
import type { ProxyDependencies } from "./dependencies.ts";
import { refuseFailed } from "./failed.ts";
import { callerAddressOf, headerSources } from "./header-sources.ts";
import { mirror } from "./mirror.ts";
import { type Configured, limitsOf, refuse, refuseForSecret, type Route, type Routed, type Served } from "./serving.ts";
import { type BodySource, type BodyWatcher, isCarried, requestBody } from "./upstream/body.ts";
import { discard } from "./upstream/attempt.ts";
import { type Answered, callUpstream } from "./upstream/call.ts";
import { deliver, handOver } from "./upstream/deliver.ts";
import { HeadSlots } from "./upstream/head-slots.ts";
import { signingKeysOf } from "./upstream/signing.ts";
import { Lifetime } from "./upstream/lifetime.ts";

/** A request that goes to an upstream, and the upstream's answer on its way back. */

/** Sends a request to one of the rule's destinations. Throws only for faults of ours. */
export async function sendOn(serving: Configured, decision: Route, dependencies: ProxyDependencies): Promise<Served> {
  const { clusters, config, recorder, request } = serving;
  const destination = pickDestination(decision.destinations, decision.totalWeight, dependencies.random);
  if (!destination) return refuse(serving, "no_destination", `all destinations of ${describeRule(decision.rule)} have weight 0`);
  recorder.findings.backendService = destination.cluster;
  const state = clusters.of(config.compiled.clusters, destination.cluster);
  if (!state) {
    const text = `backend service ${destination.cluster}, which ${describeRule(decision.rule)} names, is not there`;
    return refuse(serving, "no_healthy_endpoints", text);
  }
  const lifetime = new Lifetime(decision.action, dependencies.clock, request.signal);
  const routed = { ...serving, chosen: { decision, destination, cluster: state.cluster }, state, lifetime };
  const served = await exchange(routed, dependencies);
  // What is still on its way closes the lifetime itself, or is bounded by it to its end.
  if (served.end === "complete" || served.end === "broken") lifetime.close();
  return served;
}

async function exchange(routed: Routed, dependencies: ProxyDependencies): Promise<Served> {
  const { chosen, lifetime, recorder, request, state, view } = routed;
  const { decision } = chosen;
  const headers = headersFor(routed, dependencies);
  const sources = headerSources(routed, dependencies.options.callerAddress);
  const outcome = applyRequestHeaders(headers, chosen, sources);
  if (outcome.kind === "secret_unavailable") return refuseForSecret(routed, outcome.secret);
  const { inboundKeys } = routed.state;
  const signingKeys = inboundKeys && (await signingKeysOf(inboundKeys, routed.config.secrets));
  if (signingKeys && "missing" in signingKeys) return refuseForSecret(routed, signingKeys.missing);
  askAsTheCaller(headers);
  const body = await requestBody(bodyOf(routed), watcherOf(routed), dependencies.passThrough).catch(() => undefined);
  if (!body) return refuse(routed, "client_closed", "the request's body broke off");
  const { retry, hedge } = decision.action;
  const wish = wishOf(routed, dependencies);
  const call = {
    preference: wish.preference,
    state,
    method: view.method,
    path: decision.target,
    headers,
    body,
    ...(isCarried(view) && { carrier: request }),
    ...(retry && { retry }),
    ...(hedge && { hedge }),
    ...(signingKeys && { signingKeys }),
  };
  const slots = new HeadSlots();
  mirror(routed, { body, slots, headersFor: (clone) => headersFor(clone, dependencies) }, dependencies);
  const result = await callUpstream(call, {
    fetchFor: dependencies.fetchFor,
    lifetime,
    clock: dependencies.clock,
    random: dependencies.random,
    slots,
    observe: (target, attempt) => recorder.attempt(target, attempt, headers),
  });
  if (result.kind !== "response") return refuseFailed(routed, result);
  recorder.findings.instance = result.target.endpoint.instance;
  const cookie = wish.cookieFor?.(result.target);
  return pass({ ...routed, ...(cookie !== undefined && { cookie }) }, result, dependencies);
}

/** What the caller's affinity and the labels that it names ask of the choice of the endpoint. */
function wishOf({ chosen, state, view }: Routed, { options }: ProxyDependencies): Wish {
  const { stickyCookie } = chosen.decision.action;
  const clientAddress = callerAddressOf(view.headers, options.callerAddress);
  return state.wishOf({
    headers: view.headers,
    ...(clientAddress !== undefined && { clientAddress }),
    ...(stickyCookie && { stickyCookie }),
  });
}

/** The request as far as its body is concerned; the runtime is asked for a body only where there may be one. */
function bodyOf({ request, view }: Routed): BodySource {
  return {
    method: view.method,
    headers: view.headers,
    get body() {
      return request.body;
    },
    arrayBuffer: () => request.arrayBuffer(),
  };
}

/** Who is told how the caller's body goes on, and how large it may be. */
function watcherOf({ config, lifetime }: Routed): BodyWatcher {
  const { boundsStreams: mustStream, clientGone, moved, sent, tooLarge } = lifetime;
  return { clientGone, moved, sent, tooLarge, mustStream, maxBytes: limitsOf(config).requestBodyBytes };
}

/** The caller's headers as the application is to get them, before the mutations of rules. */
function headersFor({ chosen, request, view }: Routed, { options }: ProxyDependencies): Headers {
  const headers = new Headers(request.headers);
  const clientAddress = callerAddressOf(view.headers, options.callerAddress);
  const hop = {
    method: view.method,
    scheme: view.scheme,
    authority: chosen.decision.authority,
    ...(clientAddress !== undefined && { clientAddress }),
  };
  forwardRequestHeaders(headers, hop, view.headers);
  return headers;
}

interface Returning extends Routed {
  /** A `Set-Cookie` value that keeps the caller with its endpoint. */
  readonly cookie?: string;
}

/** The upstream's response, made fit to be sent back. */
async function pass(routed: Returning, answered: Answered, dependencies: ProxyDependencies): Promise<Served> {
  const { chosen, lifetime, recorder, state } = routed;
  const { response: upstream, status, headers } = answered;
  const { webSocket } = upstream as { readonly webSocket?: WebSocket | null };
  if (webSocket) return passSocket(routed, { answered, webSocket }, dependencies);
  if (status < 200 || status > 599) {
    answered.discard();
    return refuse(routed, "upstream_protocol_error", `an instance of ${chosen.cluster.name} answered with status ${status}`);
  }
  const excess = excessOf(routed, headers);
  if (excess) {
    // Before its body is waited for: nothing of it is passed on.
    answered.discard();
    return excess;
  }
  const handedOver = recorder.isRecording || state.countsBodies ? undefined : handOver(answered, lifetime);
  const delivery = handedOver ?? (await deliver(answered, lifetime, dependencies.passThrough));
  if (!delivery) {
    answered.over();
    return refuseFailed(routed, { kind: "ended", ending: lifetime.ended ?? "timeout" });
  }
  // With all that the runtime knows of the upstream's: a compressed body passes as it is.
  const response = new Response(delivery.body, upstream);
  const end = followed(delivery.end, answered);
  const refusal = amendHeaders(response.headers, { routed, survey: headers }, dependencies);
  if (!refusal) return { response, end };
  discard(response);
  return refusal;
}

/** A refusal when the upstream sent more headers than the service takes. */
function excessOf(routed: Returning, survey: Survey): Served | undefined {
  const { chosen, config } = routed;
  const { responseHeaders: lines, responseHeaderBytes: bytes } = limitsOf(config);
  const excess = headerExcess(survey, { lines, bytes });
  if (excess === undefined) return undefined;
  return refuse(routed, "upstream_headers_too_large", `an instance of ${chosen.cluster.name} answered with ${excess}`);
}

/** Makes the upstream's headers what the caller gets; a refusal when one of the rule's cannot be made. */
function amendHeaders(
  headers: Headers,
  { routed, survey }: { readonly routed: Returning; readonly survey: Survey },
  { options }: ProxyDependencies,
): Served | undefined {
  const { chosen, cookie } = routed;
  forwardResponseHeaders(headers, survey);
  const outcome = applyResponseHeaders(headers, chosen, headerSources(routed, options.callerAddress));
  if (outcome.kind === "secret_unavailable") return refuseForSecret(routed, outcome.secret);
  if (cookie !== undefined) headers.append("set-cookie", cookie);
  return undefined;
}

/** A conversation in both directions, which has begun. The route's timeout bounds it no more; its other limits do. */
function passSocket(
  routed: Returning,
  { answered, webSocket }: { readonly answered: Answered; readonly webSocket: WebSocket },
  dependencies: ProxyDependencies,
): Served {
  const { lifetime } = routed;
  const { status, headers: survey } = answered;
  const headers = new Headers(answered.response.headers);
  const refusal = excessOf(routed, survey) ?? amendHeaders(headers, { routed, survey }, dependencies);
  if (refusal) {
    answered.discard();
    return refusal;
  }
  if (!lifetime.boundsStreams) {
    // Handed over whole: when it ends is not seen here.
    answered.over();
    return { response: new Response(null, { status, headers, webSocket } as ResponseInit), end: "complete" };
  }
  lifetime.openEnded();
  const { socket, end } = dependencies.relay(webSocket, lifetime);
  const init = { status, headers, webSocket: socket } as ResponseInit;
  return { response: new Response(null, init), end: followed(end, answered) };
}

/** Tells the balancer's books when the body is through. */
function followed(end: Served["end"], answered: Answered): Served["end"] {
  if (typeof end !== "string") return end.finally(() => answered.over());
  answered.over();
  return end;
}
