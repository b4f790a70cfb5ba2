import type { Filter } from "../filter.ts";

/** Ends the exchange with the destinations of the rule and all that the filters before it have settled. */
export const route: Filter = {
  name: "route",
  apply: (exchange) => {
    const { action, rule } = exchange.rule;
    if (action.kind !== "route") return undefined;
    const { authority, target, requestHeaders, responseHeaders, cors, fault, rateLimits } = exchange;
    return {
      kind: "route",
      rule: rule.ref,
      destinations: action.route.destinations,
      totalWeight: action.totalWeight,
      authority,
      target,
      requestHeaders,
      responseHeaders,
      action: action.route,
      ...(fault && { fault }),
      ...(rateLimits && { rateLimits }),
      ...(cors && { cors }),
    };
  },
};
