/** Network Services HttpRoutes: rules in the order of the list. */
import { durationTextToMs } from "#base/duration.ts";
import type { Action, Rule } from "#ir/route.ts";
import type { HttpAction, HttpDestination } from "#model/networkservices/http-route-action.ts";
import type { HttpRoute } from "#model/networkservices/http-routes.ts";
import { redirectAction, retryPolicy, routeAction, type Way } from "./actions.ts";
import type { Context } from "./context.ts";
import { stickyCookieOf } from "./endpoint-choice.ts";
import { modifierMutations } from "./headers.ts";
import { httpRouteMatch } from "./matches.ts";
import { mirrorPolicy, rulePolicies } from "./rule-policies.ts";

/** The rules of a route; `name` is its short name. A rule all of whose matches cannot be evaluated is left out: it could take anything. */
export function httpRouteRules(context: Context, name: string, route: HttpRoute): Rule[] {
  return (route.rules ?? []).flatMap((rule, index) => {
    const where = `httpRoutes/${name}.rules[${index}]`;
    const asked = rule.matches ?? [];
    const matches = asked.flatMap((match, at) => httpRouteMatch(context, match, `${where}.matches[${at}]`) ?? []);
    if (asked.length > 0 && matches.length === 0) return [];
    const action = rule.action ?? {};
    return [
      {
        ref: { resource: `httpRoutes/${name}`, index },
        matches,
        action: actionOf(context, action, `${where}.action`),
        requestHeaders: modifierMutations(context, action.requestHeaderModifier),
        responseHeaders: modifierMutations(context, action.responseHeaderModifier),
        ...policiesOf(context, action, `${where}.action`),
      },
    ];
  });
}

function policiesOf(context: Context, action: HttpAction, where: string): Pick<Rule, "fault" | "cors"> {
  const { faultInjectionPolicy: fault, corsPolicy: cors } = action;
  return rulePolicies(context, { fault: fault && { ...fault, delayMs: milliseconds(fault.delay?.fixedDelay) }, cors, where });
}

function actionOf(context: Context, action: HttpAction, where: string): Action {
  const { redirect, directResponse } = action;
  if (redirect)
    return redirectAction({ ...redirect, prefix: redirect.prefixRewrite, code: redirect.responseCode, port: redirect.portRedirect });
  if (directResponse) {
    const body = directResponse.bytesBody ? { base64: directResponse.bytesBody } : { text: directResponse.stringBody ?? "" };
    return { kind: "directResponse", status: directResponse.status ?? 200, body };
  }
  const { requestMirrorPolicy: mirror, statefulSessionAffinity: stateful } = action;
  const { numRetries, retryConditions, perTryTimeout } = action.retryPolicy ?? {};
  const retry = { numRetries, retryConditions, perTryTimeoutMs: milliseconds(perTryTimeout) };
  return routeAction(context, {
    ways: (action.destinations ?? []).map((destination) => wayOf(context, destination)),
    rewrite: action.urlRewrite,
    timeoutMs: milliseconds(action.timeout),
    idleTimeoutMs: milliseconds(action.idleTimeout),
    retry: action.retryPolicy && retryPolicy(context, retry, `${where}.retryPolicy`),
    stickyCookie: stateful && stickyCookieOf(milliseconds(stateful.cookieTtl)),
    mirror: mirror && mirrorPolicy(context, { service: mirror.destination?.serviceName, percent: mirror.mirrorPercent }),
  });
}

function wayOf(context: Context, destination: HttpDestination): Way {
  return {
    service: destination.serviceName,
    weight: destination.weight,
    requestHeaders: modifierMutations(context, destination.requestHeaderModifier),
    responseHeaders: modifierMutations(context, destination.responseHeaderModifier),
  };
}

function milliseconds(duration: string | undefined): number | undefined {
  return duration === undefined ? undefined : durationTextToMs(duration);
}
