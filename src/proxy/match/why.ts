import type { CompiledMatch, CompiledRule } from "./compile.ts";
import { type CompiledTest, headerHolds, headerValue, queryHolds, queryValue } from "./predicates.ts";
import { foldCase, type Subject } from "./request.ts";

/** Reasons for people. The predicates asked are those that decided; only the sentences are made here. */

/** Why a rule did not take the request: for each of its alternatives the first predicate that failed. */
export function whyNot(rule: CompiledRule, subject: Subject): string {
  const reasons = rule.matches.map((match) => pathFailure(match, subject) ?? predicateFailure(match, subject));
  return reasons.filter((reason) => reason !== undefined).join("; or ");
}

/** Why an alternative took the request. */
export function whyTaken(match: CompiledMatch, subject: Subject): string {
  const headers = match.headers.map(({ name }) => `header ${name} ${actual(headerValue(name, subject.request))}`);
  const query = match.query.map(({ name }) => `query parameter ${name} ${actual(queryValue(name, subject))}`);
  return [pathSuccess(match, subject), ...headers, ...query].join(", ");
}

function pathFailure(match: CompiledMatch, subject: Subject): string | undefined {
  const { path } = match;
  const given = `path ${clip(subject.path)}`;
  switch (path.kind) {
    case "any":
      return undefined;
    case "regex":
      return match.regex?.testExact(subject.path) === true ? undefined : `${given} does not match regular expression ${path.value}`;
    case "template":
      return match.regex?.testExact(subject.path) === true ? undefined : `${given} does not fit template ${path.value}`;
    case "exact":
      return same(path, subject, (wanted, text) => text === wanted) ? undefined : `${given} is not ${path.value}`;
    case "prefix":
      return same(path, subject, (wanted, text) => text.startsWith(wanted)) ? undefined : `${given} is not under prefix ${path.value}`;
  }
}

function same(
  path: { readonly value: string; readonly ignoreCase?: boolean },
  subject: Subject,
  compare: (wanted: string, text: string) => boolean,
): boolean {
  return path.ignoreCase === true ? compare(foldCase(path.value), foldCase(subject.path)) : compare(path.value, subject.path);
}

function pathSuccess(match: CompiledMatch, subject: Subject): string {
  const given = `path ${clip(subject.path)}`;
  switch (match.path.kind) {
    case "any":
      return match.headers.length + match.query.length === 0 ? "takes every request" : "takes every path";
    case "regex":
      return `${given} matches regular expression ${match.path.value}`;
    case "template":
      return `${given} fits template ${match.path.value}`;
    case "exact":
      return `${given} is ${match.path.value}`;
    case "prefix":
      return `${given} is under prefix ${match.path.value}`;
  }
}

function predicateFailure(match: CompiledMatch, subject: Subject): string | undefined {
  for (const header of match.headers) {
    if (headerHolds(header, subject.request)) continue;
    const wanted = `${header.invert ? "not " : ""}${describeTest(header.test)}`;
    return `header ${header.name} ${actual(headerValue(header.name, subject.request))}, wanted ${wanted}`;
  }
  for (const query of match.query) {
    if (queryHolds(query, subject)) continue;
    return `query parameter ${query.name} ${actual(queryValue(query.name, subject))}, wanted ${describeTest(query.test)}`;
  }
  return undefined;
}

function describeTest(test: CompiledTest): string {
  switch (test.kind) {
    case "exact":
      return JSON.stringify(test.value);
    case "prefix":
      return `prefix ${JSON.stringify(test.value)}`;
    case "suffix":
      return `suffix ${JSON.stringify(test.value)}`;
    case "regex":
      return `a match of regular expression ${test.value}`;
    case "present":
      return "present";
    case "range":
      return `an integer from ${test.start} to below ${test.end}`;
  }
}

function actual(value: string | null): string {
  return value === null ? "is missing" : `is ${JSON.stringify(clip(value))}`;
}

/** A caller decides how long paths and headers are; a sentence has an end. */
function clip(text: string): string {
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}
