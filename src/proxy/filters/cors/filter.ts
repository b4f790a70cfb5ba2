import type { HeaderMutation } from "#ir/route.ts";
import { allowsOrigin, type CompiledCors } from "#proxy/match/cors.ts";
import type { Exchange, Filter } from "../filter.ts";

/**
 * Google's `corsPolicy` as Envoy's CORS filter carries it out: a preflight from an allowed origin is answered here with 200; the answer to
 * any other request from an allowed origin, be it an error of the mesh, says so in its headers. For an origin that is not allowed nothing is done: browsers then keep
 * the answer from the page, and whether the application minds is its own affair.
 */
export const cors: Filter = {
  name: "cors",
  apply: (exchange) => {
    const policy = exchange.rule.cors;
    const origin = policy && exchange.request.headers.get("origin");
    if (!policy || typeof origin !== "string" || !allowsOrigin(policy, origin)) return undefined;
    if (!isPreflight(exchange)) {
      exchange.cors = actualHeaders(policy, origin);
      exchange.responseHeaders = [...exchange.responseHeaders, exchange.cors];
      return undefined;
    }
    const { ref: rule } = exchange.rule.rule;
    const responseHeaders = [...exchange.responseHeaders, preflightHeaders(policy, origin)];
    return { kind: "directResponse", rule, status: 200, body: new Uint8Array(), responseHeaders };
  },
};

/** Fetch standard, 3.2: CORS-preflight request. */
function isPreflight({ request }: Exchange): boolean {
  return request.method === "OPTIONS" && request.headers.get("access-control-request-method") !== null;
}

function preflightHeaders(policy: CompiledCors, origin: string): HeaderMutation {
  return mutation(policy, origin, [
    ["access-control-allow-methods", policy.allowMethods],
    ["access-control-allow-headers", policy.allowHeaders],
    ["access-control-max-age", policy.maxAge],
  ]);
}

function actualHeaders(policy: CompiledCors, origin: string): HeaderMutation {
  return mutation(policy, origin, [["access-control-expose-headers", policy.exposeHeaders]]);
}

/** The origin is named even where every one is allowed (Envoy): with credentials browsers take nothing else. So caches must tell them apart. */
function mutation(
  policy: CompiledCors,
  origin: string,
  more: readonly (readonly [name: string, value: string | undefined])[],
): HeaderMutation {
  const set: [string, string][] = [["access-control-allow-origin", origin]];
  if (policy.allowCredentials) set.push(["access-control-allow-credentials", "true"]);
  for (const [name, value] of more) if (value !== undefined) set.push([name, value]);
  return { remove: [], set, add: [["vary", "Origin"]] };
}
