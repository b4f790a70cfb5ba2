/** Predicates of route rules. A match with a predicate that is not understood can match nothing: leaving the predicate out would match too much. */
import { parsePathTemplate } from "#base/path-template.ts";
import type { HeaderMatch, Match, PathMatch, QueryMatch, ValueTest } from "#ir/route.ts";
import type { MatchRule } from "#model/compute/match-rules.ts";
import type { HttpMatch } from "#model/networkservices/http-route-match.ts";
import type { Context } from "./context.ts";
import { filtersPass } from "./mesh-settings.ts";

/** What both APIs say of a value; they differ in the names around it. */
interface Tests {
  readonly exactMatch?: string | undefined;
  readonly prefixMatch?: string | undefined;
  readonly suffixMatch?: string | undefined;
  readonly regexMatch?: string | undefined;
  readonly presentMatch?: boolean | undefined;
}

interface Range {
  readonly start: string;
  readonly end: string;
}

/** One `matchRules[]` of a URL map; undefined when it holds a predicate that cannot be evaluated here, which is warned of at `where`, or is for other proxies. */
export function urlMapMatch(context: Context, rule: MatchRule, where: string): Match | undefined {
  if (!filtersPass(rule.metadataFilters, context.labels)) return undefined;
  const template = rule.pathTemplateMatch === undefined ? undefined : parsePathTemplate(rule.pathTemplateMatch);
  if (template && "error" in template) {
    context.warnings.add(`${where}.pathTemplateMatch: ${template.error}; what it selects is not served`);
    return undefined;
  }
  const headers = (rule.headerMatches ?? []).map((match) => {
    const range = match.rangeMatch && rangeOf(match.rangeMatch.rangeStart, match.rangeMatch.rangeEnd);
    return headerMatch({ name: match.headerName, tests: match, range, invert: match.invertMatch });
  });
  return finish({
    context,
    where,
    path: pathOf(rule),
    headers,
    query: (rule.queryParameterMatches ?? []).map((q) => queryMatch(q.name, q)),
  });
}

/** One `matches[]` of an HttpRoute. */
export function httpRouteMatch(context: Context, match: HttpMatch, where: string): Match | undefined {
  const headers = (match.headers ?? []).map((header) => {
    const range = header.rangeMatch && rangeOf(header.rangeMatch.start, header.rangeMatch.end);
    return headerMatch({ name: header.header, tests: header, range, invert: header.invertMatch });
  });
  const query = (match.queryParameters ?? []).map((parameter) => queryMatch(parameter.queryParameter, parameter));
  return finish({ context, where, path: pathOf(match), headers, query });
}

interface Parts {
  readonly context: Context;
  readonly where: string;
  readonly path: PathMatch;
  readonly headers: readonly HeaderMatch[];
  readonly query: readonly (QueryMatch | undefined)[];
}

function finish({ context, where, path, headers, query }: Parts): Match | undefined {
  const known = query.filter((match) => match !== undefined);
  if (known.length === query.length) return { path, headers, query: known };
  context.warnings.add(`${where} names a query parameter without a test that can hold; what it selects is not served`);
  return undefined;
}

function pathOf(rule: HttpMatch & Pick<MatchRule, "pathTemplateMatch">): PathMatch {
  const ignoreCase = rule.ignoreCase === true ? { ignoreCase: true } : {};
  if (rule.fullPathMatch !== undefined) return { kind: "exact", value: rule.fullPathMatch, ...ignoreCase };
  if (rule.prefixMatch !== undefined) return { kind: "prefix", value: rule.prefixMatch, ...ignoreCase };
  if (rule.regexMatch !== undefined) return { kind: "regex", value: rule.regexMatch };
  if (rule.pathTemplateMatch !== undefined) return { kind: "template", value: rule.pathTemplateMatch };
  return { kind: "any" };
}

interface HeaderParts {
  readonly name: string | undefined;
  readonly tests: Tests;
  readonly range: Range | undefined;
  readonly invert: boolean | undefined;
}

/** Without any test the header must be present, and `presentMatch: false` asks for its absence (Envoy's `HeaderMatcher`). */
function headerMatch({ name, tests, range, invert }: HeaderParts): HeaderMatch {
  const test: ValueTest = valueTest(tests) ?? (range ? { kind: "range", ...range } : { kind: "present" });
  const absent = test.kind === "present" && tests.presentMatch === false;
  const inverted = (invert ?? false) !== absent;
  return { name: (name ?? "").toLowerCase(), test, ...(inverted ? { invert: true } : {}) };
}

/** A parameter's test; undefined for `presentMatch: false` alone, which no request can meet as Google defines it. */
function queryMatch(name: string | undefined, tests: Tests): QueryMatch | undefined {
  const test = valueTest(tests) ?? (tests.presentMatch === true ? { kind: "present" as const } : undefined);
  return test && { name: name ?? "", test };
}

function valueTest(tests: Tests): ValueTest | undefined {
  if (tests.exactMatch !== undefined) return { kind: "exact", value: tests.exactMatch };
  if (tests.prefixMatch !== undefined) return { kind: "prefix", value: tests.prefixMatch };
  if (tests.suffixMatch !== undefined) return { kind: "suffix", value: tests.suffixMatch };
  if (tests.regexMatch !== undefined) return { kind: "regex", value: tests.regexMatch };
  return undefined;
}

/** The bounds are 64-bit integers as text; 0 when left out, as in protobuf. */
function rangeOf(start: string | number | undefined, end: string | number | undefined): Range {
  return { start: String(start ?? 0), end: String(end ?? 0) };
}
