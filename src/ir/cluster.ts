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
}

/** One backend of a backend service. */
export interface EndpointGroup {
  /** `zones/z/instanceGroups/g` or `zones/z/networkEndpointGroups/n`. */
  readonly group: string;
  /** Google's `capacityScaler`, 0 or 0.1 to 1: multiplies the group's share; 0 takes it out. */
  readonly capacityScaler: number;
  readonly endpoints: readonly Endpoint[];
}

/** How requests get to an instance: the name of one Fetcher that the proxy's host offers. */
export type Transport = "vpc-network" | "vpc-service" | "public" | "tunnel";

/** What a backend service compiles to. */
export interface Cluster {
  /** Short name of the backend service. */
  readonly name: string;
  readonly scheme: "http" | "https";
  readonly transport: Transport;
  readonly groups: readonly EndpointGroup[];
  readonly requestHeaders: HeaderMutation;
  readonly responseHeaders: HeaderMutation;
}
