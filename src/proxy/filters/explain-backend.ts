import type { Cluster, Endpoint, EndpointGroup, EndpointHealth } from "#ir/cluster.ts";

/** A backend service for people: its policies, and its endpoints as far as they are known. */

/** What a proxy reported of a backend service. */
export interface Observation {
  /** Endpoints that its outlier detection has ejected, as `GROUP/INSTANCE`. */
  readonly ejected: readonly string[];
  /** Attempts under way, and how many may be; `limit` is absent where there is none. */
  readonly active: number;
  readonly limit?: number;
  /** Attempts that circuit breakers or the adaptive limit refused, since the proxy started. */
  readonly overflows: number;
  /** Attempts sent to each group, by its key, since the proxy started. */
  readonly requests?: Readonly<Record<string, number>>;
  /** Those of them that ended without an answer, or with a status of 500 and above. */
  readonly failures?: Readonly<Record<string, number>>;
}

/** The same with who reported it. */
export interface ProxyObservation extends Observation {
  /** Empty for one that does not tell. */
  readonly proxy: string;
}

interface ExplainedEndpoint {
  readonly instance: string;
  readonly group: string;
  readonly address: string;
  readonly port: number;
  readonly zone: string;
  readonly health: EndpointHealth;
  /** Of its share, where it gets only a part of it. */
  readonly weight?: number;
  /** Ejected by outlier detection of a proxy at least. */
  readonly ejected?: true;
  /** Those proxies, where there are several to tell apart. */
  readonly ejectedBy?: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
}

type Balancing = Pick<
  Cluster,
  | "policy"
  | "affinity"
  | "circuitBreakers"
  | "outlierDetection"
  | "locality"
  | "panicPercent"
  | "slowStart"
  | "subset"
  | "subsetSize"
  | "adaptiveConcurrency"
  | "degradedResponse"
>;

export interface ExplainedBackend {
  /** As in the IR; what is absent there is absent here, except the policy. */
  readonly balancing?: Balancing;
  readonly endpoints?: readonly ExplainedEndpoint[];
  /** How many more there are than are listed. */
  readonly endpointsOmitted?: number;
  /** The circuits as the proxies last reported them, one for each: `open` while it refuses. */
  readonly circuits?: readonly ExplainedCircuit[];
}

type ExplainedCircuit = { readonly proxy?: string; readonly state: "open" | "closed" } & Omit<
  Observation,
  "ejected" | "requests" | "failures"
>;

/** A person reads no longer list, and an answer has an end. */
const longestList = 200;

const balancingFields = [
  "affinity",
  "circuitBreakers",
  "outlierDetection",
  "locality",
  "panicPercent",
  "slowStart",
  "subset",
  "subsetSize",
  "adaptiveConcurrency",
  "degradedResponse",
] as const;

export function explainBackend(cluster: Cluster, observed: readonly ProxyObservation[]): ExplainedBackend {
  const ejected = observed.map((one) => ({ proxy: one.proxy, keys: new Set(one.ejected) }));
  const endpoints = cluster.groups.flatMap((group) => group.endpoints.map((endpoint) => explainEndpoint(group, endpoint, ejected)));
  return {
    balancing: balancingOf(cluster),
    endpoints: endpoints.slice(0, longestList),
    ...(endpoints.length > longestList && { endpointsOmitted: endpoints.length - longestList }),
    ...(observed.length > 0 && { circuits: observed.map(circuitOf) }),
  };
}

function balancingOf(cluster: Cluster): Balancing {
  const set = balancingFields.flatMap((field) => (cluster[field] === undefined ? [] : [[field, cluster[field]] as const]));
  return { policy: cluster.policy ?? { kind: "ROUND_ROBIN" }, ...Object.fromEntries(set) };
}

interface Ejections {
  readonly proxy: string;
  readonly keys: ReadonlySet<string>;
}

function explainEndpoint({ group }: EndpointGroup, endpoint: Endpoint, ejections: readonly Ejections[]): ExplainedEndpoint {
  const { instance, address, port, zone, health, labels, weight } = endpoint;
  const by = ejections.filter(({ keys }) => keys.has(`${group}/${instance}`)).map(({ proxy }) => proxy);
  return {
    instance,
    group,
    address,
    port,
    zone,
    health,
    ...(weight !== undefined && { weight }),
    ...(by.length > 0 && { ejected: true }),
    ...(by.length > 0 && ejections.length > 1 && { ejectedBy: by }),
    ...(labels && { labels }),
  };
}

function circuitOf({ proxy, active, limit, overflows }: ProxyObservation): ExplainedCircuit {
  const isOpen = limit !== undefined && active >= limit;
  return {
    ...(proxy !== "" && { proxy }),
    state: isOpen ? "open" : "closed",
    active,
    ...(limit !== undefined && { limit }),
    overflows,
  };
}
