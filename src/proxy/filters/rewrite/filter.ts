import { type RewritePart, templateValues } from "#base/path-template.ts";
import type { Exchange, Filter } from "../filter.ts";
import { replaceCovered, rooted } from "../replace-path.ts";

/** Google's `urlRewrite`: what the application sees as path and authority. The query stays as it came. */
export const rewrite: Filter = {
  name: "rewrite",
  apply: (exchange) => {
    const { action } = exchange.rule;
    if (action.kind !== "route" || action.route.rewrite === undefined) return undefined;
    const { prefix, host } = action.route.rewrite;
    if (prefix !== undefined) exchange.target = replaceCovered(exchange, prefix) + exchange.subject.search;
    else if (action.rewriteParts !== undefined)
      exchange.target = rooted(fromTemplate(exchange, action.rewriteParts)) + exchange.subject.search;
    if (host !== undefined) exchange.authority = host;
    return undefined;
  },
};

/** `pathTemplateRewrite`: its text with the values that the match's template found in the path. */
function fromTemplate({ match, subject }: Exchange, parts: readonly RewritePart[]): string {
  const values = match.template && templateValues(match.template, subject.path);
  return parts.map((part) => (typeof part === "string" ? part : (values?.get(part.variable) ?? ""))).join("");
}
