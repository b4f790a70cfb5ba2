/** Header names and values that users have the mesh set, add and remove. */
import { splitSecrets } from "../secret-value.ts";
import type { Report } from "./report.ts";

/** RFC 9110 section 5.1: a token. */
const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** RFC 9110 section 5.5: no control characters but the tab. CR and LF would let a value start a header of its own. */
// eslint-disable-next-line no-control-regex -- control characters are what is looked for
const forbiddenInValue = /[\u0000-\u0008\u000A-\u001F\u007F]/;

export function checkHeaderName(report: Report, field: string, name: string | undefined): void {
  if (name === undefined || name === "") report.required(field);
  else if (!token.test(name)) report.invalid(field, name, "Must be a valid HTTP header name.");
}

/** Name of a cookie: a token as well (RFC 6265 section 4.1.1). */
export function checkCookieName(report: Report, field: string, name: string): void {
  if (!token.test(name)) report.invalid(field, name, "Must be a valid cookie name.");
}

/** The name in a match may be a pseudo header such as `:authority` or `:method`. */
export function checkMatchedHeaderName(report: Report, field: string, name: string | undefined): void {
  checkHeaderName(report, field, name?.startsWith(":") === true ? name.slice(1) : name);
}

export function checkHeaderValue(report: Report, field: string, value: string | undefined): void {
  if (value === undefined) return;
  if (forbiddenInValue.test(value)) {
    report.invalid(field, JSON.stringify(value), "Must be a valid HTTP header value: no CR, LF or other control characters.");
  }
  if (splitSecrets(value) === undefined) {
    report.invalid(field, value, "A secret is written {secret.NAME}, NAME being 1 to 255 letters, digits, '_' or '-'.");
  }
}

/** `customRequestHeaders` and `customResponseHeaders` of a backend service: `Name:Value`. */
export function checkHeaderLines(report: Report, field: string, lines: readonly string[] | undefined): void {
  for (const [index, line] of (lines ?? []).entries()) {
    const colon = line.indexOf(":");
    const place = `${field}[${index}]`;
    if (colon < 1) {
      report.invalid(place, line, "Must have the form 'Header-Name: value'.");
      continue;
    }
    checkHeaderName(report, place, line.slice(0, colon).trim());
    checkHeaderValue(report, place, line.slice(colon + 1));
  }
}
