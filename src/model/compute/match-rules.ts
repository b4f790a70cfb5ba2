/** The predicates of a URL map's route rules. */
import { parsePathTemplate } from "#base/path-template.ts";
import { checkMatchedHeaderName } from "../check/headers.ts";
import { checkRegex } from "../check/regex.ts";
import type { Report } from "../check/report.ts";
import { flag, int64, list, message, text, type Reading } from "../schema.ts";

const headerMatch = message({
  headerName: text,
  exactMatch: text,
  prefixMatch: text,
  suffixMatch: text,
  regexMatch: text,
  presentMatch: flag,
  rangeMatch: message({ rangeStart: int64, rangeEnd: int64 }),
  invertMatch: flag,
});

const queryMatch = message({ name: text, exactMatch: text, regexMatch: text, presentMatch: flag });

export const metadataFilter = message({ filterMatchCriteria: text, filterLabels: list(message({ name: text, value: text })) });

export const matchRule = message({
  prefixMatch: text,
  fullPathMatch: text,
  regexMatch: text,
  pathTemplateMatch: text,
  ignoreCase: flag,
  headerMatches: list(headerMatch),
  queryParameterMatches: list(queryMatch),
  metadataFilters: list(metadataFilter),
});

export type MatchRule = Reading<typeof matchRule>;

const pathTests = ["prefixMatch", "fullPathMatch", "regexMatch", "pathTemplateMatch"] as const;
const longestPath = 1024;

/** Exactly one test of the path (Google), and the syntax and number of the others. Any text is a path that may be compared with. */
export function checkMatchRule(report: Report, path: string, rule: MatchRule): void {
  report.oneOf(path, rule, { of: pathTests, needed: true });
  for (const test of pathTests) {
    const length = rule[test]?.length;
    if (length !== undefined && (length < 1 || length > longestPath)) {
      report.invalid(`${path}.${test}`, rule[test], `Must be from 1 to ${longestPath} characters.`);
    }
  }
  if (rule.regexMatch !== undefined && rule.regexMatch.length <= longestPath) checkRegex(report, `${path}.regexMatch`, rule.regexMatch);
  const template = rule.pathTemplateMatch === undefined ? undefined : parsePathTemplate(rule.pathTemplateMatch);
  if (template && "error" in template) {
    report.invalid(`${path}.pathTemplateMatch`, rule.pathTemplateMatch, `Must be a valid path template: ${template.error}.`);
  }
  if (rule.ignoreCase === true && rule.regexMatch !== undefined) {
    report.invalid(`${path}.ignoreCase`, true, "ignoreCase must not be used with regexMatch.");
  }
  checkHeaderMatches(report, `${path}.headerMatches`, rule.headerMatches ?? []);
  checkQueryMatches(report, `${path}.queryParameterMatches`, rule.queryParameterMatches ?? []);
  checkMetadataFilters(report, `${path}.metadataFilters`, rule.metadataFilters ?? []);
}

const headerTests = ["exactMatch", "prefixMatch", "suffixMatch", "regexMatch", "presentMatch", "rangeMatch"];

function checkHeaderMatches(report: Report, path: string, matches: NonNullable<MatchRule["headerMatches"]>): void {
  report.atMost(path, matches, 50);
  for (const [index, match] of matches.entries()) {
    checkMatchedHeaderName(report, `${path}[${index}].headerName`, match.headerName);
    report.oneOf(`${path}[${index}]`, match, { of: headerTests, needed: true });
    checkRegex(report, `${path}[${index}].regexMatch`, match.regexMatch);
  }
}

function checkQueryMatches(report: Report, path: string, matches: NonNullable<MatchRule["queryParameterMatches"]>): void {
  report.atMost(path, matches, 50);
  for (const [index, match] of matches.entries()) {
    if (!match.name) report.required(`${path}[${index}].name`);
    report.oneOf(`${path}[${index}]`, match, { of: ["exactMatch", "regexMatch", "presentMatch"], needed: true });
    checkRegex(report, `${path}[${index}].regexMatch`, match.regexMatch);
  }
}

export function checkMetadataFilters(report: Report, path: string, filters: NonNullable<MatchRule["metadataFilters"]>): void {
  report.atMost(path, filters, 5);
  for (const [index, { filterMatchCriteria, filterLabels = [] }] of filters.entries()) {
    if (filterMatchCriteria === undefined) report.required(`${path}[${index}].filterMatchCriteria`);
    if (filterLabels.length === 0) report.required(`${path}[${index}].filterLabels`);
    report.atMost(`${path}[${index}].filterLabels`, filterLabels, 64);
  }
}
