/** What a switch does next, by table; and that it keeps within its cap and comes to an end, whatever happens in between. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { goalOf, planSwitch } from "#instances/switching/plan.ts";
import type { GroupSwitch, ServingState, SwitchedInstance, SwitchMove, SwitchView } from "#instances/switching/switch.ts";

const running = { state: "RUNNING", others: [] } as const;
const keptAlive = { state: "KEEPALIVE", others: [] } as const;

function groupSwitch(more: Partial<GroupSwitch> = {}): GroupSwitch {
  return {
    from: "zones/z/instanceGroups/a",
    to: "zones/z/instanceGroups/b",
    capacity: 4,
    stepPercent: 25,
    maxErrorPercent: 5,
    usualErrorPercent: 0,
    startedAtMs: 0,
    deadlineMs: 300_000,
    before: { from: running, to: keptAlive },
    phase: "SWITCHING",
    ...more,
  };
}

/** `RRKK rrkk`: instances of both groups; R is RUNNING, K is KEEPALIVE, small letters are not ready. */
function instances(text: string): SwitchedInstance[] {
  const [from = "", to = ""] = text.split(" ");
  const of = (group: "from" | "to", states: string): SwitchedInstance[] =>
    states.split("").map((letter, index) => ({
      group,
      name: `${group === "from" ? "a" : "b"}${index}`,
      state: letter.toUpperCase() === "R" ? "RUNNING" : "KEEPALIVE",
      isReady: letter === letter.toUpperCase(),
    }));
  return [...of("from", from), ...of("to", to)];
}

function view(text: string, more: Partial<SwitchView> = {}): SwitchView {
  return { instances: instances(text), isApplied: true, attempts: { perSecond: 0, failedPerSecond: 0 }, nowMs: 1_000, ...more };
}

function shown(move: SwitchMove): string {
  if (move.kind === "set") return `${move.state} ${move.instances.map(({ name }) => name).join(" ")}`;
  if (move.kind === "wait") return `wait: ${move.for}`;
  return move.kind === "return" ? `return: ${move.reason}` : move.kind;
}

describe("the next move", () => {
  test.each<[string, string, Partial<GroupSwitch>]>([
    ["RRRR KKKK", "KEEPALIVE a0", {}],
    ["KRRR KKKK", "RUNNING b0", {}],
    ["KRRR RKKK", "KEEPALIVE a1", {}],
    ["KKKK RRRR", "finish", {}],
    ["RRRR KKKK", "KEEPALIVE a0 a1", { stepPercent: 50 }],
    ["RRRR KKKK", "KEEPALIVE a0 a1 a2 a3", { stepPercent: 100 }],
    ["RRRR KKKK", "KEEPALIVE a0", { stepPercent: 1 }],
    // Room to spare is used first.
    ["RRRR KKKK", "RUNNING b0", { capacity: 5 }],
    ["RRRR KKKK", "RUNNING b0 b1", { capacity: 8, stepPercent: 50 }],
    // Groups of unequal size.
    ["RRRRRR KK", "KEEPALIVE a0 a1", { capacity: 6 }],
    ["KKRRRR KK", "RUNNING b0 b1", { capacity: 6 }],
    ["KKRRRR RR", "KEEPALIVE a2 a3", { capacity: 6 }],
    ["RR KKKKKK", "RUNNING b0 b1", { capacity: 6 }],
    ["RR RRRRKK", "KEEPALIVE a0 a1", { capacity: 6 }],
    ["KK RRRRKK", "RUNNING b4 b5", { capacity: 6 }],
    // Nobody leaves for whom nobody could come.
    ["RRRR kkkk", "wait: b0 and 3 more to be healthy", {}],
    ["RRRR Kkkk", "KEEPALIVE a0", { stepPercent: 50 }],
    ["KRRR kkkk", "wait: b0 and 3 more to be healthy", {}],
    ["RRRR ", "KEEPALIVE a0", {}],
    [" KKKK", "RUNNING b0", {}],
    // Both at work to begin with.
    ["RR RR", "KEEPALIVE a0", {}],
    // Back: at once, and whatever health checks say of those that served before.
    ["KKRR RRKK", "KEEPALIVE b0 b1", { phase: "RETURNING" }],
    ["kkRR KKKK", "RUNNING a0 a1", { phase: "RETURNING" }],
    ["RRRR KKKK", "finish", { phase: "RETURNING" }],
    ["KK RR", "RUNNING a0 a1", { phase: "RETURNING", before: { from: running, to: running } }],
    // Somebody made a group larger meanwhile: the way back does not end for that.
    ["KRRRRR KK", "RUNNING a0", { phase: "RETURNING" }],
    // The first look is at what is usual.
  ])("%s: %s", (text, expected, more) => {
    expect(shown(planSwitch(groupSwitch(more), view(text)))).toBe(expected);
  });

  test("first what is usual is looked at", () => {
    const { usualErrorPercent: _, ...fresh } = groupSwitch();
    const attempts = { perSecond: 50, failedPerSecond: 1 };
    expect(planSwitch(fresh, view("RRRR KKKK", { attempts }))).toEqual({ kind: "begin", usualErrorPercent: 2 });
  });

  test("nothing further before the proxies have it", () => {
    expect(shown(planSwitch(groupSwitch(), view("KRRR KKKK", { isApplied: false })))).toBe("wait: the proxies to apply the last step");
  });

  test.each([
    [{ perSecond: 100, failedPerSecond: 5 }, 0, "KEEPALIVE a0"],
    [{ perSecond: 100, failedPerSecond: 6 }, 0, "return: 6 % of the requests fail, 0 % before; 5 % more are allowed"],
    [{ perSecond: 100, failedPerSecond: 6 }, 2, "KEEPALIVE a0"],
    [{ perSecond: 100, failedPerSecond: 8 }, 2, "return: 8 % of the requests fail, 2 % before; 5 % more are allowed"],
    [{ perSecond: 0.5, failedPerSecond: 0.5 }, 0, "KEEPALIVE a0"],
  ])("failures: %o, %i %% usually", (attempts, usualErrorPercent, expected) => {
    const run = groupSwitch({ usualErrorPercent });
    expect(shown(planSwitch(run, view("RRRR KKKK", { attempts })))).toBe(expected);
    // Proxies that do not answer are no reason to go on.
    expect(shown(planSwitch(run, view("RRRR KKKK", { attempts, isApplied: false })))).toBe(
      expected.startsWith("return") ? expected : "wait: the proxies to apply the last step",
    );
    expect(shown(planSwitch({ ...run, phase: "RETURNING" }, view("RRRR KKKK", { attempts })))).toBe("finish");
  });

  test("late: back, with what it waited for", () => {
    const run = groupSwitch({ waits: "b0 to be healthy" });
    expect(shown(planSwitch(run, view("RRRR kkkk", { nowMs: 300_000 })))).toBe(
      "return: not done within 300 s; it waited for b0 to be healthy",
    );
  });
});

describe("a switch as a whole", () => {
  /** What a proxy may have: the configuration of the last step, or the one before. */
  interface World {
    run: GroupSwitch;
    now: SwitchedInstance[];
    before: SwitchedInstance[];
  }

  const count = (list: readonly SwitchedInstance[]): number => list.filter(({ state }) => state === "RUNNING").length;

  function apply(world: World, move: SwitchMove): void {
    if (move.kind === "begin") world.run = { ...world.run, usualErrorPercent: move.usualErrorPercent };
    if (move.kind === "return") world.run = { ...world.run, phase: "RETURNING", reason: move.reason };
    if (move.kind === "finish") world.run = { ...world.run, phase: world.run.phase === "SWITCHING" ? "DONE" : "RETURNED" };
    if (move.kind !== "set") return;
    const changed = new Set(move.instances.map(({ name }) => name));
    world.before = world.now;
    world.now = world.now.map((each) => (changed.has(each.name) ? { ...each, state: move.state } : each));
  }

  const states = (least: number): fc.Arbitrary<ServingState[]> =>
    fc.array(fc.constantFrom<ServingState>("RUNNING", "KEEPALIVE"), { minLength: least, maxLength: 12 });

  test("no configuration has more RUNNING than the cap, and the end is what was asked for or what was before", () => {
    const events = fc.array(fc.record({ applied: fc.boolean(), sick: fc.integer({ min: -1, max: 23 }), failing: fc.nat({ max: 19 }) }), {
      maxLength: 60,
    });
    fc.assert(
      fc.property(states(0), states(1), fc.nat(6), fc.integer({ min: 1, max: 100 }), events, (from, to, spare, stepPercent, happened) => {
        const make = (group: "from" | "to", list: readonly ServingState[]): SwitchedInstance[] =>
          list.map((state, index) => ({ group, name: `${group}${index}`, state, isReady: true }));
        const start = [...make("from", from), ...make("to", to)];
        const capacity = Math.max(count(start), to.length) + spare;
        const others = (group: "from" | "to"): string[] =>
          start.filter((each) => each.group === group && each.state === "RUNNING").map(({ name }) => name);
        const before = { from: { state: "KEEPALIVE", others: others("from") }, to: { state: "KEEPALIVE", others: others("to") } } as const;
        const world: World = { run: groupSwitch({ capacity, stepPercent, before }), now: start, before: start };
        // What happens ends, and then a switch has to.
        const quiet = Array.from({ length: 200 }, () => ({ applied: true, sick: -1, failing: 19 }));
        for (const { applied, sick, failing } of [...happened, ...quiet]) {
          if (world.run.phase === "DONE" || world.run.phase === "RETURNED") break;
          const attempts = { perSecond: 100, failedPerSecond: failing === 0 ? 50 : 0 };
          const seen = world.now.map((each, index) => ({ ...each, isReady: index !== sick }));
          if (applied) world.before = world.now;
          apply(world, planSwitch(world.run, { instances: seen, isApplied: applied, attempts, nowMs: 1 }));
          expect(Math.max(count(world.now), count(world.before))).toBeLessThanOrEqual(capacity);
        }
        const phase = world.run.phase === "RETURNED" ? "RETURNING" : "SWITCHING";
        expect(["DONE", "RETURNED"]).toContain(world.run.phase);
        for (const each of world.now) expect(each.state).toBe(goalOf({ phase, before }, each));
      }),
      { numRuns: 2_000 },
    );
  });
});
