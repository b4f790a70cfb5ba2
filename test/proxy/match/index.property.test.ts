import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { HeaderMatch, Match, PathMatch, QueryMatch, Rule, RuleRef, ValueTest, VirtualHost } from "#ir/route.ts";
import { decide } from "#proxy/filters/decide.ts";
import type { Decision, RequestView, TraceStep } from "#proxy/filters/decision.ts";
import { explain } from "#proxy/filters/explain.ts";
import { compiled, routeTo, rules, snapshotOf } from "../snapshots.ts";

/** The index against a matcher that looks at every rule in turn and knows no shortcut. */

const segment = fc.constantFrom("/", "/a", "/A", "/ab", "b", "/b/", "//", "%2F", "é", "/a.b");
const path = fc.array(segment, { maxLength: 4 }).map((parts) => `/${parts.join("")}`.replace("//", "/"));
const expression = fc.constantFrom("/a.*", "/a+b?", "/(a|A)/b.*", "/a\\.b", ".*b", "^/ab/?$", "/a{0,2}/?", "/a|/b/", "/[aA]b*/.*", "/");
const template = fc.constantFrom("/a/{x}", "/{x}/b/", "/a/**", "/{x=**}/b", "/*", "/ab", "/{x}/*.b", "/a/{p=a/*}/**");
const value = fc.constantFrom("", "1", "12", "-3", "x", "1.5", "xy");

const pathMatch: fc.Arbitrary<PathMatch> = fc.oneof(
  fc.record({ kind: fc.constantFrom("prefix", "exact"), value: path, ignoreCase: fc.boolean() }),
  fc.record({ kind: fc.constant("regex"), value: expression }),
  fc.record({ kind: fc.constant("template"), value: template }),
  fc.constant({ kind: "any" } as const),
);
const valueTest: fc.Arbitrary<ValueTest> = fc.oneof(
  fc.record({ kind: fc.constantFrom("exact", "prefix", "suffix"), value }),
  fc.record({ kind: fc.constant("regex"), value: fc.constantFrom("1.*", "x|y", "[0-9]*") }),
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
const hostNames = ["a.mesh", "a.mesh:80", "*.mesh", "*.a.mesh", "*-a.mesh", "b.mesh", "*"];
const virtualHosts: fc.Arbitrary<VirtualHost[]> = fc
  .tuple(
    fc.shuffledSubarray(hostNames, { minLength: 1 }),
    fc.array(fc.array(fc.array(anyMatch, { maxLength: 3 }), { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 3 }),
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
const anyRequest: fc.Arbitrary<RequestView> = fc
  .record({
    authority: fc.constantFrom("a.mesh", "A.mesh", "a.mesh:80", "x.a.mesh", "x-a.mesh:81", "b.mesh", "c.mesh", "other", ".mesh"),
    path,
    query: fc.constantFrom("", "?q=1", "?r=x&q=12", "?q=x&q=1", "?r="),
    method: fc.constantFrom("GET", "x"),
    headers: fc.dictionary(fc.constantFrom("v", "w"), value),
  })
  .map(({ path: pathname, query, headers, ...rest }) => ({
    ...rest,
    scheme: "http" as const,
    target: pathname + query,
    headers: { get: (name: string) => headers[name] ?? null },
  }));

function hostMatches(pattern: string, authority: string): boolean {
  if (pattern === "*") return true;
  const text = authority.toLowerCase();
  const given = /:\d+$/.test(pattern) ? text : text.replace(/:\d+$/, "");
  return pattern.startsWith("*") ? given.endsWith(pattern.slice(1)) && given.length >= pattern.length : given === pattern;
}

function specificity(pattern: string): number {
  if (pattern === "*") return 0;
  return pattern.length + (pattern.startsWith("*") ? 0 : 1000);
}

function passes(test: ValueTest, text: string): boolean {
  if (test.kind === "present") return true;
  if (test.kind === "range") return /^[+-]?\d+$/.test(text) && Number(text) >= Number(test.start) && Number(text) < Number(test.end);
  if (test.kind === "regex") return new RegExp(`^(?:${test.value})$`, "s").test(text);
  return { exact: text === test.value, prefix: text.startsWith(test.value), suffix: text.endsWith(test.value) }[test.kind];
}

function pathPasses(wanted: PathMatch, pathname: string): boolean {
  if (wanted.kind === "any") return true;
  if (wanted.kind === "template") return fitsTemplate(wanted.value.slice(1).split("/"), pathname.slice(1).split("/"));
  if (wanted.kind === "regex") return new RegExp(`^(?:${wanted.value})$`).test(pathname);
  const { ignoreCase } = wanted;
  const fold = (text: string): string => (ignoreCase === true ? text.toLowerCase() : text);
  return wanted.kind === "exact" ? fold(pathname) === fold(wanted.value) : fold(pathname).startsWith(fold(wanted.value));
}

/** Segment by segment; knows the templates above and no others. */
function fitsTemplate(wanted: readonly string[], given: readonly string[]): boolean {
  const [first, ...rest] = wanted;
  if (first === undefined) return given.length === 0;
  if (first === "{p=a") return fitsTemplate(["a", ...rest], given);
  if (first === "**" || first === "{x=**}") {
    // At least the slash before it is there; then any number of segments, an empty one too.
    return given.some((_, index) => fitsTemplate(rest, given.slice(index + 1)));
  }
  const [segment = "", ...others] = given;
  if (given.length === 0) return false;
  if (first === "*.b") return segment.length > 2 && segment.endsWith(".b") && rest.length === 0 && others.length === 0;
  const fits = first === "*" || first === "{x}" || first === "*}" ? segment !== "" : segment === first;
  return fits && fitsTemplate(rest, others);
}

function ruleTaken(decision: Decision): RuleRef | undefined {
  return "rule" in decision ? decision.rule : undefined;
}

function takes(wanted: Match, view: RequestView): boolean {
  const [pathname = "", search = ""] = view.target.split("?");
  const pseudo: Record<string, string> = { ":method": view.method, port: /:(\d+)$/.exec(view.authority)?.[1] ?? "80" };
  return (
    pathPasses(wanted.path, pathname) &&
    wanted.headers.every(({ name, test, invert }) => {
      const text = pseudo[name] ?? view.headers.get(name);
      if (text === null) return invert === true && test.kind === "present";
      return passes(test, text) !== invert;
    }) &&
    wanted.query.every(({ name, test }) => {
      const first = search.split("&").find((pair) => pair.startsWith(`${name}=`));
      return first !== undefined && passes(test, first.slice(name.length + 1));
    })
  );
}

/** `host-N rule M`, or undefined. */
function slowly(hosts: readonly VirtualHost[], view: RequestView): string | undefined {
  const patterns = hosts.flatMap((host) => host.hosts.map((pattern) => ({ pattern, host })));
  const fitting = patterns.filter(({ pattern }) => hostMatches(pattern, view.authority));
  const best = fitting.toSorted((a, b) => specificity(b.pattern) - specificity(a.pattern))[0];
  const rule = best?.host.rules.find(({ matches }) => matches.length === 0 || matches.some((each) => takes(each, view)));
  return rule && `${rule.ref.resource} rule ${rule.ref.index}`;
}

function ruleOf(list: readonly Rule[], { rule }: TraceStep): Rule | undefined {
  return list.find(({ ref }) => ref.resource === rule.resource && ref.index === rule.index);
}

/** For each alternative of a rule that was passed over, whether the trace blames the path. */
function blames(list: readonly Rule[], step: TraceStep): boolean[] {
  const reasons = step.why.split("; or ");
  expect(reasons).toHaveLength(ruleOf(list, step)?.matches.length ?? -1);
  return reasons.map((reason) => reason.startsWith("path "));
}

/** For each alternative of a rule, whether the path is to blame. */
function pathFailures(list: readonly Rule[], { step, view }: { step: TraceStep; view: RequestView }): boolean[] | undefined {
  return ruleOf(list, step)?.matches.map((each) => !pathPasses(each.path, view.target.split("?")[0] ?? ""));
}

describe("the index", () => {
  it("finds what a look at every rule in turn finds, and the trace says the same", { timeout: 120_000 }, () => {
    let found = 0;
    fc.assert(
      fc.property(virtualHosts, fc.array(anyRequest, { minLength: 2, maxLength: 4 }), (hosts, requests) => {
        const list = hosts.flatMap((host) => host.rules);
        const ready = compiled(snapshotOf(list, { virtualHosts: hosts }));
        for (const view of requests) {
          const trace: TraceStep[] = [];
          const decision = decide(ready, view, trace);
          const rule = ruleTaken(decision);
          const actual = rule && `${rule.resource} rule ${rule.index}`;
          expect(actual).toBe(slowly(hosts, view));
          expect(decide(ready, view)).toEqual(decision);
          expect(trace.findIndex((step) => step.matched)).toBe(decision.kind === "none" ? -1 : trace.length - 1);
          for (const step of trace) if (!step.matched) expect(blames(list, step)).toEqual(pathFailures(list, { step, view }));
          expect(explain(ready, view).rule).toEqual(rule);
          if (actual !== undefined) found += 1;
        }
      }),
      { numRuns: 10_000 },
    );
    expect(found).toBeGreaterThan(10_000);
  });
});
