import type { Clock } from "#base/clock.ts";
import type { Random } from "#base/random.ts";
import type { Cluster, Endpoint, EndpointGroup } from "#ir/cluster.ts";
import { isTunnelHost } from "#tunnel/address.ts";
import type { StatsBook, TargetStats } from "./stats.ts";

/** The seam between who may be chosen (tiers, outliers, circuits: the cluster's state) and who is chosen (the policies). */

/** An endpoint as requests are sent to it. */
export interface Target {
  readonly endpoint: Endpoint;
  /** Key of its group. */
  readonly group: string;
  /** Tells endpoints apart across configurations: group, instance, address and port. */
  readonly key: string;
  /** `host:port` of a URL; IPv6 addresses in brackets. */
  readonly authority: string;
  /** `EndpointGroup.inboundKey`. */
  readonly inboundKey?: string;
  /** Whether it is reached through its agent's tunnel, whatever the transport of its cluster. */
  readonly isTunneled: boolean;
  /** What this proxy has seen of it: the same object in every configuration. */
  readonly stats: TargetStats;
}

/** A target with its share of its tier: `capacityScaler`, times what its group's capacity makes of it. Above 0. */
export interface WeightedTarget {
  readonly target: Target;
  readonly weight: number;
}

/** What of a request matters for the choice; the same for all its attempts. Made by `preference.ts`. */
export interface Preference {
  /** XXH64 of what the affinity goes by; absent: nothing, and hashing policies throw dice. */
  readonly hash?: bigint;
  /** Value of the cookie that names an endpoint (`stickyId`), which is used while it is healthy and available. */
  readonly sticky?: string;
  /**
   * The part of the cluster that the request may use, chosen by labels; absent: all of it. The same list for the same choice, so that tiers
   * may be kept by it (a `WeakMap`).
   */
  readonly groups?: readonly EndpointGroup[];
}

/** What upstream asks the cluster's state for. */
export interface PickRequest extends Preference {
  /** Keys of the targets that this request's attempts went to. */
  readonly tried: ReadonlySet<string>;
}

/** What the cluster's state asks a tier's balancer for. */
export interface PickContext {
  readonly tried: ReadonlySet<string>;
  readonly hash?: bigint;
  /** Neither ejected as an outlier nor closed off by its circuit. Without side effects. */
  readonly isAvailable: (target: Target) => boolean;
}

/**
 * Chooses the endpoint of each attempt among the targets of one tier. Made by `createBalancer` (policies.ts), anew for each change of the
 * tier, and given the one before so that it goes on from its state.
 */
export interface Balancer {
  /**
   * An available target that was not tried where there is such a one, else an available one; undefined when none is available.
   * Bounded by the number of targets; without waiting.
   */
  pick(context: PickContext): Target | undefined;
}

/** What a balancer is made of. */
export interface BalancerSetup {
  readonly cluster: Pick<Cluster, "policy" | "slowStart">;
  /** Each key once. */
  readonly targets: readonly WeightedTarget[];
  readonly clock: Clock;
  readonly random: Random;
  /** The balancer of this tier before the change, where there was one. */
  readonly previous?: Balancer;
}

/** The target of an endpoint; `now` in ms since the epoch. */
export function targetOf(group: string, endpoint: Endpoint, { stats, now }: { stats: StatsBook; now: number }): Target {
  const { instance, address, port } = endpoint;
  const authority = address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
  const key = `${group}/${instance}@${authority}`;
  return { endpoint, group, key, authority, isTunneled: isTunnelHost(address), stats: stats.of(key, now) };
}
