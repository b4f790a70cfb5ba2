import { xxHash64 } from "#base/xxhash.ts";
import type { Endpoint, EndpointGroup } from "#ir/cluster.ts";

/**
 * Consistent subsetting: each proxy uses a part of the endpoints only, so that many proxies do not each keep connections to all. Who uses
 * whom goes by rendezvous hashing: when endpoints come and go, a proxy changes those alone.
 */

/**
 * The groups with about `size` healthy endpoints together, each group in proportion to its own and none without, as the proxy `proxyId` sees
 * them. Unhealthy ones stay in proportion too, or a part would look healthier than the whole.
 */
export function subsetGroups(groups: readonly EndpointGroup[], size: number, proxyId: string): readonly EndpointGroup[] {
  const healthy = groups.map(({ endpoints }) => endpoints.filter(({ health }) => health === "HEALTHY").length);
  const total = healthy.reduce((sum, count) => sum + count, 0);
  if (total <= size) return groups;
  return groups.map((group, index) => {
    const wanted = Math.ceil((size * (healthy[index] ?? 0)) / total);
    return { ...group, endpoints: firstHealthy(ranked(group, proxyId), wanted) };
  });
}

function ranked({ group, endpoints }: EndpointGroup, proxyId: string): Endpoint[] {
  const rank = ({ instance, address, port }: Endpoint): bigint => xxHash64(`${proxyId}|${group}/${instance}@${address}:${port}`);
  const ranks = endpoints.map((endpoint) => ({ endpoint, rank: rank(endpoint) }));
  return ranks.toSorted((a, b) => (a.rank < b.rank ? -1 : a.rank > b.rank ? 1 : 0)).map(({ endpoint }) => endpoint);
}

/** Up to and with the `wanted`th healthy one; all where none is wanted because none is healthy. */
function firstHealthy(endpoints: readonly Endpoint[], wanted: number): readonly Endpoint[] {
  if (wanted === 0) return endpoints;
  let left = wanted;
  const end = endpoints.findIndex(({ health }) => health === "HEALTHY" && --left === 0);
  return end === -1 ? endpoints : endpoints.slice(0, end + 1);
}
