/** Generated virtual hosts, and requests made from their rules: what a rule takes, and what it just does not. */
import fc from "fast-check";
import type { HeaderMatch, Match, PathMatch, QueryMatch, ValueTest, VirtualHost } from "#ir/route.ts";
import type { RequestView } from "#proxy/match/request.ts";
import { routeTo, rules } from "../snapshots.ts";

const segment = fc.constantFrom("/", "/a", "/A", "/ab", "/abc", "b", "/b/", "//", "%2F", "é", "/a.b");
const path = fc.array(segment, { maxLength: 5 }).map((parts) => `/${parts.join("")}`.replace("//", "/"));
const value = fc.constantFrom("", "1", "12", "-3", "x", "1.5", "xy");

/** Expressions and templates, each with paths that it takes. */
const expressions: Readonly<Record<string, readonly string[]>> = {
  "/a.*": ["/a", "/ab/c"],
  "/a+b?": ["/a", "/aab"],
  "/(a|A)/b.*": ["/a/b", "/A/bc"],
  "/a\\.b": ["/a.b"],
  ".*b": ["/b", "/a/b"],
  "^/ab/?$": ["/ab", "/ab/"],
  "/a{0,2}/?": ["/", "/aa/"],
  "/a|/b/": ["/a", "/b/"],
  "/[aA]b*/.*": ["/A/", "/abb/x"],
  "/ab(/[a-z]+)?/[0-9]+": ["/ab/1", "/ab/c/12"],
  "/": ["/"],
};
const templates: Readonly<Record<string, readonly string[]>> = {
  "/a/{x}": ["/a/b"],
  "/{x}/b/": ["/a/b/"],
  "/a/**": ["/a/", "/a/b/c"],
  "/{x=**}/b": ["/a/b", "/a/a/b"],
  "/*": ["/a"],
  "/ab": ["/ab"],
  "/{x}/*.b": ["/a/a.b"],
  "/a/{p=a/*}/**": ["/a/a/b/", "/a/a/b/c"],
};
const values: Readonly<Record<string, readonly string[]>> = { "1.*": ["1", "12"], "x|y": ["x", "y"], "[0-9]*": ["", "12"] };

const pathMatch: fc.Arbitrary<PathMatch> = fc.oneof(
  fc.record({ kind: fc.constantFrom("prefix", "exact"), value: path, ignoreCase: fc.boolean() }),
  fc.record({ kind: fc.constant("regex"), value: fc.constantFrom(...Object.keys(expressions)) }),
  fc.record({ kind: fc.constant("template"), value: fc.constantFrom(...Object.keys(templates)) }),
  fc.constant({ kind: "any" } as const),
);
const valueTest: fc.Arbitrary<ValueTest> = fc.oneof(
  fc.record({ kind: fc.constantFrom("exact", "prefix", "suffix"), value }),
  fc.record({ kind: fc.constant("regex"), value: fc.constantFrom(...Object.keys(values)) }),
  fc.constant({ kind: "present" } as const),
  fc.constant({ kind: "range", start: "-3", end: "12" } as const),
);
const headerMatch: fc.Arbitrary<HeaderMatch> = fc.record({
  name: fc.constantFrom("v", "w", ":method", "port"),
  test: valueTest,
  invert: fc.boolean(),
});
const queryMatch: fc.Arbitrary<QueryMatch> = fc.record({ name: fc.constantFrom("q", "r"), test: valueTest });
const anyMatch: fc.Arbitrary<Match> = fc.record({
  path: pathMatch,
  headers: fc.array(headerMatch, { maxLength: 2 }),
  query: fc.array(queryMatch, { maxLength: 1 }),
});
const hostNames = ["a.mesh", "a.mesh:80", "*.mesh", "*.mesh:80", "*.a.mesh", "*-a.mesh", "b.mesh", "*"];

/** One to three virtual hosts whose rules are named `host-N rule M`. */
export const virtualHosts: fc.Arbitrary<VirtualHost[]> = fc
  .tuple(
    fc.shuffledSubarray(hostNames, { minLength: 1 }),
    fc.array(fc.array(fc.array(anyMatch, { maxLength: 3 }), { minLength: 1, maxLength: 10 }), { minLength: 1, maxLength: 3 }),
  )
  .map(([hosts, lists]) =>
    lists.slice(0, hosts.length).map((list, place) => ({
      hosts: hosts.filter((_, index) => index % Math.min(lists.length, hosts.length) === place),
      rules: rules(...list.map((matches) => ({ action: routeTo("c"), matches }))).map((rule) => ({
        ...rule,
        ref: { ...rule.ref, resource: `host-${place}` },
      })),
    })),
  );

/** What a request is made of. */
interface Parts {
  readonly authority: string;
  readonly path: string;
  /** Without the question mark; repeated names are two entries. */
  readonly query: readonly string[];
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
}

const anyParts: fc.Arbitrary<Parts> = fc.record({
  authority: fc.constantFrom(
    "a.mesh",
    "A.mesh",
    "a.mesh:80",
    "x.a.mesh",
    "x.a.mesh:80",
    "x-a.mesh:81",
    "b.mesh",
    "c.mesh",
    "other",
    ".mesh",
  ),
  path,
  query: fc.constantFrom([], ["q=1"], ["r=x", "q=12"], ["q=x", "q=1"], ["r="]),
  method: fc.constantFrom("GET", "x"),
  headers: fc.dictionary(fc.constantFrom("v", "w"), value),
});

/** One step away from what a rule takes. */
const twists: Readonly<Record<string, (parts: Parts) => Parts>> = {
  nothing: (parts) => parts,
  "a letter more": (parts) => ({ ...parts, path: `${parts.path}b` }),
  "a letter less": (parts) => ({ ...parts, path: parts.path.slice(0, -1) || "/" }),
  "a slash more": (parts) => ({ ...parts, path: `${parts.path}/` }),
  "a segment before": (parts) => ({ ...parts, path: `/a${parts.path}` }),
  "another case": (parts) => ({ ...parts, path: parts.path.replaceAll(/[a-z]/gi, flipped) }),
  "another host": (parts) => ({ ...parts, authority: `x${parts.authority}` }),
  "another port": (parts) => ({ ...parts, authority: `${parts.authority.replace(/:\d+$/, "")}:81` }),
  "an upper-case host": (parts) => ({ ...parts, authority: parts.authority.toUpperCase() }),
  "no headers": (parts) => ({ ...parts, headers: {} }),
  "other values": (parts) => ({
    ...parts,
    headers: Object.fromEntries(Object.entries(parts.headers).map(([name, text]) => [name, `${text}2`])),
  }),
  "no query": (parts) => ({ ...parts, query: [] }),
  "an earlier parameter": (parts) => ({ ...parts, query: ["q=other", ...parts.query] }),
  "another method": (parts) => ({ ...parts, method: `${parts.method}x` }),
};

const flipped = (letter: string): string => (letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase());

/** A request of any kind (`aim` absent), or one aimed at an alternative of a rule, with a twist. */
export interface Recipe {
  readonly aim:
    | { readonly host: number; readonly rule: number; readonly match: number; readonly sample: number; readonly twist: string }
    | undefined;
  readonly rest: Parts;
}

const place = fc.nat(59);
export const recipe: fc.Arbitrary<Recipe> = fc.record({
  aim: fc.option(fc.record({ host: place, rule: place, match: place, sample: place, twist: fc.constantFrom(...Object.keys(twists)) }), {
    freq: 4,
    nil: undefined,
  }),
  rest: anyParts,
});

export function requestOf(hosts: readonly VirtualHost[], { aim, rest }: Recipe): RequestView {
  const { authority, path: pathname, query, method, headers } = aim ? aimed(hosts, aim, rest) : rest;
  const search = query.length > 0 ? `?${query.join("&")}` : "";
  return { authority, method, scheme: "http", target: pathname + search, headers: { get: (name) => headers[name] ?? null } };
}

function aimed(hosts: readonly VirtualHost[], aim: NonNullable<Recipe["aim"]>, rest: Parts): Parts {
  const host = at(hosts, aim.host);
  const rule = host && at(host.rules, aim.rule);
  const match = rule && at(rule.matches, aim.match);
  const authority = authorityFor((host && at(host.hosts, aim.sample)) ?? "*");
  let parts: Parts = { ...rest, authority };
  if (match) {
    parts = { ...parts, path: pathFor(match.path, { sample: aim.sample, rest: rest.path }) };
    for (const header of match.headers) parts = withHeader(parts, header, aim.sample);
    for (const { name, test } of match.query)
      parts = { ...parts, query: [`${name}=${encodeURIComponent(valueFor(test, aim.sample))}`, ...parts.query] };
  }
  return twists[aim.twist]?.(parts) ?? parts;
}

const at = <T>(list: readonly T[], index: number): T | undefined => list[index % Math.max(1, list.length)];

const authorityFor = (pattern: string): string => (pattern === "*" ? "other" : pattern.replace("*", "y"));

function pathFor(wanted: PathMatch, { sample, rest }: { readonly sample: number; readonly rest: string }): string {
  switch (wanted.kind) {
    case "any":
      return rest;
    case "exact":
      return wanted.value;
    case "prefix":
      return sample % 2 === 0 ? wanted.value : wanted.value + rest.slice(1);
    case "regex":
      return at(expressions[wanted.value] ?? [], sample) ?? rest;
    case "template":
      return at(templates[wanted.value] ?? [], sample) ?? rest;
  }
}

/** A value that the test passes; of a range also its bounds, the upper of which it does not. */
function valueFor(test: ValueTest, sample: number): string {
  switch (test.kind) {
    case "present":
      return "";
    case "range":
      return at(["-3", "11", "12", "-4", "+0"], sample) ?? "";
    case "regex":
      return at(values[test.value] ?? [], sample) ?? "";
    case "exact":
      return test.value;
    case "prefix":
      return `${test.value}1`;
    case "suffix":
      return `1${test.value}`;
  }
}

function withHeader(parts: Parts, { name, test, invert }: HeaderMatch, sample: number): Parts {
  const text = invert === true ? "other" : valueFor(test, sample);
  if (name === ":method") return { ...parts, method: text };
  if (name === "port") return /^\d+$/.test(text) ? { ...parts, authority: `${parts.authority.replace(/:\d+$/, "")}:${text}` } : parts;
  if (invert !== true || test.kind !== "present") return { ...parts, headers: { ...parts.headers, [name]: text } };
  const { [name]: _, ...others } = parts.headers;
  return { ...parts, headers: others };
}
