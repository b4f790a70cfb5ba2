import type { Filter } from "../filter.ts";

/** Ends the exchange with the destinations of the rule and all that the filters before it have settled. */
export const route: Filter = {
  name: "route",
  apply: (exchange) => {
    const { action, rule } = exchange.rule;
    if (action.kind !== "route") return undefined;
    const { destinations, timeoutMs, retry } = action.route;
    const { authority, target, requestHeaders, responseHeaders } = exchange;
    return {
      kind: "route",
      rule: rule.ref,
      destinations,
      totalWeight: action.totalWeight,
      authority,
      target,
      requestHeaders,
      responseHeaders,
      timeoutMs,
      ...(retry && { retry }),
    };
  },
};
