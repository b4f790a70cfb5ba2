/** The predicates of an HttpRoute's rules. */
import { checkMatchedHeaderName } from "../check/headers.ts";
import { checkRegex } from "../check/regex.ts";
import type { Report } from "../check/report.ts";
import { flag, list, message, number, text, type Reading } from "../schema.ts";

const headerMatch = message({
  header: text,
  exactMatch: text,
  regexMatch: text,
  prefixMatch: text,
  suffixMatch: text,
  presentMatch: flag,
  rangeMatch: message({ start: number, end: number }),
  invertMatch: flag,
});

const queryMatch = message({ queryParameter: text, exactMatch: text, regexMatch: text, presentMatch: flag });

export const httpMatch = message({
  fullPathMatch: text,
  prefixMatch: text,
  regexMatch: text,
  ignoreCase: flag,
  headers: list(headerMatch),
  queryParameters: list(queryMatch),
});

const headerTests = ["exactMatch", "regexMatch", "prefixMatch", "suffixMatch", "presentMatch", "rangeMatch"];
const queryTests = ["exactMatch", "regexMatch", "presentMatch"];

export type HttpMatch = Reading<typeof httpMatch>;

/** The path may be left out, which takes every path; of each set of tests there is at most one. */
export function checkHttpMatch(report: Report, path: string, match: HttpMatch): void {
  report.oneOf(path, match, { of: ["fullPathMatch", "prefixMatch", "regexMatch"], needed: false });
  checkRegex(report, `${path}.regexMatch`, match.regexMatch);
  for (const [index, header] of (match.headers ?? []).entries()) {
    const field = `${path}.headers[${index}]`;
    checkMatchedHeaderName(report, `${field}.header`, header.header);
    report.oneOf(field, header, { of: headerTests, needed: true });
    checkRegex(report, `${field}.regexMatch`, header.regexMatch);
  }
  for (const [index, query] of (match.queryParameters ?? []).entries()) {
    const field = `${path}.queryParameters[${index}]`;
    if (!query.queryParameter) report.required(`${field}.queryParameter`);
    report.oneOf(field, query, { of: queryTests, needed: true });
    checkRegex(report, `${field}.regexMatch`, query.regexMatch);
  }
}
