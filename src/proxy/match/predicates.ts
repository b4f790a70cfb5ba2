import type { HeaderMatch, QueryMatch, ValueTest } from "#ir/route.ts";
import { compileRegex, type Regex } from "./regex.ts";
import { type RequestView, splitAuthority, type Subject } from "./request.ts";

/** Header and query predicates, compiled once and asked per request. */

/** A value test made ready: its regular expression compiled, its range as integers. */
export type CompiledTest =
  | { readonly kind: "exact" | "prefix" | "suffix"; readonly value: string }
  | { readonly kind: "regex"; readonly value: string; readonly regex: Regex }
  | { readonly kind: "present" }
  | { readonly kind: "range"; readonly start: bigint; readonly end: bigint };

export interface HeaderPredicate {
  readonly name: string;
  readonly test: CompiledTest;
  readonly invert: boolean;
}

export interface QueryPredicate {
  readonly name: string;
  readonly test: CompiledTest;
}

type Compiled<T> = { readonly value: T } | { readonly error: string };

export function compileHeader(match: HeaderMatch, maxProgramSize: number): Compiled<HeaderPredicate> {
  const test = compileTest(match.test, maxProgramSize);
  return "error" in test ? test : { value: { name: match.name.toLowerCase(), test: test.value, invert: match.invert ?? false } };
}

export function compileQuery(match: QueryMatch, maxProgramSize: number): Compiled<QueryPredicate> {
  const test = compileTest(match.test, maxProgramSize);
  return "error" in test ? test : { value: { name: match.name, test: test.value } };
}

function compileTest(test: ValueTest, maxProgramSize: number): Compiled<CompiledTest> {
  if (test.kind === "range") return compileRange(test.start, test.end);
  if (test.kind === "present") return { value: test };
  if (test.kind !== "regex") return { value: { kind: test.kind, value: test.value } };
  const compiled = compileRegex(test.value, maxProgramSize);
  return "error" in compiled ? compiled : { value: { kind: "regex", value: test.value, regex: compiled.regex } };
}

function compileRange(startText: string, endText: string): Compiled<CompiledTest> {
  const start = parseInt64(startText);
  const end = parseInt64(endText);
  if (start !== undefined && end !== undefined) return { value: { kind: "range", start, end } };
  return { error: `range ${JSON.stringify(startText)} to ${JSON.stringify(endText)} is not one of 64-bit integers` };
}

/**
 * Whether a header predicate holds. Several lines of one header are one value joined with `, `, as `Headers` gives them.
 * A header that is not there meets no test, and an inverted one only when the test is presence: Envoy, whose documentation of
 * `HeaderMatcher.treat_missing_header_as_empty` (false here) says that a rule on a missing header is ignored and does not match.
 */
export function headerHolds(predicate: HeaderPredicate, request: RequestView): boolean {
  const value = headerValue(predicate.name, request);
  if (value === null) return predicate.invert && predicate.test.kind === "present";
  return valuePasses(predicate.test, value) !== predicate.invert;
}

/** The value of a header or pseudo header, null when the request has none. */
export function headerValue(name: string, request: RequestView): string | null {
  switch (name) {
    case ":method":
      return request.method;
    case ":authority":
    case "host":
      return request.authority;
    case ":path":
      return request.target;
    case ":scheme":
      return request.scheme;
    case "port":
      return splitAuthority(request.authority).port || (request.scheme === "https" ? "443" : "80");
    default:
      return request.headers.get(name);
  }
}

/** Whether a query predicate holds: of a repeated parameter the first value counts (Envoy), decoded as a form (WHATWG URL). */
export function queryHolds(predicate: QueryPredicate, subject: Subject): boolean {
  const value = queryValue(predicate.name, subject);
  return value !== null && valuePasses(predicate.test, value);
}

/** The first value of a query parameter, null when the request has none. */
export function queryValue(name: string, subject: Subject): string | null {
  subject.parameters ??= new URLSearchParams(subject.search);
  return subject.parameters.get(name);
}

function valuePasses(test: CompiledTest, value: string): boolean {
  switch (test.kind) {
    case "exact":
      return value === test.value;
    case "prefix":
      return value.startsWith(test.value);
    case "suffix":
      return value.endsWith(test.value);
    case "regex":
      return test.regex.testExact(value);
    case "present":
      return true;
    case "range": {
      const number = parseInt64(value);
      return number !== undefined && number >= test.start && number < test.end;
    }
  }
}

/** The integer that the whole text spells, within 64 bits; undefined for `0.25`, `-3abc` and the like. */
function parseInt64(text: string): bigint | undefined {
  // The bound on the digits keeps BigInt from being fed a header of 100 KiB.
  if (!/^[+-]?\d{1,19}$/.test(text)) return undefined;
  const number = BigInt(text.startsWith("+") ? text.slice(1) : text);
  return number === BigInt.asIntN(64, number) ? number : undefined;
}
