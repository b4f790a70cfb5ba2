import { checkName } from "../check/names.ts";
import type { Report } from "../check/report.ts";
import { defineKind } from "../define.ts";
import type { Kind } from "../kind.ts";
import { list, message, number, text, texts, type Reading } from "../schema.ts";
import { allVerbs, ownedByServer } from "./common.ts";
import {
  checkDefaults,
  checkPathMatcher,
  defaultFields,
  pathMatcher,
  referencesOfDefaults,
  referencesOfPathMatcher,
} from "./path-matchers.ts";
import { checkHeaderAction, headerAction, serviceCollections } from "./route-action.ts";

const hostRule = message({ hosts: texts, pathMatcher: text });

const test = message({
  host: text,
  path: text,
  headers: list(message({ name: text, value: text })),
  service: text,
  expectedOutputUrl: text,
  expectedRedirectResponseCode: number,
});

const schema = message({
  name: text,
  ...defaultFields,
  headerAction,
  hostRules: list(hostRule),
  pathMatchers: list(pathMatcher),
  tests: list(test),
});

export type UrlMap = Reading<typeof schema>;
export type UrlMapTest = Reading<typeof test>;

/** Google's limit for Traffic Director. */
const largestMap = 524_288;

/**
 * Routes by host, then by path or priority, with tests of its own. Obeyed: `hostRules`, `pathMatchers` with `pathRules` or `routeRules`
 * (path, template, header and query predicates, metadata filters), defaults at both levels, `service`, `urlRedirect`, `headerAction` at all four levels, and of
 * `routeAction`: `weightedBackendServices`, `urlRewrite` of host, prefix and template, `timeout`, `retryPolicy`,
 * `faultInjectionPolicy`, `requestMirrorPolicy`, `corsPolicy`; and `tests`.
 */
export const urlMaps: Kind<UrlMap> = defineKind({
  api: "compute",
  collection: "urlMaps",
  singular: "urlMap",
  kind: "compute#urlMap",
  scopes: ["global", "region"],
  verbs: allVerbs,
  message: "UrlMap",
  fingerprint: true,
  outputOnly: ownedByServer,
  schema,
  check: (resource, report, given) => {
    checkName(report, "resource.name", resource.name);
    checkDefaults(report, "resource", resource);
    checkHeaderAction(report, "resource.headerAction", resource.headerAction);
    checkHostRules(report, resource);
    checkPathMatchers(report, resource.pathMatchers ?? []);
    checkTests(report, resource.tests ?? []);
    const size = JSON.stringify(given).length;
    if (size > largestMap) report.invalid("resource", `${size} bytes`, `A URL map must be at most ${largestMap} bytes.`);
  },
  references: (resource) => [
    ...referencesOfDefaults("resource", resource),
    ...(resource.pathMatchers ?? []).flatMap((matcher, index) => referencesOfPathMatcher(`resource.pathMatchers[${index}]`, matcher)),
    ...(resource.tests ?? []).map(({ service }, index) => ({
      field: `resource.tests[${index}].service`,
      value: service,
      collections: serviceCollections,
    })),
  ],
});

/** Google: `host` or `host:port`; `*` only as the first character, followed by nothing, `-` or `.`. */
const hostPattern = /^(?:\*|(?:\*[-.])?[a-z0-9_](?:[a-z0-9._-]*[a-z0-9_])?)(?::\d{1,5})?$/i;

function checkHostRules(report: Report, { hostRules = [], pathMatchers = [] }: UrlMap): void {
  report.atMost("resource.hostRules", hostRules, 2500);
  const matchers = new Set(pathMatchers.map(({ name }) => name));
  const seen = new Set<string>();
  for (const [index, rule] of hostRules.entries()) {
    const path = `resource.hostRules[${index}]`;
    const { hosts = [] } = rule;
    if (hosts.length === 0) report.required(`${path}.hosts`);
    report.atMost(`${path}.hosts`, hosts, 100);
    for (const [place, host] of hosts.entries()) {
      const field = `${path}.hosts[${place}]`;
      if (!hostPattern.test(host)) {
        const why = "Must be a host name, with '*' only as its first character and followed by '-' or '.', or '*' alone.";
        report.invalid(field, host, why);
      }
      const same = host.toLowerCase();
      if (seen.has(same)) report.invalid(field, host, "Host is specified more than once in the URL map.");
      seen.add(same);
    }
    if (!rule.pathMatcher) report.required(`${path}.pathMatcher`);
    else if (!matchers.has(rule.pathMatcher)) {
      report.invalid(`${path}.pathMatcher`, rule.pathMatcher, "The URL map has no path matcher of that name.");
    }
  }
}

function checkPathMatchers(report: Report, matchers: NonNullable<UrlMap["pathMatchers"]>): void {
  report.atMost("resource.pathMatchers", matchers, 2500);
  const seen = new Set<string>();
  for (const [index, matcher] of matchers.entries()) {
    const path = `resource.pathMatchers[${index}]`;
    checkPathMatcher(report, path, matcher);
    if (matcher.name === undefined) continue;
    if (seen.has(matcher.name)) report.invalid(`${path}.name`, matcher.name, "Names of path matchers must be unique.");
    seen.add(matcher.name);
  }
}

function checkTests(report: Report, tests: NonNullable<UrlMap["tests"]>): void {
  report.atMost("resource.tests", tests, 100);
  for (const [index, { host, path, service, expectedRedirectResponseCode }] of tests.entries()) {
    const field = `resource.tests[${index}]`;
    if (!host) report.required(`${field}.host`);
    if (!path) report.required(`${field}.path`);
    if (service && expectedRedirectResponseCode) {
      const why = "service cannot be specified together with expectedRedirectResponseCode.";
      report.invalid(`${field}.expectedRedirectResponseCode`, expectedRedirectResponseCode, why);
    }
  }
}
