/** Compute URL maps: host → path matcher → route rules by priority or path rules longest first → default. */
import { secondsNanosToMs, type SecondsNanos } from "#base/duration.ts";
import { rewriteProblem } from "#base/path-template.ts";
import type { Action, HeaderMutation, Match, PathMatch, Rule, RuleRef, VirtualHost } from "#ir/route.ts";
import type { Defaults, PathMatcher, PathRule, RouteRule } from "#model/compute/path-matchers.ts";
import type { HeaderAction, RouteAction } from "#model/compute/route-action.ts";
import type { UrlMap } from "#model/compute/url-maps.ts";
import { redirectAction, retryPolicy, routeAction, type Way } from "./actions.ts";
import { warnIgnored, type Context } from "./context.ts";
import { headerActionMutations } from "./headers.ts";
import { urlMapMatch } from "./matches.ts";
import { mirrorPolicy, rulePolicies } from "./rule-policies.ts";

/** Fields of a route action that ask for something the mesh does not do. */
const ignoredFields = ["cachePolicy"];
const ignoredRewrites = ["regexRewrite"];
const ignoredRuleFields = ["customErrorResponsePolicy", "httpFilterConfigs", "httpFilterMetadata"];
const ignoredDefaults = ["defaultCustomErrorResponsePolicy"];

interface NamedMap {
  /** Short name. */
  readonly name: string;
  readonly map: UrlMap;
}

/** The rules of one host pattern of a map; for a pattern that no host rule has, the map's default. */
export function urlMapRules(context: Context, named: NamedMap & { readonly host: string }): Rule[] {
  const { map, host } = named;
  const hostRule = map.hostRules?.find(({ hosts }) => hosts?.some((pattern) => pattern.toLowerCase() === host));
  const matcher = hostRule && map.pathMatchers?.find(({ name }) => name === hostRule.pathMatcher);
  return matcherRules(context, named, matcher);
}

/** The whole map, all of its hosts; `*` is its default unless a host rule has it. */
export function urlMapHosts(context: Context, named: NamedMap): VirtualHost[] {
  const patterns = (named.map.hostRules ?? []).flatMap(({ hosts }) => (hosts ?? []).map((host) => host.toLowerCase()));
  return [...new Set([...patterns, "*"])].map((host) => ({ hosts: [host], rules: urlMapRules(context, { ...named, host }) }));
}

/** What a rule does; a default does the same under other names. */
type RuleAction = { readonly [Field in "service" | "routeAction" | "urlRedirect"]?: PathRule[Field] | undefined };

/** Where rules stand, for their names and for the header actions around them. */
interface Place {
  readonly context: Context;
  readonly named: NamedMap;
  readonly matcher: PathMatcher | undefined;
  /** The path matcher as warnings name it. */
  readonly where: string;
}

function matcherRules(context: Context, named: NamedMap, matcher: PathMatcher | undefined): Rule[] {
  const map = `urlMaps/${named.name}`;
  const place: Place = { context, named, matcher, where: matcher ? `${map}.pathMatchers[${matcher.name}]` : map };
  warnIgnored(context, map, { object: named.map, fields: ignoredDefaults });
  warnIgnored(context, place.where, { object: matcher, fields: ignoredDefaults });
  return [...routeRules(place), ...pathRules(place), defaultRule(place)];
}

function routeRules(place: Place): Rule[] {
  const rules = [...(place.matcher?.routeRules ?? [])].sort((a, b) => (a.priority ?? 0) - (b.priority ?? 0));
  return rules.flatMap((rule) => routeRule(place, rule) ?? []);
}

/** Left out when none of its match rules can be evaluated: it could take anything. */
function routeRule(place: Place, rule: RouteRule): Rule | undefined {
  const priority = rule.priority ?? 0;
  const where = `${place.where}.routeRules[priority ${priority}]`;
  const asked = rule.matchRules ?? [];
  const matches = asked.flatMap((match, index) => urlMapMatch(place.context, match, `${where}.matchRules[${index}]`) ?? []);
  if (asked.length > 0 && matches.length === 0) return undefined;
  warnIgnored(place.context, where, { object: rule, fields: ignoredRuleFields });
  return ruleOf(place, { ref: { priority }, matches, action: rule, headerAction: rule.headerAction, where });
}

interface PathEntry {
  readonly rule: PathRule;
  readonly index: number;
  readonly path: PathMatch & { readonly value: string };
}

/** Longest path first, whatever the order of the list (Google); of `/a/` and `/a/*` the exact one first. Neighbours of one rule stay one rule. */
function pathRules(place: Place): Rule[] {
  const entries = (place.matcher?.pathRules ?? []).flatMap((rule, index) =>
    (rule.paths ?? []).map((path): PathEntry => ({ rule, index, path: pathMatch(path) })),
  );
  entries.sort((a, b) => b.path.value.length - a.path.value.length || rank(a.path) - rank(b.path));
  const rules: Rule[] = [];
  for (let start = 0; start < entries.length;) {
    const first = entries[start];
    if (!first) break;
    let end = start + 1;
    while (entries[end]?.index === first.index) end++;
    const matches = entries.slice(start, end).map(({ path }): Match => ({ path, headers: [], query: [] }));
    const where = `${place.where}.pathRules[${first.index}]`;
    warnIgnored(place.context, where, { object: first.rule, fields: ignoredRuleFields });
    rules.push(ruleOf(place, { ref: { index: first.index }, matches, action: first.rule, headerAction: undefined, where }));
    start = end;
  }
  return rules;
}

/** `/a/*` takes what begins with `/a/`. */
function pathMatch(path: string): PathMatch & { value: string } {
  return path.endsWith("/*") ? { kind: "prefix", value: path.slice(0, -1) } : { kind: "exact", value: path };
}

function rank(path: PathMatch): number {
  return path.kind === "exact" ? 0 : 1;
}

/** What the path matcher does when no rule matched, else what the map does. */
function defaultRule(place: Place): Rule {
  const own = place.matcher && defaultAction(place.matcher);
  const action = own ?? defaultAction(place.named.map) ?? {};
  return ruleOf(place, { ref: { isDefault: true }, matches: [], action, headerAction: undefined, where: `${place.where}.default` });
}

function defaultAction({ defaultService, defaultRouteAction, defaultUrlRedirect }: Defaults): RuleAction | undefined {
  if (defaultService === undefined && defaultRouteAction === undefined && defaultUrlRedirect === undefined) return undefined;
  return { service: defaultService, routeAction: defaultRouteAction, urlRedirect: defaultUrlRedirect };
}

interface RuleParts {
  readonly ref: Omit<RuleRef, "resource">;
  readonly matches: readonly Match[];
  readonly action: RuleAction;
  readonly headerAction: HeaderAction | undefined;
  readonly where: string;
}

function ruleOf({ context, named, matcher }: Place, parts: RuleParts): Rule {
  // Google applies them from the inside out; the weighted backend service's own come first and stand on the destination.
  const levels = [parts.headerAction, matcher?.headerAction, named.map.headerAction];
  const mutations = levels.map((level) => headerActionMutations(context, level));
  const pathMatcher = matcher?.name === undefined ? {} : { pathMatcher: matcher.name };
  return {
    ref: { resource: `urlMaps/${named.name}`, ...pathMatcher, ...parts.ref },
    matches: parts.matches,
    action: actionOf(context, parts),
    requestHeaders: mutations.flatMap(({ request }): HeaderMutation[] => request),
    responseHeaders: mutations.flatMap(({ response }): HeaderMutation[] => response),
    ...policiesOf(context, parts.action.routeAction, `${parts.where}.routeAction`),
  };
}

function policiesOf(context: Context, action: RouteAction | undefined, where: string): Pick<Rule, "fault" | "cors"> {
  const { faultInjectionPolicy: fault, corsPolicy: cors } = action ?? {};
  return rulePolicies(context, { fault: fault && { ...fault, delayMs: milliseconds(fault.delay?.fixedDelay) }, cors, where });
}

/**
 * A rewrite whose variables not all matches have cannot be carried out; the checks of URL maps let none in. Without it the application
 * would get another path than its caller meant, so it is said.
 */
function possibleRewrite(context: Context, rewrite: RouteAction["urlRewrite"], { matches, where }: RuleParts): RouteAction["urlRewrite"] {
  const { pathTemplateRewrite: template, ...others } = rewrite ?? {};
  if (!template) return rewrite;
  const problem = rewriteProblem(
    template,
    matches.map(({ path }) => (path.kind === "template" ? path.value : undefined)),
  );
  if (problem === undefined) return rewrite;
  context.warnings.add(`${where}.routeAction.urlRewrite.pathTemplateRewrite: ${problem}; it has no effect on traffic`);
  return others;
}

function actionOf(context: Context, parts: RuleParts): Action {
  const { where } = parts;
  const { service, routeAction: action, urlRedirect } = parts.action;
  const weighted = action?.weightedBackendServices ?? [];
  if (urlRedirect && service === undefined && weighted.length === 0) {
    return redirectAction({ ...urlRedirect, prefix: urlRedirect.prefixRedirect, code: urlRedirect.redirectResponseCode });
  }
  warnIgnored(context, `${where}.routeAction`, { object: action, fields: ignoredFields });
  warnIgnored(context, `${where}.routeAction.urlRewrite`, { object: action?.urlRewrite, fields: ignoredRewrites });
  const { requestMirrorPolicy: mirror } = action ?? {};
  const { numRetries, retryConditions, perTryTimeout } = action?.retryPolicy ?? {};
  const retry = { numRetries, retryConditions, perTryTimeoutMs: milliseconds(perTryTimeout) };
  return routeAction(context, {
    ways: weighted.length > 0 ? weightedWays(context, weighted) : service === undefined ? [] : [plainWay(service)],
    rewrite: possibleRewrite(context, action?.urlRewrite, parts),
    timeoutMs: milliseconds(action?.timeout),
    maxStreamDurationMs: milliseconds(action?.maxStreamDuration),
    retry: action?.retryPolicy && retryPolicy(context, retry, `${where}.routeAction.retryPolicy`),
    mirror: mirror && mirrorPolicy(context, { service: mirror.backendService, percent: mirror.mirrorPercent }),
  });
}

type Weighted = NonNullable<RouteAction["weightedBackendServices"]>;

function weightedWays(context: Context, weighted: Weighted): Way[] {
  return weighted.map(({ backendService, weight, headerAction }) => {
    const { request, response } = headerActionMutations(context, headerAction);
    return { service: backendService, weight, requestHeaders: request, responseHeaders: response };
  });
}

function plainWay(service: string): Way {
  return { service, weight: undefined, requestHeaders: [], responseHeaders: [] };
}

function milliseconds(duration: SecondsNanos | undefined): number | undefined {
  return duration === undefined ? undefined : secondsNanosToMs(duration);
}
