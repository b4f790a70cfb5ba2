import type { Action } from "#ir/route.ts";
import { splitAuthority } from "#proxy/match/request.ts";
import type { Exchange, Filter } from "../filter.ts";
import { replaceCovered, rooted } from "../replace-path.ts";

type Redirect = Extract<Action, { kind: "redirect" }>;

/** Google's `urlRedirect` and `redirect`: ends the exchange with an absolute Location. */
export const redirect: Filter = {
  name: "redirect",
  apply: (exchange) => {
    const { action, rule } = exchange.rule;
    if (action.kind !== "redirect") return undefined;
    const { status } = action.redirect;
    const location = locationOf(exchange, action.redirect);
    const { cors, fault, rateLimits, responseHeaders } = exchange;
    const policies = { ...(fault && { fault }), ...(rateLimits && { rateLimits }), ...(cors && { cors }) };
    return { kind: "redirect", rule: rule.ref, status, location, responseHeaders, ...policies };
  },
};

const defaultPorts = { http: "80", https: "443" } as const;

function locationOf(exchange: Exchange, action: Redirect): string {
  const scheme = action.https === true ? "https" : exchange.request.scheme;
  return headerSafe(`${scheme}://${authorityOf(exchange, action, scheme)}${targetOf(exchange, action)}`);
}

/**
 * Envoy's rules: the caller's port goes with the caller's host, a host of the redirect brings its own, a port of the
 * redirect wins, and the old scheme's default port does not survive a change of scheme. Default ports are not written.
 */
function authorityOf(exchange: Exchange, action: Redirect, scheme: "http" | "https"): string {
  const { host, port } = splitAuthority(action.host ?? exchange.request.authority);
  const before = exchange.request.scheme;
  const leftBehind = action.host === undefined && scheme !== before && port === defaultPorts[before];
  const wanted = action.port === undefined ? (leftBehind ? "" : port) : String(action.port);
  return wanted === "" || wanted === defaultPorts[scheme] ? host : `${host}:${wanted}`;
}

function targetOf(exchange: Exchange, action: Redirect): string {
  const { path, search } = exchange.subject;
  const query = action.stripQuery === true ? "" : search;
  if (action.prefix !== undefined) return replaceCovered(exchange, action.prefix) + query;
  if (action.path === undefined) return rooted(path) + query;
  // Envoy: a query in the redirect's path takes the place of the caller's.
  return rooted(action.path) + (action.path.includes("?") ? "" : query);
}

/** Percent-encodes what a header cannot carry: both configuration and caller had a say in the text. */
function headerSafe(location: string): string {
  return location.toWellFormed().replaceAll(/[^\x21-\x7e]/gu, encodeURIComponent);
}
