import type { Cluster } from "#ir/cluster.ts";

/** Names of the secrets that requests to the cluster are signed with; undefined: they are not signed. */
export function inboundKeysOf({ groups }: Cluster): readonly string[] | undefined {
  const names = new Set(groups.flatMap(({ inboundKey }) => (inboundKey === undefined ? [] : [inboundKey])));
  return names.size === 0 ? undefined : [...names];
}
