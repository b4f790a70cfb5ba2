import { type Random, randomHex } from "#base/random.ts";
import { xxHash64 } from "#base/xxhash.ts";
import type { Affinity, Cluster, EndpointGroup } from "#ir/cluster.ts";
import type { StickyCookie } from "#ir/route.ts";
import type { Preference, Target } from "./balancer.ts";
import { type CookieOptions, readCookie, writeCookie } from "./cookies.ts";
import { stickyId } from "./sticky.ts";
import { Subsets } from "./subset.ts";

/** What a request asks of the choice of its endpoint, by the cluster's affinity and subsets: once for each request, before its attempts. */

/** What of a request is looked at. */
export interface Caller {
  readonly headers: { get(name: string): string | null };
  /** Absent: not known, and affinity by it is none. */
  readonly clientAddress?: string;
  /** The route's stateful session affinity, which takes the place of the cluster's affinity. */
  readonly stickyCookie?: StickyCookie;
}

export interface Wish {
  readonly preference: Preference;
  /** The `Set-Cookie` value that brings the caller's next request to the same endpoint; undefined where it has that cookie already. */
  cookieFor?(target: Target): string | undefined;
}

const none: Wish = { preference: {} };

/** The wishes of one configuration of a cluster; `groups` are those of its endpoints that this proxy uses. */
export class Wishes {
  readonly #cluster: Cluster;
  readonly #random: Random;
  readonly #subsets: Subsets | undefined;

  constructor(cluster: Cluster, groups: readonly EndpointGroup[], random: Random) {
    this.#cluster = cluster;
    this.#random = random;
    if (cluster.subset) this.#subsets = new Subsets(cluster.subset, groups);
  }

  of(caller: Caller): Wish {
    const wish = this.#affinity(caller);
    if (!this.#subsets) return wish;
    return { ...wish, preference: { ...wish.preference, groups: this.#subsets.choose(caller.headers) } };
  }

  #affinity(caller: Caller): Wish {
    const { affinity } = this.#cluster;
    if (caller.stickyCookie) return sticky(caller.stickyCookie, caller);
    return affinity ? byAffinity(affinity, caller, this.#random) : none;
  }
}

function byAffinity(affinity: Affinity, caller: Caller, random: Random): Wish {
  const { headers, clientAddress } = caller;
  switch (affinity.kind) {
    case "CLIENT_IP":
      return hashed(clientAddress);
    case "HEADER_FIELD":
      return hashed(headers.get(affinity.header) ?? undefined);
    case "STRONG_COOKIE":
      return sticky(affinity, caller);
    case "COOKIE": {
      const value = readCookie(headers.get("cookie"), affinity.name);
      if (value !== undefined || !affinity.generate) return hashed(value);
      const made = randomHex(random, 8);
      return { ...hashed(made), cookieFor: () => writeCookie(affinity, made) };
    }
  }
}

function sticky(cookie: CookieOptions, { headers }: Caller): Wish {
  const named = readCookie(headers.get("cookie"), cookie.name);
  const cookieFor = (target: Target): string | undefined => {
    const id = stickyId(target);
    return id === named ? undefined : writeCookie(cookie, id);
  };
  return { preference: named === undefined ? {} : { sticky: named }, cookieFor };
}

function hashed(value: string | undefined): Wish {
  return value === undefined ? none : { preference: { hash: xxHash64(value) } };
}
