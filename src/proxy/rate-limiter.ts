import type { Clock } from "#base/clock.ts";
import type { RateLimit, RuleRef } from "#ir/route.ts";
import { describeRule } from "#proxy/match/describe.ts";

/**
 * Rate limits of rules: token buckets in this proxy's memory, so that no request waits for anybody to be asked. Buckets outlive
 * configurations: an edit elsewhere gives nobody new tokens, and an edit of the limit holds from the next request on.
 */

interface Bucket {
  tokens: number;
  filledAtMs: number;
}

/** The buckets of one limit, by the values of its header; least recently used first. */
type Buckets = Map<string, Bucket>;

/** A limit keeps no more buckets than this; whoever makes up values gets a new bucket for each of them anyway. */
const mostBuckets = 10_000;

export class RateLimiter {
  readonly #clock: Clock;
  /** By rule and place in its list. */
  readonly #buckets = new Map<string, Buckets>();
  /** The same by the list of a configuration, so that the hot path makes no texts. */
  readonly #known = new WeakMap<readonly RateLimit[], readonly Buckets[]>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Takes a token for a request from each of its rule's limits. When one of them has none left, none is taken, and the answer says which
   * limit it is and after how many whole seconds there will be one.
   */
  take(
    rule: RuleRef,
    limits: readonly RateLimit[],
    headers: { get(name: string): string | null },
  ): { readonly limit: RateLimit; readonly retryAfterSec: number } | undefined {
    const now = this.#clock.now();
    const all = this.#of(rule, limits);
    const filled: Bucket[] = [];
    for (const [place, limit] of limits.entries()) {
      const buckets = all[place];
      if (!buckets) continue;
      const bucket = bucketOf(buckets, limit, { value: limit.header === undefined ? "" : (headers.get(limit.header) ?? ""), now });
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
    const found = limits.map(({ header }, place) => {
      const key = `${name} ${place} ${header ?? ""}`;
      const buckets = this.#buckets.get(key) ?? new Map<string, Bucket>();
      this.#buckets.set(key, buckets);
      return buckets;
    });
    this.#known.set(limits, found);
    return found;
  }
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
