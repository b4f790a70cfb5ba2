import type { Decision } from "#proxy/filters/decision.ts";
import { admit } from "#proxy/filters/admission.ts";
import { decide } from "#proxy/filters/decide.ts";
import { applyAll } from "#proxy/filters/header-actions/apply.ts";
import type { RequestView } from "#proxy/match/request.ts";
import type { ProxyDependencies } from "./dependencies.ts";
import { headerSources } from "./header-sources.ts";
import { injectFault } from "./inject-fault.ts";
import { limitRate } from "./limit-rate.ts";
import { sendOn } from "./send-on.ts";
import { type Configured, limitsOf, refuse, refuseAs, refuseForSecret, type Route, type Served, type Serving } from "./serving.ts";

/** One request from its decision to its response: the folders of `proxy/` in the order in which it passes them. */

/** Answers a request by the configuration. Throws only for faults of ours. */
export async function serve(serving: Serving, dependencies: ProxyDependencies): Promise<Served> {
  const { config, recorder, view } = serving;
  const { service } = dependencies.options;
  if (!config) return refuse(serving, "no_config", `the proxy of ${service} has no configuration yet`);
  recorder.findings.generation = config.generation;
  const refusal = admit(view, limitsOf(config));
  if (refusal) return refuseAs(serving, refusal);
  // `OPTIONS *` and the like ask for nothing that has a path (RFC 9112 3.2.4).
  if (!view.target.startsWith("/"))
    return refuse(serving, "no_route", `'${view.target}' is no path that service ${service} could have a rule for`);
  const decision = decide(config.compiled, view);
  if (decision.kind === "none")
    return refuse(serving, "no_route", `service ${service} has no rule for ${view.method} ${view.authority}${pathOf(view)}`);
  if (decision.kind === "refused")
    return refuse(serving, "path_refused", `${decision.why}: ${view.method} ${view.authority}${pathOf(view)}`);
  recorder.findings.rule = decision.rule;
  const { rule, cors, fault, rateLimits } = decision;
  if (cors) recorder.findings.cors = cors;
  const limited = rateLimits && (await limitRate(serving, rule, rateLimits));
  if (limited) return limited;
  const failed = fault && (await injectFault(serving, { rule, fault }, dependencies.random));
  if (failed) return failed;
  if (decision.kind === "route") return sendOn({ ...serving, config }, decision, dependencies);
  return answerItself({ ...serving, config }, decision, dependencies);
}

function answerItself(
  serving: Configured,
  decision: Exclude<Decision, { kind: "none" | "refused" } | Route>,
  { options }: ProxyDependencies,
): Served {
  const headers = new Headers();
  if (decision.kind === "redirect") headers.set("location", decision.location);
  // As Envoy does for direct responses; a rule's header mutations may say otherwise.
  else if (decision.body.length > 0) headers.set("content-type", "text/plain");
  const outcome = applyAll(headers, decision.responseHeaders, headerSources(serving, options.callerAddress));
  if (outcome.kind === "secret_unavailable") return refuseForSecret(serving, outcome.secret);
  const { status } = decision;
  const body = decision.kind === "redirect" || status === 204 || status === 205 || status === 304 ? null : decision.body;
  return { response: new Response(body, { status, headers }), end: "complete" };
}

function pathOf(view: RequestView): string {
  return view.target.split("?", 1)[0] ?? "/";
}
