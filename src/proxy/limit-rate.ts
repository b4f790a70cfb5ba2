import type { RateLimit, RuleRef } from "#ir/route.ts";
import { describeRule } from "#proxy/match/describe.ts";
import { refuseAs, type Served, type Serving } from "./serving.ts";

/** Answers a request for which its rule's rate limits leave no token; undefined when it goes on. */
export function limitRate(serving: Serving, rule: RuleRef, limits: readonly RateLimit[]): Served | undefined {
  const refusal = serving.limiter.take(rule, limits, serving.view.headers);
  if (!refusal) return undefined;
  const { limit, retryAfterSec } = refusal;
  const per = limit.header === undefined ? "" : ` for each value of ${limit.header}`;
  return refuseAs(serving, {
    reason: "rate_limited",
    text: `${describeRule(rule)} takes ${limit.perSecond} requests per second${per}, ${limit.burst} at once`,
    retryAfterSec,
    ...(limit.status !== undefined && { status: limit.status }),
    ...(limit.body !== undefined && { body: limit.body }),
  });
}
