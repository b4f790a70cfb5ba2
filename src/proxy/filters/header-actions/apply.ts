import type { Cluster } from "#ir/cluster.ts";
import { isFieldValue } from "#ir/field.ts";
import type { Destination, HeaderMutation, HeaderValue } from "#ir/route.ts";
import type { Decision } from "../decision.ts";

/** Carries out header mutations on the `Headers` that are sent on. */

/** Where the parts of header values come from that are not text. */
export interface HeaderSources {
  /** Plaintext of a secret; undefined when it is destroyed, missing or cannot be opened. */
  readonly secret: (name: string) => string | undefined;
  /** Value of one of `headerVariables` for this request; empty when it is not known. */
  readonly variable: (name: string) => string;
}

/** `secret_unavailable`: the headers are unfinished and must not be sent; the caller answers 503. */
export type HeaderOutcome = { readonly kind: "applied" } | { readonly kind: "secret_unavailable"; readonly secret: string };

/** Where a routed request goes. */
export interface Chosen {
  readonly decision: Extract<Decision, { kind: "route" }>;
  readonly destination: Destination;
  readonly cluster: Cluster;
}

const applied: HeaderOutcome = { kind: "applied" };

/**
 * Mutates the headers of a request: the destination's mutations first, then the rule's in their order (Google: weighted
 * backend service, route rule, path matcher, URL map), then the backend service's `customRequestHeaders`.
 */
export function applyRequestHeaders(headers: Headers, chosen: Chosen, sources: HeaderSources): HeaderOutcome {
  const { decision, destination, cluster } = chosen;
  return applyAll(headers, [...destination.requestHeaders, ...decision.requestHeaders, cluster.requestHeaders], sources);
}

/** Mutates the headers of an upstream's response, in the same order. */
export function applyResponseHeaders(headers: Headers, chosen: Chosen, sources: HeaderSources): HeaderOutcome {
  const { decision, destination, cluster } = chosen;
  return applyAll(headers, [...destination.responseHeaders, ...decision.responseHeaders, cluster.responseHeaders], sources);
}

/** Carries out mutations in order; used directly for answers of the mesh itself (redirect, direct response). */
export function applyAll(headers: Headers, mutations: readonly HeaderMutation[], sources: HeaderSources): HeaderOutcome {
  for (const mutation of mutations) {
    for (const name of mutation.remove) headers.delete(name);
    for (const [name, value] of mutation.set) {
      const text = resolve(value, sources);
      if (typeof text !== "string") return text;
      headers.set(name, text);
    }
    for (const [name, value] of mutation.add) {
      const text = resolve(value, sources);
      if (typeof text !== "string") return text;
      append(headers, name, text);
    }
  }
  return applied;
}

/** One field line, joined by a comma alone: the spelling that Gateway API's conformance suite expects of an added header. */
function append(headers: Headers, name: string, text: string): void {
  const present = headers.get(name);
  // Each cookie is a line of its own: they cannot be joined (RFC 9110, 5.3).
  if (present === null || name.toLowerCase() === "set-cookie") headers.append(name, text);
  else headers.set(name, `${present},${text}`);
}

function resolve(value: HeaderValue, sources: HeaderSources): string | HeaderOutcome {
  if (typeof value === "string") return value;
  let text = "";
  for (const part of value) {
    if (typeof part === "string") {
      text += part;
      continue;
    }
    if ("variable" in part) {
      text += fieldText(sources.variable(part.variable));
      continue;
    }
    // Files often end in a line feed, which is no part of the secret; any other control character would break the header.
    const secret = sources.secret(part.secret)?.replace(/[\r\n]+$/, "") ?? "";
    if (secret === "" || !isFieldValue(secret)) return { kind: "secret_unavailable", secret: part.secret };
    text += secret;
  }
  return text;
}

/** What a header can carry of a text that callers have a say in. */
function fieldText(value: string): string {
  return isFieldValue(value) ? value : value.replaceAll(/[^\t\x20-\x7e\x80-\xff]/g, "");
}
