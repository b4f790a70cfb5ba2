import type { Filter } from "../filter.ts";

/**
 * Rate limits of the rule. Whether there is a token left depends on the requests before, and so is the proxy's affair; here the decision only
 * takes the limits over.
 */
export const rateLimit: Filter = {
  name: "rate-limit",
  apply: (exchange) => {
    const { rateLimits } = exchange.rule.rule;
    if (rateLimits !== undefined && rateLimits.length > 0) exchange.rateLimits = rateLimits;
    return undefined;
  },
};
