/** Network Services GrpcRoutes: rules in the order of the list. A method is a path, metadata are headers (gRPC over HTTP/2). */
import { durationTextToMs } from "#base/duration.ts";
import type { HeaderMatch, Match, PathMatch, Rule } from "#ir/route.ts";
import type { GrpcRoute } from "#model/networkservices/grpc-routes.ts";
import { retryPolicy, routeAction } from "./actions.ts";
import type { Context } from "./context.ts";
import { stickyCookieOf } from "./endpoint-choice.ts";
import { rulePolicies } from "./rule-policies.ts";

type GrpcRule = NonNullable<GrpcRoute["rules"]>[number];
type GrpcMatch = NonNullable<GrpcRule["matches"]>[number];
type GrpcAction = NonNullable<GrpcRule["action"]>;

/** The rules of a route; `name` is its short name. */
export function grpcRouteRules(context: Context, name: string, route: GrpcRoute): Rule[] {
  return (route.rules ?? []).map((rule, index) => {
    const where = `grpcRoutes/${name}.rules[${index}].action`;
    const action = rule.action ?? {};
    const { faultInjectionPolicy: fault } = action;
    return {
      ref: { resource: `grpcRoutes/${name}`, index },
      matches: (rule.matches ?? []).map(matchOf),
      action: actionOf(context, action, where),
      requestHeaders: [],
      responseHeaders: [],
      ...rulePolicies(context, {
        fault: fault && { ...fault, delayMs: milliseconds(fault.delay?.fixedDelay) },
        cors: undefined,
        where,
      }),
    };
  });
}

function actionOf(context: Context, action: GrpcAction, where: string): Rule["action"] {
  const { statefulSessionAffinity: stateful } = action;
  const { numRetries, retryConditions } = action.retryPolicy ?? {};
  return routeAction(context, {
    ways: (action.destinations ?? []).map(({ serviceName, weight }) => ({
      service: serviceName,
      weight,
      requestHeaders: [],
      responseHeaders: [],
    })),
    rewrite: undefined,
    timeoutMs: milliseconds(action.timeout),
    idleTimeoutMs: milliseconds(action.idleTimeout),
    retry: action.retryPolicy && retryPolicy(context, { numRetries, retryConditions, perTryTimeoutMs: undefined }, `${where}.retryPolicy`),
    mirror: undefined,
    stickyCookie: stateful && stickyCookieOf(milliseconds(stateful.cookieTtl)),
  });
}

function matchOf({ method, headers }: GrpcMatch): Match {
  return { path: method ? pathOf(method) : { kind: "any" }, headers: (headers ?? []).map(headerOf), query: [] };
}

/** A path is `/package.Service/Method`; a part that is left out is any. */
function pathOf({ type, grpcService, grpcMethod, caseSensitive }: NonNullable<GrpcMatch["method"]>): PathMatch {
  if (!grpcService && !grpcMethod) return { kind: "any" };
  if (type !== "REGULAR_EXPRESSION" && grpcService) {
    const ignoreCase = caseSensitive === false ? { ignoreCase: true } : {};
    if (grpcMethod) return { kind: "exact", value: `/${grpcService}/${grpcMethod}`, ...ignoreCase };
    return { kind: "prefix", value: `/${grpcService}/`, ...ignoreCase };
  }
  const part = (text: string | undefined): string =>
    !text ? "[^/]+" : type === "REGULAR_EXPRESSION" ? `(?:${text})` : text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
  return { kind: "regex", value: `${caseSensitive === false ? "(?i)" : ""}/${part(grpcService)}/${part(grpcMethod)}` };
}

function headerOf({ type, key, value }: NonNullable<GrpcMatch["headers"]>[number]): HeaderMatch {
  const kind = type === "REGULAR_EXPRESSION" ? "regex" : "exact";
  return { name: (key ?? "").toLowerCase(), test: { kind, value: value ?? "" } };
}

function milliseconds(duration: string | undefined): number | undefined {
  return duration === undefined ? undefined : durationTextToMs(duration);
}
