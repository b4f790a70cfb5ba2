import type { RuleRef } from "#ir/route.ts";

/** The name of a rule for people: `urlMaps/shop path matcher pm priority 3`, `httpRoutes/cart rule 0`. */
export function describeRule(ref: RuleRef): string {
  const words = [ref.resource];
  if (ref.pathMatcher !== undefined) words.push(`path matcher ${ref.pathMatcher}`);
  if (ref.isDefault === true) words.push("default");
  else if (ref.priority !== undefined) words.push(`priority ${ref.priority}`);
  else if (ref.index !== undefined) words.push(`rule ${ref.index}`);
  return words.join(" ");
}
