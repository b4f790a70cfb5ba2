import type { JsonObject } from "#base/json.ts";
import { degradedReasons, type GroupCapacity, type Locality } from "./cluster.ts";
import { isFieldName, isFieldValue } from "./field.ts";
import type { Inspector } from "./inspector.ts";

/** The part of the verification that concerns what keeps a service up: circuits, outliers, places, capacities, rate limits. */

const percent = [0, 100] as const;
const count = [0, Number.MAX_SAFE_INTEGER] as const;
const atLeastOne = [1, Number.MAX_SAFE_INTEGER] as const;
const algorithms: readonly Locality["algorithm"][] = ["WATERFALL_BY_REGION", "WATERFALL_BY_ZONE", "SPRAY_TO_REGION", "SPRAY_TO_WORLD"];
const isolations: readonly NonNullable<Locality["isolation"]>[] = ["NEAREST", "STRICT"];
const modes: readonly GroupCapacity["mode"][] = ["RATE", "CONNECTION", "IN_FLIGHT", "UTILIZATION"];

/** Checks those fields of a cluster. */
export function verifyResilience(inspector: Inspector, cluster: JsonObject): void {
  inspector.optionalObject(cluster, "circuitBreakers", (breakers) => {
    for (const name of ["maxConnections", "maxRequests", "maxRequestsPerEndpoint"])
      optionalInteger(inspector, breakers, [name, atLeastOne]);
    for (const name of ["maxPendingRequests", "maxRetries"]) optionalInteger(inspector, breakers, [name, count]);
  });
  inspector.optionalObject(cluster, "outlierDetection", (detection) => verifyOutlierDetection(inspector, detection));
  inspector.optionalObject(cluster, "locality", (locality) => {
    inspector.oneOf(locality, "algorithm", algorithms);
    if (locality["zone"] !== undefined) inspector.name(locality, "zone");
    inspector.number(locality, "failoverHealthThreshold", [1, 100]);
    inspector.boolean(locality, "autoCapacityDrain");
    if (locality["isolation"] !== undefined) inspector.oneOf(locality, "isolation", isolations);
  });
  if (cluster["panicPercent"] !== undefined) inspector.number(cluster, "panicPercent", percent);
  inspector.optionalObject(cluster, "adaptiveConcurrency", (adaptive) => {
    const least = inspector.integer(adaptive, "minConcurrency", atLeastOne);
    inspector.integer(adaptive, "maxConcurrency", [least, Number.MAX_SAFE_INTEGER]);
  });
  inspector.optionalObject(cluster, "degradedResponse", (degraded) => {
    inspector.strings(degraded, "reasons", (reason) => degradedReasons.some((known) => known === reason));
    optionalInteger(inspector, degraded, ["status", [200, 599]]);
    if (degraded["body"] !== undefined) inspector.string(degraded, "body");
    if (degraded["contentType"] !== undefined && !isFieldValue(inspector.string(degraded, "contentType")))
      inspector.fail("contentType", "not the value of a header");
  });
}

/** Checks those fields of a group. */
export function verifyCapacity(inspector: Inspector, group: JsonObject): void {
  inspector.optionalBoolean(group, "preferred");
  inspector.optionalObject(group, "capacity", (capacity) => {
    inspector.oneOf(capacity, "mode", modes);
    inspector.number(capacity, "max", [Number.MIN_VALUE, Number.MAX_SAFE_INTEGER]);
    inspector.boolean(capacity, "perEndpoint");
  });
}

/** Checks `rateLimits` of a rule. */
export function verifyRateLimits(inspector: Inspector, rule: JsonObject): void {
  if (rule["rateLimits"] === undefined) return;
  inspector.objects(rule, "rateLimits", (limit) => {
    inspector.number(limit, "perSecond", [Number.MIN_VALUE, Number.MAX_SAFE_INTEGER]);
    inspector.number(limit, "burst", atLeastOne);
    if (limit["header"] !== undefined) {
      const header = inspector.string(limit, "header");
      if (!isFieldName(header) || header !== header.toLowerCase()) inspector.fail("header", "not a header name in lower case");
    }
    inspector.optionalObject(limit, "mesh", (mesh) => {
      inspector.name(mesh, "key");
      inspector.integer(mesh, "requests", [1, 100_000]);
      inspector.integer(mesh, "periodSec", [10, 60]);
      if (mesh["periodSec"] !== 10 && mesh["periodSec"] !== 60) inspector.fail("periodSec", "neither 10 nor 60");
    });
    optionalInteger(inspector, limit, ["status", [400, 599]]);
    if (limit["body"] !== undefined) inspector.string(limit, "body");
  });
}

function verifyOutlierDetection(inspector: Inspector, detection: JsonObject): void {
  for (const name of ["intervalMs", "baseEjectionMs", "maxEjectionMs"]) inspector.number(detection, name, atLeastOne);
  for (const name of ["maxEjectionPercent", "enforcingConsecutiveErrors", "enforcingConsecutiveGatewayFailure", "enforcingSuccessRate"])
    inspector.number(detection, name, percent);
  for (const name of ["consecutiveErrors", "consecutiveGatewayFailure", "successRateMinimumHosts", "successRateRequestVolume"])
    inspector.integer(detection, name, count);
  inspector.number(detection, "successRateStdevFactor", count);
}

function optionalInteger(inspector: Inspector, parent: JsonObject, [name, bounds]: readonly [string, readonly [number, number]]): void {
  if (parent[name] !== undefined) inspector.integer(parent, name, bounds);
}
