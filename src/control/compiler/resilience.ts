/** What keeps a backend service up: circuit breakers, outlier detection, places and capacities. Defaults are Google's, filled in here. */
import { secondsNanosToMs, type SecondsNanos } from "#base/duration.ts";
import {
  type CircuitBreakers,
  type Cluster,
  degradedReasons,
  type DegradedResponse,
  type EndpointGroup,
  type GroupCapacity,
  type Locality,
  type OutlierDetection,
} from "#ir/cluster.ts";
import type { BackendService } from "#model/compute/backend-services.ts";
import { serviceLbPolicies, type ServiceLbPolicy } from "#model/networkservices/service-lb-policies.ts";
import type { TrafficPolicy } from "#model/wayside/traffic-policies.ts";
import { warnIgnored, type Context } from "./context.ts";
import { resolve } from "./references.ts";
import { read } from "./view.ts";

interface Sources {
  /** `backendServices/x`, for warnings. */
  readonly where: string;
  readonly service: BackendService;
  readonly policy: TrafficPolicy;
}

type Resilience = Pick<
  Cluster,
  "circuitBreakers" | "outlierDetection" | "locality" | "panicPercent" | "adaptiveConcurrency" | "degradedResponse"
>;

export function resilienceOf(context: Context, { where, service, policy }: Sources): Resilience {
  const breakers = circuitBreakers(context, { where, service, policy });
  const locality = localityOf(context, service, policy);
  const { panicPercent, adaptiveConcurrency, degradedResponse } = policy;
  return {
    ...(breakers && { circuitBreakers: breakers }),
    ...(service.outlierDetection && { outlierDetection: outlierDetection(service.outlierDetection) }),
    ...(locality && { locality }),
    ...(panicPercent !== undefined && { panicPercent }),
    ...(adaptiveConcurrency && { adaptiveConcurrency: adaptiveLimits(adaptiveConcurrency) }),
    ...(degradedResponse && { degradedResponse: degradedResponseOf(degradedResponse) }),
  };
}

/** 0 is what protobuf says for a limit that is not set. */
function circuitBreakers(context: Context, { where, service, policy }: Sources): CircuitBreakers | undefined {
  const given = service.circuitBreakers ?? {};
  warnIgnored(context, `${where}.circuitBreakers`, { object: given, fields: ["maxRequestsPerConnection"] });
  const { maxConnections, maxPendingRequests, maxRequests, maxRetries } = given;
  const all = { maxConnections, maxPendingRequests, maxRequests, maxRetries, maxRequestsPerEndpoint: policy.maxRequestsPerEndpoint };
  const set = Object.entries(all).filter(([, limit]) => limit !== undefined && limit > 0);
  return set.length > 0 ? Object.fromEntries(set) : undefined;
}

/** Google has no field for the longest ejection; this is Envoy's. */
const maxEjectionMs = 300_000;

function outlierDetection(given: NonNullable<BackendService["outlierDetection"]>): OutlierDetection {
  return {
    intervalMs: positive(given.interval, 1000),
    baseEjectionMs: positive(given.baseEjectionTime, 30_000),
    maxEjectionMs,
    maxEjectionPercent: given.maxEjectionPercent ?? 50,
    consecutiveErrors: given.consecutiveErrors ?? 5,
    enforcingConsecutiveErrors: given.enforcingConsecutiveErrors ?? 0,
    consecutiveGatewayFailure: given.consecutiveGatewayFailure ?? 3,
    enforcingConsecutiveGatewayFailure: given.enforcingConsecutiveGatewayFailure ?? 100,
    enforcingSuccessRate: given.enforcingSuccessRate ?? 100,
    successRateMinimumHosts: given.successRateMinimumHosts ?? 5,
    successRateRequestVolume: given.successRateRequestVolume ?? 100,
    successRateStdevFactor: given.successRateStdevFactor ?? 1900,
  };
}

function positive(duration: SecondsNanos | undefined, otherwise: number): number {
  const ms = duration === undefined ? 0 : secondsNanosToMs(duration);
  return ms > 0 ? Math.max(1, ms) : otherwise;
}

/** Google: 70, for all but proxyless gRPC. */
const failoverHealthThreshold = 70;

/** Undefined where nothing asks for it: then all places are equal. */
function localityOf(context: Context, { serviceLbPolicy }: BackendService, { zone }: TrafficPolicy): Locality | undefined {
  const key = resolve(context.view, serviceLbPolicy, ["serviceLbPolicies"]);
  const policy = read(context.view, serviceLbPolicies, key);
  if (!policy && zone === undefined) return undefined;
  const isolation = isolationOf(policy?.isolationConfig);
  return {
    algorithm: algorithmOf(policy?.loadBalancingAlgorithm),
    ...(zone !== undefined && { zone }),
    failoverHealthThreshold: policy?.failoverConfig?.failoverHealthThreshold || failoverHealthThreshold,
    autoCapacityDrain: policy?.autoCapacityDrain?.enable ?? false,
    ...(isolation && { isolation }),
  };
}

const algorithms: readonly Locality["algorithm"][] = ["WATERFALL_BY_REGION", "WATERFALL_BY_ZONE", "SPRAY_TO_REGION", "SPRAY_TO_WORLD"];

function algorithmOf(given: string | undefined): Locality["algorithm"] {
  return algorithms.find((each) => each === given) ?? "WATERFALL_BY_REGION";
}

/** Google: a granularity without a mode isolates as NEAREST does; a mode without a granularity isolates nothing. */
function isolationOf(given: ServiceLbPolicy["isolationConfig"]): Locality["isolation"] | undefined {
  if (given?.isolationGranularity !== "REGION") return undefined;
  return given.isolationMode === "STRICT" ? "STRICT" : "NEAREST";
}

const leastConcurrency = 1;
const mostConcurrency = 1000;

function adaptiveLimits({ minConcurrency, maxConcurrency }: NonNullable<TrafficPolicy["adaptiveConcurrency"]>) {
  const least = minConcurrency ?? Math.min(leastConcurrency, maxConcurrency ?? leastConcurrency);
  return { minConcurrency: least, maxConcurrency: maxConcurrency ?? Math.max(mostConcurrency, least) };
}

/** The circuit is open, or nobody is left to be asked: what is known before anything is sent. */
const degradedByDefault: readonly string[] = ["OVERFLOW", "NO_HEALTHY_ENDPOINTS"];

function degradedResponseOf({ on = degradedByDefault, ...rest }: NonNullable<TrafficPolicy["degradedResponse"]>): DegradedResponse {
  return { reasons: degradedReasons.filter((reason) => on.includes(reason.toUpperCase())), ...rest };
}

type Backend = NonNullable<BackendService["backends"]>[number];

/** What a backend says of its group: whether it comes first, and what it can take. */
export function shareOf(context: Context, where: string, backend: Backend): Pick<EndpointGroup, "preferred" | "capacity"> {
  if (backend.balancingMode === "CUSTOM_METRICS")
    context.warnings.add(`${where}: balancingMode CUSTOM_METRICS is stored; the group's share goes by its healthy instances`);
  const capacity = capacityOf(backend);
  return { ...(backend.preference === "PREFERRED" && { preferred: true }), ...(capacity && { capacity }) };
}

/** The target of the balancing mode; undefined where it is not set, or 0. One for each instance goes before one for the group. */
function capacityOf(backend: Backend): GroupCapacity | undefined {
  for (const { mode, each, whole } of targets) {
    if (backend.balancingMode !== mode) continue;
    for (const field of each) if (isSet(backend[field])) return { mode, max: backend[field], perEndpoint: true };
    if (isSet(backend[whole])) return { mode, max: backend[whole], perEndpoint: false };
  }
  return undefined;
}

const targets = [
  { mode: "RATE", each: ["maxRatePerInstance", "maxRatePerEndpoint"], whole: "maxRate" },
  { mode: "CONNECTION", each: ["maxConnectionsPerInstance", "maxConnectionsPerEndpoint"], whole: "maxConnections" },
  { mode: "IN_FLIGHT", each: ["maxInFlightRequestsPerInstance", "maxInFlightRequestsPerEndpoint"], whole: "maxInFlightRequests" },
  { mode: "UTILIZATION", each: [], whole: "maxUtilization" },
] as const;

function isSet(limit: number | undefined): limit is number {
  return limit !== undefined && limit > 0;
}
