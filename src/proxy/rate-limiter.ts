import type { Clock } from "#base/clock.ts";
import { within } from "#base/within.ts";
import type { MeshLimit, RateLimit, RuleRef } from "#ir/route.ts";
import type { CompiledSnapshot } from "#proxy/match/compile.ts";
import { describeRule } from "#proxy/match/describe.ts";

/**
 * Rate limits of rules: token buckets in this proxy's memory, so that no request waits for anybody to be asked. Buckets outlive
 * configurations: an edit elsewhere gives nobody new tokens, and an edit of the limit holds from the next request on. Limits of the whole mesh
 * are counted by counters that all proxies share, where this one was given any, and by a bucket where it was not or they fail.
 */

/** Counts a request of a header's value, and says whether it is within the limit (src/proxy/shared-counters.ts). */
export type CountTogether = (limit: MeshLimit, value: string) => Promise<boolean>;

interface Bucket {
  tokens: number;
  filledAtMs: number;
}

/** The buckets of one limit, by the values of its header; least recently used first. */
type Buckets = Map<string, Bucket>;

type Headers = { get(name: string): string | null };

/** What a request is refused for. */
export interface Exhausted {
  readonly limit: RateLimit;
  /** After how many whole seconds it may come again: for a limit of the mesh, the longest that it can take. */
  readonly retryAfterSec: number;
}

/** A limit keeps no more buckets than this; whoever makes up values gets a new bucket for each of them anyway. */
const mostBuckets = 10_000;

/** Shared counters are in the memory of the machine: when they take this long, something is wrong with them. */
const countingMs = 250;

export class RateLimiter {
  readonly #clock: Clock;
  readonly #countTogether: CountTogether | undefined;
  /** By rule and place in its list. */
  readonly #buckets = new Map<string, Buckets>();
  /** The same by the list of a configuration, so that the hot path makes no texts. */
  readonly #known = new WeakMap<readonly RateLimit[], readonly Buckets[]>();

  /** Without `countTogether` limits of the mesh are of this proxy. */
  constructor(clock: Clock, countTogether?: CountTogether) {
    this.#clock = clock;
    this.#countTogether = countTogether;
  }

  /**
   * Takes a token for a request from each of its rule's limits; undefined when each had one. When a bucket has none left, none is taken; what
   * was taken before a limit of the mesh refused stays taken. A promise only where the mesh has a say.
   */
  take(rule: RuleRef, limits: readonly RateLimit[], headers: Headers): Exhausted | undefined | Promise<Exhausted | undefined> {
    const count = this.#countTogether;
    const exhausted = this.#takeAll(rule, limits, { headers, isBucket: ({ mesh }) => mesh === undefined || count === undefined });
    if (exhausted || !count || limits.every(({ mesh }) => mesh === undefined)) return exhausted;
    return this.#takeShared(rule, limits, { headers, count });
  }

  async #takeShared(
    rule: RuleRef,
    limits: readonly RateLimit[],
    { headers, count }: { readonly headers: Headers; readonly count: CountTogether },
  ): Promise<Exhausted | undefined> {
    for (const limit of limits) {
      const { mesh } = limit;
      if (!mesh) continue;
      const isWithin = await within("the shared counter", countingMs, () => count(mesh, valueOf(limit, headers))).catch(() => undefined);
      if (isWithin === false) return { limit, retryAfterSec: mesh.periodSec };
      const exhausted = isWithin ? undefined : this.#takeAll(rule, limits, { headers, isBucket: (other) => other === limit });
      if (exhausted) return exhausted;
    }
    return undefined;
  }

  /** From the buckets of those limits that `isBucket` names. */
  #takeAll(
    rule: RuleRef,
    limits: readonly RateLimit[],
    { headers, isBucket }: { readonly headers: Headers; readonly isBucket: (limit: RateLimit) => boolean },
  ): Exhausted | undefined {
    const now = this.#clock.now();
    const all = this.#of(rule, limits);
    const filled: Bucket[] = [];
    for (const [place, limit] of limits.entries()) {
      const buckets = all[place];
      if (!buckets || !isBucket(limit)) continue;
      const bucket = bucketOf(buckets, limit, { value: valueOf(limit, headers), now });
      if (bucket.tokens < 1) return { limit, retryAfterSec: Math.max(1, Math.ceil((1 - bucket.tokens) / limit.perSecond)) };
      filled.push(bucket);
    }
    for (const bucket of filled) bucket.tokens -= 1;
    return undefined;
  }

  #of(rule: RuleRef, limits: readonly RateLimit[]): readonly Buckets[] {
    const known = this.#known.get(limits);
    if (known) return known;
    const name = describeRule(rule);
    const found = limits.map(({ header, mesh }, place) => {
      // A limit of the mesh is one for all rules, also where this proxy counts alone.
      const key = mesh ? `${mesh.key} ${header ?? ""}` : `${name} ${place} ${header ?? ""}`;
      const buckets = this.#buckets.get(key) ?? new Map<string, Bucket>();
      this.#buckets.set(key, buckets);
      return buckets;
    });
    this.#known.set(limits, found);
    return found;
  }
}

/** What is to be said of limits of the mesh where there are no shared counters. */
export function countedAlone({ snapshot }: CompiledSnapshot): readonly string[] {
  const rules = snapshot.virtualHosts.flatMap((host) => host.rules);
  const limited = new Set(rules.filter(({ rateLimits }) => rateLimits?.some(({ mesh }) => mesh)).map(({ ref }) => ref.resource));
  return [...limited].map(
    (resource) => `${resource}: rate limits of scope MESH are counted by each proxy alone, for want of rate-limit bindings`,
  );
}

function valueOf({ header }: RateLimit, headers: Headers): string {
  return header === undefined ? "" : (headers.get(header) ?? "");
}

/** The bucket of a header's value, filled up to now. */
function bucketOf(buckets: Buckets, { perSecond, burst }: RateLimit, { value, now }: { value: string; now: number }): Bucket {
  const known = buckets.get(value);
  if (!known) {
    const oldest = buckets.size >= mostBuckets ? buckets.keys().next() : undefined;
    if (oldest && !oldest.done) buckets.delete(oldest.value);
    const made = { tokens: burst, filledAtMs: now };
    buckets.set(value, made);
    return made;
  }
  if (buckets.size > 1) {
    buckets.delete(value);
    buckets.set(value, known);
  }
  known.tokens = Math.min(burst, known.tokens + (Math.max(0, now - known.filledAtMs) * perSecond) / 1000);
  known.filledAtMs = now;
  return known;
}
