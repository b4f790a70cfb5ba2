/** Rate limits of a route, which hold for each of its rules. */
import type { RateLimit, Rule } from "#ir/route.ts";
import type { TrafficPolicy } from "#model/wayside/traffic-policies.ts";

/** Each rule gets buckets of its own. */
export function withRateLimits(rules: readonly Rule[], { rateLimits = [] }: TrafficPolicy): Rule[] {
  const compiled = rateLimits.flatMap((limit) => rateLimitOf(limit) ?? []);
  return compiled.length === 0 ? [...rules] : rules.map((rule) => ({ ...rule, rateLimits: compiled }));
}

type Given = NonNullable<TrafficPolicy["rateLimits"]>[number];

/** Without `burst`: what comes in a second, one at least. */
function rateLimitOf({ perSecond, burst, header, status, body }: Given): RateLimit | undefined {
  if (perSecond === undefined || perSecond <= 0) return undefined;
  return {
    perSecond,
    burst: burst ?? Math.max(1, perSecond),
    ...(header !== undefined && { header: header.toLowerCase() }),
    ...(status !== undefined && { status }),
    ...(body !== undefined && { body }),
  };
}
