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
}

interface ExplainedEndpoint {
  readonly instance: string;
  readonly group: string;
  readonly address: string;
  readonly port: number;
  readonly zone: string;
  readonly health: EndpointHealth;
  /** Ejected by outlier detection. */
  readonly ejected?: true;
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
>;

export interface ExplainedBackend {
  /** As in the IR; what is absent there is absent here, except the policy. */
  readonly balancing?: Balancing;
  readonly endpoints?: readonly ExplainedEndpoint[];
  /** How many more there are than are listed. */
  readonly endpointsOmitted?: number;
  /** The circuit as the proxy last reported it: `open` while it refuses. */
  readonly circuit?: { readonly state: "open" | "closed" } & Omit<Observation, "ejected">;
}

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
] as const;

export function explainBackend(cluster: Cluster, observed: Observation | undefined): ExplainedBackend {
  const ejected = new Set(observed?.ejected);
  const endpoints = cluster.groups.flatMap((group) => group.endpoints.map((endpoint) => explainEndpoint(group, endpoint, ejected)));
  return {
    balancing: balancingOf(cluster),
    endpoints: endpoints.slice(0, longestList),
    ...(endpoints.length > longestList && { endpointsOmitted: endpoints.length - longestList }),
    ...(observed && { circuit: circuitOf(observed) }),
  };
}

function balancingOf(cluster: Cluster): Balancing {
  const set = balancingFields.flatMap((field) => (cluster[field] === undefined ? [] : [[field, cluster[field]] as const]));
  return { policy: cluster.policy ?? { kind: "ROUND_ROBIN" }, ...Object.fromEntries(set) };
}

function explainEndpoint({ group }: EndpointGroup, endpoint: Endpoint, ejected: ReadonlySet<string>): ExplainedEndpoint {
  const { instance, address, port, zone, health, labels } = endpoint;
  const isEjected = ejected.has(`${group}/${instance}`);
  return { instance, group, address, port, zone, health, ...(isEjected && { ejected: true }), ...(labels && { labels }) };
}

function circuitOf({ active, limit, overflows }: Observation): NonNullable<ExplainedBackend["circuit"]> {
  const isOpen = limit !== undefined && active >= limit;
  return { state: isOpen ? "open" : "closed", active, ...(limit !== undefined && { limit }), overflows };
}
