import type { HeaderMutation } from "./route.ts";

/** HEALTHY takes traffic; the other states do not. UNKNOWN: not probed yet. */
export type EndpointHealth = "HEALTHY" | "UNHEALTHY" | "DRAINING" | "UNKNOWN";

export interface Endpoint {
  /** Short instance name; `group/name` is unique in the project. */
  readonly instance: string;
  /** IP address or host name. */
  readonly address: string;
  readonly port: number;
  readonly zone: string;
  readonly health: EndpointHealth;
  /** Labels of the instance, for subsets. */
  readonly labels?: Readonly<Record<string, string>>;
  /** When it became healthy, ms since the epoch, for slow start. */
  readonly healthySinceMs?: number;
  /** What it gets of the share that it would have among its equals, above 0, at most 1; absent: 1. */
  readonly weight?: number;
}

/** One backend of a backend service. */
export interface EndpointGroup {
  /** `zones/z/instanceGroups/g` or `zones/z/networkEndpointGroups/n`. */
  readonly group: string;
  /** Google's `capacityScaler`, 0 or 0.1 to 1: multiplies the group's share; 0 takes it out. */
  readonly capacityScaler: number;
  readonly endpoints: readonly Endpoint[];
  /** Google's `preference`: PREFERRED groups are filled before the others. */
  readonly preferred?: boolean;
  /** Name of the secret that requests to these endpoints are signed with, for the inbound listeners of their agents; absent: they are not. */
  readonly inboundKey?: string;
  /** What the group can take, before the scaler; absent: as much as it has healthy endpoints. */
  readonly capacity?: GroupCapacity;
}

/** Google's `balancingMode` with its target; values are of the whole group or of each endpoint. */
export interface GroupCapacity {
  readonly mode: "RATE" | "CONNECTION" | "IN_FLIGHT" | "UTILIZATION";
  readonly max: number;
  readonly perEndpoint: boolean;
}

/** Google's `localityLbPolicy`, and policies that only Wayside has. */
export type BalancingPolicy =
  | { readonly kind: "ROUND_ROBIN" | "RANDOM" | "PEAK_EWMA" }
  /** `metrics`: what of the reported load counts, the greatest of them; absent: the application's own utilization, else its CPU. */
  | { readonly kind: "WEIGHTED_ROUND_ROBIN"; readonly metrics?: readonly string[] }
  /** `choices` endpoints are drawn, the least busy of them is taken. */
  | { readonly kind: "LEAST_REQUEST"; readonly choices: number }
  | { readonly kind: "RING_HASH"; readonly minimumRingSize: number }
  | { readonly kind: "MAGLEV"; readonly tableSize: number };

/** What requests of one caller have in common, so that they go to one endpoint. */
export type Affinity =
  | { readonly kind: "CLIENT_IP" }
  | { readonly kind: "HEADER_FIELD"; readonly header: string }
  /** The proxy makes the cookie when the caller has none (GENERATED_COOKIE: `GCILB`); absent `ttlSec`: a session cookie. */
  | { readonly kind: "COOKIE"; readonly name: string; readonly path?: string; readonly ttlSec?: number; readonly generate: boolean }
  /** The cookie names the endpoint itself, which is used while it is healthy (STRONG_COOKIE_AFFINITY; HttpRoute: `GSSA`). */
  | { readonly kind: "STRONG_COOKIE"; readonly name: string; readonly path?: string; readonly ttlSec?: number };

/** Google's `circuitBreakers`; absent: no limit, except `maxRetries`, which is a budget then. */
export interface CircuitBreakers {
  readonly maxConnections?: number;
  readonly maxPendingRequests?: number;
  readonly maxRequests?: number;
  readonly maxRequestsPerEndpoint?: number;
  readonly maxRetries?: number;
}

/** Google's `outlierDetection` with its defaults filled in. Percentages 0 to 100; a detector whose enforcement is 0 ejects nobody. */
export interface OutlierDetection {
  readonly intervalMs: number;
  readonly baseEjectionMs: number;
  readonly maxEjectionMs: number;
  readonly maxEjectionPercent: number;
  readonly consecutiveErrors: number;
  readonly enforcingConsecutiveErrors: number;
  readonly consecutiveGatewayFailure: number;
  readonly enforcingConsecutiveGatewayFailure: number;
  readonly enforcingSuccessRate: number;
  readonly successRateMinimumHosts: number;
  readonly successRateRequestVolume: number;
  /** Thousandths of the standard deviation. */
  readonly successRateStdevFactor: number;
}

/** How requests spread over places, and when they go elsewhere. */
export interface Locality {
  readonly algorithm: "WATERFALL_BY_REGION" | "WATERFALL_BY_ZONE" | "SPRAY_TO_REGION" | "SPRAY_TO_WORLD";
  /** Where this proxy counts itself: a zone; absent: nowhere, and all places are equal. */
  readonly zone?: string;
  /** Percent of healthy endpoints below which a place hands requests on (Google's `failoverHealthThreshold`, 70). */
  readonly failoverHealthThreshold: number;
  /** A group is taken out when fewer than a quarter of its endpoints are healthy; never more than half of the groups. */
  readonly autoCapacityDrain: boolean;
  /** STRICT: no region but the proxy's own is used; NEAREST: none but the nearest that has endpoints (Google's `isolationConfig`). */
  readonly isolation?: "NEAREST" | "STRICT";
}

/** Subset selection by instance labels (Envoy's and MOSN's `lb_subset_config`). */
export interface Subset {
  /** Header of the request that names the wanted value of each label, lower case. */
  readonly selectors: readonly { readonly label: string; readonly header: string }[];
  readonly fallback: "NONE" | "ANY" | "DEFAULT";
  /** Labels of the default subset. */
  readonly defaultLabels?: Readonly<Record<string, string>>;
}

/** How requests get to an instance: the name of one Fetcher that the proxy's host offers. */
export type Transport = "vpc-network" | "vpc-service" | "public" | "tunnel";

/** Why the mesh answers in place of a backend service; words of the proxy's reasons. */
export const degradedReasons = [
  "overflow",
  "no_healthy_endpoints",
  "upstream_connect_failure",
  "upstream_reset",
  "upstream_timeout",
] as const;

/** What callers get in place of the mesh's own answer for one of these reasons; what is absent is as in that answer. */
export interface DegradedResponse {
  readonly reasons: readonly (typeof degradedReasons)[number][];
  readonly status?: number;
  readonly body?: string;
  readonly contentType?: string;
}

/** What a backend service compiles to. */
export interface Cluster {
  /** Short name of the backend service. */
  readonly name: string;
  readonly scheme: "http" | "https";
  readonly transport: Transport;
  readonly groups: readonly EndpointGroup[];
  readonly requestHeaders: HeaderMutation;
  readonly responseHeaders: HeaderMutation;
  /** Default ROUND_ROBIN. */
  readonly policy?: BalancingPolicy;
  readonly affinity?: Affinity;
  readonly circuitBreakers?: CircuitBreakers;
  readonly outlierDetection?: OutlierDetection;
  readonly locality?: Locality;
  /** Below this percentage of healthy endpoints health is disregarded (Envoy's panic threshold); default 50, 0 turns it off. */
  readonly panicPercent?: number;
  readonly slowStart?: { readonly windowMs: number; readonly aggression: number; readonly minWeightPercent: number };
  readonly subset?: Subset;
  /** Consistent subsetting: each proxy uses about this many healthy endpoints only. */
  readonly subsetSize?: number;
  /** Requests in flight are limited by a gradient over latency. */
  readonly adaptiveConcurrency?: { readonly minConcurrency: number; readonly maxConcurrency: number };
  readonly degradedResponse?: DegradedResponse;
}
