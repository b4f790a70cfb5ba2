import type { Filter } from "../filter.ts";

/** Takes over the rule's header mutations. They are carried out by `apply.ts`, once destination and secrets are known. */
export const headerActions: Filter = {
  name: "header-actions",
  apply: (exchange) => {
    const { rule } = exchange.rule;
    exchange.requestHeaders = rule.requestHeaders;
    exchange.responseHeaders = rule.responseHeaders;
    return undefined;
  },
};
