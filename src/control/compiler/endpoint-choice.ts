/** Which endpoint a request goes to: balancing policy, affinity, subsets, slow start. Defaults are Google's, filled in here. */
import { secondsNanosToMs, type SecondsNanos } from "#base/duration.ts";
import type { Affinity, BalancingPolicy, Cluster, Subset } from "#ir/cluster.ts";
import type { BackendService } from "#model/compute/backend-services.ts";
import type { TrafficPolicy } from "#model/wayside/traffic-policies.ts";
import type { Context } from "./context.ts";

interface Sources {
  /** `backendServices/x`, for warnings. */
  readonly where: string;
  readonly service: BackendService;
  readonly policy: TrafficPolicy;
}

type Choice = Pick<Cluster, "policy" | "affinity" | "slowStart" | "subset" | "subsetSize">;

export function choiceOf(context: Context, sources: Sources): Choice {
  const { service, policy: traffic } = sources;
  const affinity = affinityOf(context, sources);
  const policy = traffic.policy ? ownPolicy(traffic.policy) : googlePolicy(context, sources, affinity);
  const isHeeded = !affinity || affinity.kind === "STRONG_COOKIE" || policy?.kind === "RING_HASH" || policy?.kind === "MAGLEV";
  if (!isHeeded) {
    const why = "needs localityLbPolicy MAGLEV or RING_HASH; it has no effect on traffic";
    context.warnings.add(`${sources.where}.sessionAffinity ${service.sessionAffinity} ${why}`);
  }
  const subset = subsetOf(traffic.subset);
  const subsetSize = subsetSizeOf(service, traffic);
  return {
    ...(policy && { policy }),
    ...(affinity && isHeeded && { affinity }),
    ...(traffic.slowStart && { slowStart: slowStartOf(traffic.slowStart) }),
    ...(subset && { subset }),
    ...(subsetSize !== undefined && { subsetSize }),
  };
}

/** Google and Envoy: two. */
const defaultChoices = 2;

function ownPolicy({ kind, choices }: NonNullable<TrafficPolicy["policy"]>): BalancingPolicy {
  return kind === "PEAK_EWMA" ? { kind } : { kind: "LEAST_REQUEST", choices: choices ?? defaultChoices };
}

/** A prime that is far above the number of endpoints; Envoy's default. */
const maglevTableSize = 65_537;

/** Undefined: round robin. */
function googlePolicy(context: Context, { where, service }: Sources, affinity: Affinity | undefined): BalancingPolicy | undefined {
  const hashing = affinity && affinity.kind !== "STRONG_COOKIE";
  const { localityLbPolicy = policyOfList(service) ?? (hashing ? "MAGLEV" : "ROUND_ROBIN"), consistentHash } = service;
  const instead = (other: string): void => {
    context.warnings.add(`${where}.localityLbPolicy ${localityLbPolicy} is not carried out; ${other} takes its place`);
  };
  switch (localityLbPolicy) {
    case "RANDOM":
      return { kind: "RANDOM" };
    case "LEAST_REQUEST":
      return { kind: "LEAST_REQUEST", choices: defaultChoices };
    case "RING_HASH":
      return { kind: "RING_HASH", minimumRingSize: ringSizeOf(context, where, consistentHash?.minimumRingSize) };
    case "MAGLEV":
      return { kind: "MAGLEV", tableSize: maglevTableSize };
    case "WEIGHTED_ROUND_ROBIN":
      return { kind: "WEIGHTED_ROUND_ROBIN", ...metricsOf(service) };
    case "WEIGHTED_MAGLEV":
    case "WEIGHTED_GCP_RENDEZVOUS":
      instead("MAGLEV");
      return { kind: "MAGLEV", tableSize: maglevTableSize };
    case "ROUND_ROBIN":
      return undefined;
    default:
      instead("ROUND_ROBIN");
      return undefined;
  }
}

/** Google: of a list of policies the first that the data plane knows. */
function policyOfList({ localityLbPolicies = [] }: BackendService): string | undefined {
  const names = localityLbPolicies.flatMap(({ policy }) => policy?.name ?? []);
  return names.find((name) => known.has(name));
}

const known: ReadonlySet<string> = new Set(["ROUND_ROBIN", "LEAST_REQUEST", "RING_HASH", "RANDOM", "MAGLEV", "WEIGHTED_ROUND_ROBIN"]);

/** Google's default, and the most that a proxy is asked to hold. */
const ringSize = { usual: 1024, most: 65_536 } as const;

function ringSizeOf(context: Context, where: string, given: string | undefined): number {
  const size = Number(given ?? 0) || ringSize.usual;
  if (size > ringSize.most)
    context.warnings.add(`${where}.consistentHash.minimumRingSize ${size} is more than ${ringSize.most}, which is used`);
  return Math.min(ringSize.most, Math.max(1, size));
}

/** `orca.cpu_utilization` names what the load report calls `cpu_utilization`; a dry run is not to decide anything. */
function metricsOf({ customMetrics = [] }: BackendService): { metrics?: string[] } {
  const names = customMetrics.flatMap(({ name, dryRun }) => (name === undefined || dryRun === true ? [] : name.replace(/^orca\./, "")));
  return names.length > 0 ? { metrics: names } : {};
}

/** Names that Google's proxies give their cookies. */
const cookieNames = { generated: "GCILB", stateful: "GSSA" } as const;

function affinityOf(context: Context, { where, service }: Sources): Affinity | undefined {
  const { sessionAffinity = "NONE", consistentHash, strongSessionAffinityCookie } = service;
  const lacking = (field: string): undefined => {
    context.warnings.add(`${where}.sessionAffinity ${sessionAffinity} needs ${field}; it has no effect on traffic`);
  };
  switch (sessionAffinity) {
    case "NONE":
      return undefined;
    case "CLIENT_IP":
      return { kind: "CLIENT_IP" };
    case "HEADER_FIELD": {
      const header = consistentHash?.httpHeaderName?.toLowerCase();
      return header ? { kind: "HEADER_FIELD", header } : lacking("consistentHash.httpHeaderName");
    }
    case "HTTP_COOKIE": {
      const { name, ...cookie } = consistentHash?.httpCookie ?? {};
      return name ? { kind: "COOKIE", name, ...cookieOf(cookie), generate: true } : lacking("consistentHash.httpCookie.name");
    }
    case "GENERATED_COOKIE":
      return { kind: "COOKIE", name: cookieNames.generated, ...ttlOf(service.affinityCookieTtlSec), generate: true };
    case "STRONG_COOKIE_AFFINITY": {
      const { name, ...cookie } = strongSessionAffinityCookie ?? {};
      return { kind: "STRONG_COOKIE", name: name || cookieNames.stateful, ...cookieOf(cookie) };
    }
    default:
      context.warnings.add(`${where}.sessionAffinity ${sessionAffinity} is not of HTTP; the caller's address alone decides`);
      return { kind: "CLIENT_IP" };
  }
}

/** The cookie of an HttpRoute's or GrpcRoute's `statefulSessionAffinity`; `ttlMs` undefined: until the browser is closed. */
export function stickyCookieOf(ttlMs: number | undefined): { name: string; ttlSec?: number } {
  return { name: cookieNames.stateful, ...ttlOf(ttlMs === undefined ? undefined : ttlMs / 1000) };
}

function cookieOf({ path, ttl }: { readonly path?: string; readonly ttl?: SecondsNanos }): { path?: string; ttlSec?: number } {
  return { ...(path ? { path } : {}), ...ttlOf(ttl === undefined ? undefined : secondsNanosToMs(ttl) / 1000) };
}

/** Whole seconds, rounded up; 0 is a session cookie. */
function ttlOf(seconds: number | undefined): { ttlSec?: number } {
  return seconds ? { ttlSec: Math.ceil(seconds) } : {};
}

/** Envoy's defaults. */
function slowStartOf({ windowMs, aggression, minWeightPercent }: NonNullable<TrafficPolicy["slowStart"]>) {
  return { windowMs: windowMs ?? 1, aggression: aggression ?? 1, minWeightPercent: minWeightPercent ?? 10 };
}

function subsetOf(given: TrafficPolicy["subset"]): Subset | undefined {
  const selectors = (given?.selectors ?? []).flatMap(({ label, header }) =>
    label === undefined || header === undefined ? [] : [{ label, header: header.toLowerCase() }],
  );
  if (selectors.length === 0) return undefined;
  const fallback = given?.fallback === "ANY" || given?.fallback === "DEFAULT" ? given.fallback : "NONE";
  return { selectors, fallback, ...(given?.defaultLabels && { defaultLabels: { ...given.defaultLabels } }) };
}

/** How many endpoints Google's own proxies keep to, where it is they who choose. */
const defaultSubsetSize = 250;

function subsetSizeOf({ subsetting }: BackendService, { subsetSize }: TrafficPolicy): number | undefined {
  return subsetSize ?? (subsetting?.policy === "CONSISTENT_HASH_SUBSETTING" ? defaultSubsetSize : undefined);
}
