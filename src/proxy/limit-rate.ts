import type { RateLimit, RuleRef } from "#ir/route.ts";
import { describeRule } from "#proxy/match/describe.ts";
import { refuseAs, type Served, type Serving } from "./serving.ts";

/** Answers a request for which its rule's rate limits leave no token; undefined when it goes on. */
export async function limitRate(serving: Serving, rule: RuleRef, limits: readonly RateLimit[]): Promise<Served | undefined> {
  const exhausted = await serving.limiter.take(rule, limits, serving.view.headers);
  if (!exhausted) return undefined;
  const { limit, retryAfterSec } = exhausted;
  return refuseAs(serving, {
    reason: "rate_limited",
    text: textOf(rule, limit),
    retryAfterSec,
    ...(limit.status !== undefined && { status: limit.status }),
    ...(limit.body !== undefined && { body: limit.body }),
  });
}

function textOf(rule: RuleRef, { burst, header, mesh, perSecond }: RateLimit): string {
  const per = header === undefined ? "" : ` for each value of ${header}`;
  if (mesh) return `${rule.resource} takes ${mesh.requests} requests in ${mesh.periodSec} s${per}, from the whole mesh`;
  return `${describeRule(rule)} takes ${perSecond} requests per second${per}, ${burst} at once`;
}
