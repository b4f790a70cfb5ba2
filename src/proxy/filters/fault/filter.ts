import type { Filter } from "../filter.ts";

/**
 * Google's `faultInjectionPolicy`. Which requests it hits is a matter of chance, and so of the proxy; here the decision only takes the
 * policy over.
 */
export const fault: Filter = {
  name: "fault",
  apply: (exchange) => {
    const { fault: policy } = exchange.rule.rule;
    if (policy !== undefined) exchange.fault = policy;
    return undefined;
  },
};
