import type { CompiledHost, CompiledMatch, CompiledRule } from "./compile.ts";
import type { Subject } from "./request.ts";

/** The rule that takes a request, and the first alternative of it that does. */
export interface Found {
  readonly rule: CompiledRule;
  readonly match: CompiledMatch;
}

/** The first rule in list order that takes the request; undefined when none does. */
export function findRule(host: CompiledHost, subject: Subject): Found | undefined {
  const match = host.index.first(subject);
  return match && { rule: match.rule, match };
}

/** How many characters of the path the match covers: what a prefix rewrite or prefix redirect replaces. */
export function coveredLength(match: CompiledMatch, path: string): number {
  switch (match.path.kind) {
    case "any":
      return 0;
    case "prefix":
      return match.path.value.length;
    // Envoy's prefix_rewrite on an exact, regex or template route replaces the whole path, query excepted.
    case "exact":
    case "regex":
    case "template":
      return path.length;
  }
}
