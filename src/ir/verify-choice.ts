import type { JsonObject } from "#base/json.ts";
import type { Affinity, BalancingPolicy, Subset } from "./cluster.ts";
import { isFieldName } from "./field.ts";
import type { Inspector } from "./inspector.ts";

/** The part of the verification that concerns which endpoint a request goes to: policies, affinity, subsets, slow start. */

const policies: Readonly<Record<BalancingPolicy["kind"], (inspector: Inspector, policy: JsonObject) => void>> = {
  ROUND_ROBIN: () => undefined,
  RANDOM: () => undefined,
  PEAK_EWMA: () => undefined,
  WEIGHTED_ROUND_ROBIN: (inspector, policy) => {
    if (policy["metrics"] !== undefined) inspector.strings(policy, "metrics", (name) => name.length > 0);
  },
  LEAST_REQUEST: (inspector, policy) => inspector.integer(policy, "choices", [1, 100]),
  // Tables are made in the proxy, at once and in memory.
  RING_HASH: (inspector, policy) => inspector.integer(policy, "minimumRingSize", [1, 65_536]),
  MAGLEV: (inspector, policy) => {
    const size = inspector.integer(policy, "tableSize", [2, 5_000_011]);
    if (!isPrime(size)) inspector.fail("tableSize", "not a prime, with which alone the table can be filled");
  },
};

const affinities: Readonly<Record<Affinity["kind"], (inspector: Inspector, affinity: JsonObject) => void>> = {
  CLIENT_IP: () => undefined,
  HEADER_FIELD: (inspector, affinity) => verifyHeader(inspector, affinity),
  COOKIE: (inspector, affinity) => {
    verifyCookie(inspector, affinity);
    inspector.boolean(affinity, "generate");
  },
  STRONG_COOKIE: verifyCookie,
};

/** Tables of hashes give each endpoint a place: what weighs less would make them endless. */
const leastWeight = 0.001;

const fallbacks: readonly Subset["fallback"][] = ["NONE", "ANY", "DEFAULT"];

/** Checks those fields of a cluster. */
export function verifyChoice(inspector: Inspector, cluster: JsonObject): void {
  inspector.optionalObject(cluster, "policy", (policy) => {
    policies[inspector.oneOf(policy, "kind", Object.keys(policies) as BalancingPolicy["kind"][])](inspector, policy);
  });
  inspector.optionalObject(cluster, "affinity", (affinity) => {
    affinities[inspector.oneOf(affinity, "kind", Object.keys(affinities) as Affinity["kind"][])](inspector, affinity);
  });
  inspector.optionalObject(cluster, "slowStart", (slowStart) => {
    inspector.number(slowStart, "windowMs", [1, Number.MAX_SAFE_INTEGER]);
    inspector.number(slowStart, "aggression", [0.01, 100]);
    inspector.number(slowStart, "minWeightPercent", [0, 100]);
  });
  inspector.optionalObject(cluster, "subset", (subset) => {
    if (inspector.list(subset, "selectors").length > 8) inspector.fail("selectors", "more than 8 labels");
    inspector.objects(subset, "selectors", (selector) => {
      inspector.name(selector, "label");
      verifyHeader(inspector, selector);
    });
    inspector.oneOf(subset, "fallback", fallbacks);
    inspector.optionalObject(subset, "defaultLabels", (labels) => verifyLabels(inspector, labels));
  });
  if (cluster["subsetSize"] !== undefined) inspector.integer(cluster, "subsetSize", [1, Number.MAX_SAFE_INTEGER]);
}

/** Checks those fields of an endpoint. */
export function verifyEndpointFacts(inspector: Inspector, endpoint: JsonObject): void {
  inspector.optionalObject(endpoint, "labels", (labels) => verifyLabels(inspector, labels));
  if (endpoint["healthySinceMs"] !== undefined) inspector.number(endpoint, "healthySinceMs", [0, Number.MAX_SAFE_INTEGER]);
  if (endpoint["weight"] !== undefined) inspector.number(endpoint, "weight", [leastWeight, 1]);
}

/** Checks `stickyCookie` of a route. */
export function verifyStickyCookie(inspector: Inspector, action: JsonObject): void {
  inspector.optionalObject(action, "stickyCookie", (cookie) => verifyCookie(inspector, cookie));
}

/** Name and path stand in a `Set-Cookie` header. */
function verifyCookie(inspector: Inspector, cookie: JsonObject): void {
  if (!isFieldName(inspector.string(cookie, "name"))) inspector.fail("name", "not a cookie's name (RFC 6265 4.1.1)");
  if (cookie["path"] !== undefined) inspector.text(cookie, "path", /^[\x20-\x3a\x3c-\x7e]*$/);
  if (cookie["ttlSec"] !== undefined) inspector.integer(cookie, "ttlSec", [0, Number.MAX_SAFE_INTEGER]);
}

function verifyHeader(inspector: Inspector, parent: JsonObject): void {
  const header = inspector.string(parent, "header");
  if (!isFieldName(header) || header !== header.toLowerCase()) inspector.fail("header", "not a header name in lower case");
}

function verifyLabels(inspector: Inspector, labels: JsonObject): void {
  for (const label of Object.keys(labels)) inspector.string(labels, label);
}

function isPrime(value: number): boolean {
  for (let divisor = 2; divisor * divisor <= value; divisor++) if (value % divisor === 0) return false;
  return value > 1;
}
