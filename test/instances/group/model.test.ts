import fc from "fast-check";
import { expect, test } from "vitest";
import type { ProbeOutcome } from "#instances/health/plan.ts";
import { healedSpec, template } from "./specs.ts";
import { noAnswer, reachable, World, wrongAnswer } from "./world.ts";

/** Whatever happens to a group, and in whatever order, it keeps its promises and comes to rest. */

type Event =
  | { readonly kind: "resize"; readonly size: number }
  | { readonly kind: "newTemplate"; readonly version: number }
  | { readonly kind: "kill"; readonly index: number; readonly told: boolean }
  | { readonly kind: "fleet"; readonly fails: boolean; readonly ms: number }
  | { readonly kind: "release"; readonly yes: boolean }
  | { readonly kind: "probes"; readonly outcome: ProbeOutcome; readonly ms: number }
  | { readonly kind: "restart" }
  | { readonly kind: "loseHost" }
  | { readonly kind: "clock"; readonly ms: number };

const size = fc.integer({ min: 0, max: 6 });
const quietEvents: fc.Arbitrary<Event>[] = [
  fc.record({ kind: fc.constant("resize" as const), size }),
  fc.record({ kind: fc.constant("newTemplate" as const), version: fc.nat(3) }),
  fc.record({ kind: fc.constant("kill" as const), index: fc.nat(5), told: fc.boolean() }),
  fc.record({ kind: fc.constant("fleet" as const), fails: fc.boolean(), ms: fc.constantFrom(1, 50, 4000) }),
  fc.record({ kind: fc.constant("release" as const), yes: fc.boolean() }),
  fc.record({
    kind: fc.constant("probes" as const),
    outcome: fc.constantFrom(reachable, wrongAnswer, noAnswer),
    ms: fc.constantFrom(1, 4000),
  }),
  fc.record({ kind: fc.constant("restart" as const) }),
];
const wildEvents: fc.Arbitrary<Event>[] = [
  ...quietEvents,
  fc.record({ kind: fc.constant("loseHost" as const) }),
  fc.record({ kind: fc.constant("clock" as const), ms: fc.constantFrom(-3_600_000, -1000, 1000, 3_600_000) }),
];
const story = (events: readonly fc.Arbitrary<Event>[]): fc.Arbitrary<[Event, number][]> =>
  fc.array(fc.tuple(fc.oneof(...events), fc.constantFrom(0, 10, 300, 2000, 15_000)), { minLength: 1, maxLength: 25 });

function happen(world: World, event: Event): void {
  const { managed } = world.state.spec;
  switch (event.kind) {
    case "resize":
      return world.resize(event.size);
    case "newTemplate":
      if (!managed) throw new Error("not managed");
      return world.configure({ ...world.state.spec, managed: { ...managed, template: { ...template, name: `v${event.version}` } } });
    case "kill": {
      const victim = world.running[event.index % Math.max(1, world.running.length)];
      return victim && world.kill(victim.state.name, event.told);
    }
    case "fleet":
      world.knobs.fleetFails = event.fails;
      world.knobs.fleetMs = event.ms;
      return;
    case "release":
      world.knobs.released = () => event.yes;
      return;
    case "probes":
      world.knobs.probe = () => event.outcome;
      world.knobs.probeMs = event.ms;
      return;
    case "restart":
      return world.restart();
    case "loseHost":
      return world.vms.clear();
    case "clock":
      return world.shiftClock(event.ms);
  }
}

/** Writes down every breach of what must hold after each step. */
function watch(world: World): string[] {
  const breaches: string[] = [];
  const nameOf = new Map<string, string>();
  world.onStep = () => {
    const { instances } = world;
    const staying = instances.filter(({ action }) => action !== "DELETING").length;
    if (staying !== world.state.spec.managed?.targetSize) breaches.push(`${staying} instances stay`);
    const ids = new Set(instances.map(({ id }) => id));
    if (ids.size < instances.length) breaches.push("two instances have one id");
    for (const { id, name } of instances) {
      if ((nameOf.get(id) ?? name) !== name) breaches.push(`${id} was the id of another instance before`);
      nameOf.set(id, name);
    }
    for (const id of world.vms.keys()) if (!ids.has(id)) breaches.push(`nobody would end VM ${id}`);
  };
  return breaches;
}

function comeToRest(world: World): void {
  world.knobs.fleetFails = false;
  world.knobs.fleetMs = 20;
  world.knobs.probe = () => reachable;
  world.knobs.probeMs = 5;
  world.knobs.released = () => true;
  const known = (): boolean => world.running.length === world.instances.length;
  for (let waitedMs = 0; waitedMs < 150_000 && !(world.isStable && known()); waitedMs += 5000) world.run(5000);
  expect(world.isStable).toBe(true);
  expect(world.instances.every(({ status }) => status === "RUNNING")).toBe(true);
  expect([...world.vms.keys()].sort()).toEqual(world.instances.map(({ id }) => id).sort());
  expect(world.running).toHaveLength(world.state.spec.managed?.targetSize ?? -1);
}

test("size, ids and processes stay right through anything, and it comes to rest", () => {
  fc.assert(
    fc.property(size, story(wildEvents), (start, events) => {
      const world = new World(healedSpec(start, 0));
      const breaches = watch(world);
      world.step();
      for (const [event, pauseMs] of events) {
        happen(world, event);
        world.run(pauseMs);
      }
      comeToRest(world);
      expect(breaches).toEqual([]);
    }),
    { numRuns: 200 },
  );
});

test("no instance that ran is ended before its proxies let go and the grace is over, or the bound is", () => {
  const graceMs = 1500;
  fc.assert(
    fc.property(size, story(quietEvents), (start, events) => {
      const world = new World({ ...healedSpec(start, 0), drainingTimeoutMs: graceMs });
      const began = new Map<string, number>();
      const letGo = new Map<string, number>();
      const excused = new Set<string>();
      let checked = 0;
      const remember = (): void => {
        for (const instance of world.state.instances.values()) {
          if (instance.phase.is === "draining") began.set(instance.id, began.get(instance.id) ?? world.now);
          if (instance.phase.is === "draining" && instance.phase.endAtMs !== undefined && !letGo.has(instance.id))
            letGo.set(instance.id, world.now);
        }
        for (const [id, vm] of world.vms) if (!vm.state.running) excused.add(id);
        for (const { atMs, action } of world.log.slice(checked)) {
          if (action.kind !== "delete" || !began.has(action.id) || excused.has(action.id)) continue;
          expect(atMs - (letGo.get(action.id) ?? Number.POSITIVE_INFINITY)).toBeGreaterThanOrEqual(graceMs);
          expect(atMs - (began.get(action.id) ?? 0)).toBeGreaterThanOrEqual(graceMs);
        }
        checked = world.log.length;
      };
      const answers: { readonly atMs: number; readonly names: readonly string[] }[] = [];
      world.onStep = remember;
      world.step();
      for (const [event, pauseMs] of events) {
        happen(world, event);
        const answer = world.knobs.released;
        world.knobs.released = (names) => {
          const yes = answer(names);
          if (yes) answers.push({ atMs: world.now, names });
          return yes;
        };
        world.run(pauseMs);
        world.knobs.released = answer;
      }
      // Whoever was let go was so because proxies said it, or because the bound was over.
      for (const [id, atMs] of letGo) {
        const name = world.log.flatMap(({ action }) =>
          action.kind === "create" && action.instance.id === id ? [action.instance.name] : [],
        )[0];
        const said = answers.some((each) => each.atMs === atMs && each.names.includes(name ?? ""));
        if (!said) expect(atMs - (began.get(id) ?? 0)).toBeGreaterThanOrEqual(10_000);
      }
    }),
    { numRuns: 200 },
  );
});
