/** The path matchers of a URL map: path rules (longest path first) or route rules (by priority), and what to do when none matches. */
import { checkName } from "../check/names.ts";
import type { Report } from "../check/report.ts";
import type { MaybeReference } from "../define.ts";
import { list, message, number, text, texts, type Reading } from "../schema.ts";
import { checkMatchRule, matchRule } from "./match-rules.ts";
import {
  checkHeaderAction,
  checkRouteAction,
  checkTemplateRewrite,
  checkUrlRedirect,
  headerAction,
  isWeighted,
  referencesOfAction,
  routeAction,
  serviceCollections,
  urlRedirect,
} from "./route-action.ts";

const pathRule = message({ paths: texts, service: text, routeAction, urlRedirect });

const routeRule = message({
  priority: number,
  matchRules: list(matchRule),
  service: text,
  routeAction,
  urlRedirect,
  headerAction,
});

export const defaultFields = { defaultService: text, defaultRouteAction: routeAction, defaultUrlRedirect: urlRedirect };

export const pathMatcher = message({
  name: text,
  ...defaultFields,
  headerAction,
  pathRules: list(pathRule),
  routeRules: list(routeRule),
});

export type PathRule = Reading<typeof pathRule>;
export type RouteRule = Reading<typeof routeRule>;
export type PathMatcher = Reading<typeof pathMatcher>;
/** What happens when nothing else matches, as the map and its path matchers spell it. */
export type Defaults = Pick<PathMatcher, keyof typeof defaultFields>;

export function checkPathMatcher(report: Report, path: string, matcher: PathMatcher): void {
  checkName(report, `${path}.name`, matcher.name);
  checkDefaults(report, path, matcher);
  checkHeaderAction(report, `${path}.headerAction`, matcher.headerAction);
  const { pathRules = [], routeRules = [] } = matcher;
  if (pathRules.length > 0 && routeRules.length > 0) {
    report.invalid(path, matcher.name, "Only one of pathRules or routeRules may be specified in a path matcher.");
  }
  checkPathRules(report, `${path}.pathRules`, pathRules);
  checkRouteRules(report, `${path}.routeRules`, routeRules);
}

/** What happens when nothing else matches must be said, for the map and for each path matcher; a redirect excludes the rest (Google). */
export function checkDefaults(report: Report, path: string, defaults: Defaults): void {
  const { defaultService, defaultRouteAction, defaultUrlRedirect } = defaults;
  if (!defaultService && defaultUrlRedirect === undefined && !isWeighted(defaultRouteAction)) {
    const field = `${path}.defaultService`;
    const ways = "one of defaultService, defaultUrlRedirect, defaultRouteAction.weightedBackendServices is needed";
    report.faults.push({ code: "required", message: `Required field '${field}' not specified: ${ways}`, field });
  }
  if (defaultUrlRedirect !== undefined && (defaultService || isWeighted(defaultRouteAction))) {
    const why = "If defaultUrlRedirect is specified, defaultService or defaultRouteAction must not be set.";
    report.invalid(`${path}.defaultUrlRedirect`, defaultUrlRedirect, why);
  }
  checkRouteAction(report, `${path}.defaultRouteAction`, defaultRouteAction);
  checkTemplateRewrite(report, `${path}.defaultRouteAction`, { action: defaultRouteAction, templates: [] });
  checkUrlRedirect(report, `${path}.defaultUrlRedirect`, defaultUrlRedirect);
}

/** A rule sends requests to a service, to weighted services, or elsewhere by a redirect: exactly one of them (Google). */
function checkRuleAction(report: Report, path: string, rule: PathRule | RouteRule): void {
  const ways = [
    ...(rule.service ? ["service"] : []),
    ...(rule.urlRedirect === undefined ? [] : ["urlRedirect"]),
    ...(isWeighted(rule.routeAction) ? ["routeAction.weightedBackendServices"] : []),
  ];
  const all = "service, urlRedirect, routeAction.weightedBackendServices";
  if (ways.length > 1) report.invalid(path, ways.join(", "), `Only one of ${all} may be specified.`);
  if (ways.length === 0) {
    const field = `${path}.service`;
    report.faults.push({ code: "required", message: `Required field '${field}' not specified: one of ${all} is needed`, field });
  }
  checkRouteAction(report, `${path}.routeAction`, rule.routeAction);
  checkUrlRedirect(report, `${path}.urlRedirect`, rule.urlRedirect);
}

/** Google: starts with `/`; `*` only at the end after `/`; no query, no fragment. */
const rulePath = /^\/(?:[^*?#]*\/)?\*$|^\/[^*?#]*$/;

function checkPathRules(report: Report, path: string, rules: readonly PathRule[]): void {
  report.atMost(path, rules, 500);
  const seen = new Set<string>();
  for (const [index, rule] of rules.entries()) {
    const { paths = [] } = rule;
    if (paths.length === 0) report.required(`${path}[${index}].paths`);
    report.atMost(`${path}[${index}].paths`, paths, 50);
    for (const [place, text] of paths.entries()) {
      const field = `${path}[${index}].paths[${place}]`;
      if (!rulePath.test(text)) {
        report.invalid(field, text, "Paths must start with '/', may have '*' only at the end after '/', and neither '?' nor '#'.");
      }
      if (seen.has(text)) report.invalid(field, text, "Path is specified more than once in the path matcher.");
      seen.add(text);
    }
    checkTemplateRewrite(report, `${path}[${index}].routeAction`, { action: rule.routeAction, templates: [] });
    checkRuleAction(report, `${path}[${index}]`, rule);
  }
}

function checkRouteRules(report: Report, path: string, rules: readonly RouteRule[]): void {
  report.atMost(path, rules, 500);
  const seen = new Set<number>();
  for (const [index, rule] of rules.entries()) {
    const { priority = 0, matchRules = [] } = rule;
    report.range(`${path}[${index}].priority`, priority, [0, 2_147_483_647]);
    if (seen.has(priority)) report.invalid(`${path}[${index}].priority`, priority, "Priorities must be unique within a path matcher.");
    seen.add(priority);
    report.atMost(`${path}[${index}].matchRules`, matchRules, 50);
    for (const [place, match] of matchRules.entries()) checkMatchRule(report, `${path}[${index}].matchRules[${place}]`, match);
    checkHeaderAction(report, `${path}[${index}].headerAction`, rule.headerAction);
    const templates = matchRules.map(({ pathTemplateMatch }) => pathTemplateMatch);
    checkTemplateRewrite(report, `${path}[${index}].routeAction`, { action: rule.routeAction, templates });
    checkRuleAction(report, `${path}[${index}]`, rule);
  }
}

export function referencesOfDefaults(path: string, defaults: Defaults): MaybeReference[] {
  const service = { field: `${path}.defaultService`, value: defaults.defaultService, collections: serviceCollections };
  return [service, ...referencesOfAction(`${path}.defaultRouteAction`, defaults.defaultRouteAction)];
}

export function referencesOfPathMatcher(path: string, matcher: PathMatcher): MaybeReference[] {
  const rules = [
    ...(matcher.pathRules ?? []).map((rule, index) => ({ at: `${path}.pathRules[${index}]`, rule })),
    ...(matcher.routeRules ?? []).map((rule, index) => ({ at: `${path}.routeRules[${index}]`, rule })),
  ];
  const ofRules = rules.flatMap(({ at, rule }) => [
    { field: `${at}.service`, value: rule.service, collections: serviceCollections },
    ...referencesOfAction(`${at}.routeAction`, rule.routeAction),
  ]);
  return [...referencesOfDefaults(path, matcher), ...ofRules];
}
