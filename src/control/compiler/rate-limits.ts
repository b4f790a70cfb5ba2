/** Rate limits of a route, which hold for each of its rules. */
import type { RateLimit, Rule } from "#ir/route.ts";
import type { TrafficPolicy } from "#model/wayside/traffic-policies.ts";

/** Each rule gets buckets of its own; a limit of the mesh is one for all rules of `owner`, the route's key. */
export function withRateLimits(rules: readonly Rule[], owner: string, { rateLimits = [] }: TrafficPolicy): Rule[] {
  const compiled = rateLimits.flatMap((limit, place) => rateLimitOf(limit, `${owner}#${place}`) ?? []);
  return compiled.length === 0 ? [...rules] : rules.map((rule) => ({ ...rule, rateLimits: compiled }));
}

type Given = NonNullable<TrafficPolicy["rateLimits"]>[number];

function rateLimitOf(given: Given, key: string): RateLimit | undefined {
  const amount = given.scope === "MESH" ? meshAmount(given, key) : proxyAmount(given);
  const { header, status, body } = given;
  return (
    amount && {
      ...amount,
      ...(header !== undefined && { header: header.toLowerCase() }),
      ...(status !== undefined && { status }),
      ...(body !== undefined && { body }),
    }
  );
}

type Amount = Pick<RateLimit, "perSecond" | "burst" | "mesh">;

/** Without `burst`: what comes in a second, one at least. */
function proxyAmount({ perSecond, burst }: Given): Amount | undefined {
  if (perSecond === undefined || perSecond <= 0) return undefined;
  return { perSecond, burst: burst ?? Math.max(1, perSecond) };
}

/** The bucket of a proxy that cannot count with the others lets through what all of them together would. */
function meshAmount({ requests, periodSec }: Given, key: string): Amount | undefined {
  if (requests === undefined || (periodSec !== 10 && periodSec !== 60)) return undefined;
  return { perSecond: requests / periodSec, burst: requests, mesh: { key, requests, periodSec } };
}
