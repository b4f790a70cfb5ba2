import { describe, expect, test } from "vitest";
import type { TemplateSpec, UpdateAction } from "#instances/group/spec.ts";
import { actionFor, isMore, neededAction } from "#instances/rollout/actions.ts";
import { template } from "../group/specs.ts";

const other = (changes: Partial<TemplateSpec>): TemplateSpec => ({ ...template, name: "instanceTemplates/other", ...changes });

describe("what a difference of templates needs", () => {
  test.each<[string, Partial<TemplateSpec>, UpdateAction]>([
    ["the name alone", {}, "NONE"],
    ["a label", { labels: { tier: "gold" } }, "REFRESH"],
    ["a tag", { tags: ["http-server"] }, "REFRESH"],
    ["label and tag", { labels: { a: "b" }, tags: ["x"] }, "REFRESH"],
    ["the start-up script", { metadata: { "startup-script": "exec web2" } }, "RESTART"],
    ["any other metadata", { metadata: { ...template.metadata, color: "blue" } }, "RESTART"],
    ["metadata that is gone", { metadata: {} }, "RESTART"],
    ["the machine type", { machineType: "e2-standard-4" }, "RESTART"],
    ["machine type and labels", { machineType: "e2-standard-4", labels: { a: "b" } }, "RESTART"],
  ])("%s: %j is %s", (_, changes, needed) => {
    expect(neededAction(template, other(changes))).toBe(needed);
  });

  test("what nobody knows any more is replaced", () => {
    expect(neededAction(undefined, template)).toBe("REPLACE");
  });
});

const actions: readonly UpdateAction[] = ["NONE", "REFRESH", "RESTART", "REPLACE"];

/** Google's documentation of `minimalAction` and `mostDisruptiveAllowedAction`, for all 64 combinations in its own order of words. */
describe("what is done", () => {
  const rows = actions.flatMap((needed) =>
    actions.flatMap((minimalAction) => actions.map((mostDisruptive) => ({ needed, minimalAction, mostDisruptive }))),
  );
  test.each(rows)("$needed is needed, at least $minimalAction, at most $mostDisruptive", ({ needed, minimalAction, mostDisruptive }) => {
    const done = actionFor(needed, { minimalAction, mostDisruptive });
    if (actions.indexOf(needed) > actions.indexOf(mostDisruptive)) expect(done).toBeUndefined();
    else expect(done).toBe(actions[Math.max(actions.indexOf(needed), actions.indexOf(minimalAction))]);
  });

  test.each(actions.flatMap((a) => actions.map((b) => [a, b] as const)))("%s against %s", (a, b) => {
    expect(isMore(a, b)).toBe(actions.indexOf(a) > actions.indexOf(b));
  });
});
