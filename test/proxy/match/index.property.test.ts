import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Rule, RuleRef, VirtualHost } from "#ir/route.ts";
import { decide } from "#proxy/filters/decide.ts";
import type { Decision, RequestView, TraceStep } from "#proxy/filters/decision.ts";
import { explain } from "#proxy/filters/explain.ts";
import type { CompiledSnapshot } from "#proxy/match/compile.ts";
import { compiled, snapshotOf } from "../snapshots.ts";
import { recipe, requestOf, virtualHosts } from "./generated.ts";
import { pathPasses, ruleByReference } from "./reference.ts";

/** The index against the matcher of `reference.ts`. */

const configurations = 4_200;
const requestsEach = 24;
/** `MATCH_SEED` runs other cases. */
const seed = Number(process.env["MATCH_SEED"] ?? 20_251_122);

function ruleTaken(decision: Decision): RuleRef | undefined {
  return "rule" in decision ? decision.rule : undefined;
}

const nameOf = (rule: RuleRef | undefined): string | undefined => rule && `${rule.resource} rule ${rule.index}`;

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

/** What is said of a decision is what was decided, and the true reasons. */
function expectRightWords(ready: CompiledSnapshot, hosts: readonly VirtualHost[], view: RequestView): void {
  const list = hosts.flatMap((host) => host.rules);
  const trace: TraceStep[] = [];
  const decision = decide(ready, view, trace);
  expect(decide(ready, view)).toEqual(decision);
  expect(trace.findIndex((step) => step.matched)).toBe(decision.kind === "none" ? -1 : trace.length - 1);
  for (const step of trace) if (!step.matched) expect(blames(list, step)).toEqual(pathFailures(list, { step, view }));
  expect(explain(ready, view).rule).toEqual(ruleTaken(decision));
}

describe("the index", () => {
  it(`finds what a look at every rule in turn finds in 100,000 cases (MATCH_SEED=${seed})`, { timeout: 120_000 }, () => {
    const count = { cases: 0, found: 0, none: 0 };
    fc.assert(
      fc.property(virtualHosts, fc.array(recipe, { minLength: requestsEach, maxLength: requestsEach }), (hosts, recipes) => {
        const ready = compiled(
          snapshotOf(
            hosts.flatMap((host) => host.rules),
            { virtualHosts: hosts },
          ),
        );
        for (const [index, each] of recipes.entries()) {
          const view = requestOf(hosts, each);
          const wanted = ruleByReference(hosts, view);
          const actual = nameOf(ruleTaken(decide(ready, view)));
          // `expect` costs more than both matchers.
          if (actual !== wanted) expect(actual).toBe(wanted);
          if (index === 0) expectRightWords(ready, hosts, view);
          count.cases += 1;
          count[wanted === undefined ? "none" : "found"] += 1;
        }
      }),
      { numRuns: configurations, seed },
    );
    expect(count.cases).toBeGreaterThanOrEqual(100_000);
    // Neither side of the question is rare.
    expect(count.found).toBeGreaterThan(25_000);
    expect(count.none).toBeGreaterThan(10_000);
  });
});
