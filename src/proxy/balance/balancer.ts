import type { Cluster, Endpoint } from "#ir/cluster.ts";

/** An endpoint as requests are sent to it. */
export interface Target {
  readonly endpoint: Endpoint;
  /** Tells endpoints apart across configurations: group, instance, address and port. */
  readonly key: string;
  /** `host:port` of a URL; IPv6 addresses in brackets. */
  readonly authority: string;
}

/** Chooses the endpoint of each request among the healthy ones of one backend service. Knows nothing of requests in flight elsewhere. */
export interface Balancer {
  /**
   * The endpoint for the next attempt: one whose key is not in `tried` where there is such a one, else any. Undefined when none is healthy.
   */
  pick(tried: ReadonlySet<string>): Target | undefined;
  /** The balancer of the same backend service in a newer configuration, going on from the state of this one. */
  next(cluster: Cluster): Balancer;
}

export function targetOf(group: string, endpoint: Endpoint): Target {
  const { instance, address, port } = endpoint;
  const authority = address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
  return { endpoint, key: `${group}/${instance}@${authority}`, authority };
}
