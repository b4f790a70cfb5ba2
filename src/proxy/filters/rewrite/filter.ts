import type { Filter } from "../filter.ts";
import { replaceCovered } from "../replace-path.ts";

/** Google's `urlRewrite`: what the application sees as path and authority. The query stays as it came. */
export const rewrite: Filter = {
  name: "rewrite",
  apply: (exchange) => {
    const { action } = exchange.rule;
    if (action.kind !== "route" || action.route.rewrite === undefined) return undefined;
    const { prefix, host } = action.route.rewrite;
    if (prefix !== undefined) exchange.target = replaceCovered(exchange, prefix) + exchange.subject.search;
    if (host !== undefined) exchange.authority = host;
    return undefined;
  },
};
