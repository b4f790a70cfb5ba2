import type { Filter } from "../filter.ts";

/** Google's `directResponse`: the mesh itself answers with a fixed status and body. */
export const directResponse: Filter = {
  name: "direct-response",
  apply: (exchange) => {
    const { action, rule } = exchange.rule;
    if (action.kind !== "directResponse") return undefined;
    const { status, body } = action;
    const { cors, fault, rateLimits, responseHeaders } = exchange;
    const policies = { ...(fault && { fault }), ...(rateLimits && { rateLimits }), ...(cors && { cors }) };
    return { kind: "directResponse", rule: rule.ref, status, body, responseHeaders, ...policies };
  },
};
