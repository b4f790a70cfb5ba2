import { describe, expect, test } from "vitest";
import { describe as report } from "#instances/group/report.ts";
import type { GroupSpec, Intent, SpreadSpec, TemplateSpec, UpdateSpec } from "#instances/group/spec.ts";
import { httpProbe, managedSpec, template } from "../group/specs.ts";
import { reachable, World, wrongAnswer } from "../group/world.ts";

type Managed = NonNullable<GroupSpec["managed"]>;

const v2: TemplateSpec = { ...template, name: "instanceTemplates/web-v2", metadata: { "startup-script": "exec web2" } };
const even: SpreadSpec = { zones: ["a", "b", "c"], singleZone: false, redistributes: true };
const still: SpreadSpec = { ...even, redistributes: false };
const single: SpreadSpec = { ...even, singleZone: true, redistributes: false };
const opportunistic: UpdateSpec = {
  type: "OPPORTUNISTIC",
  method: "SUBSTITUTE",
  minimalAction: "REPLACE",
  mostDisruptive: "REPLACE",
  maxSurge: 3,
  maxUnavailable: 0,
};

function groupOf(targetSize: number, spread: SpreadSpec, changes: Partial<Managed> = {}): World {
  const managed: Managed = { baseInstanceName: "web", targetSize, template, update: opportunistic, spread, ...changes };
  return new World(managedSpec(targetSize, { zone: "a", probes: [httpProbe], managed })).settle();
}

function change(world: World, changes: Partial<Managed>): World {
  const { spec } = world.state;
  if (spec.managed) world.configure({ ...spec, managed: { ...spec.managed, ...changes } });
  return world;
}

/** `a3 b2 c2` */
function counts(world: World, zones: readonly string[] = even.zones): string {
  const staying = world.instances.filter(({ action }) => action !== "DELETING");
  return zones.map((zone) => `${zone}${staying.filter((instance) => instance.zone === zone).length}`).join(" ");
}

const namesIn = (world: World, zone: string): string[] => world.instances.filter((one) => one.zone === zone).map(({ name }) => name);

/** Takes instances of a zone out of the group for good, so that it is uneven. */
function strip(world: World, zone: string, count: number): World {
  const names = namesIn(world, zone).slice(0, count);
  const { managed } = world.state.spec;
  const intent: Intent = { id: (managed?.intents?.at(-1)?.id ?? 0) + 1, kind: "delete", names };
  return change(world, { targetSize: (managed?.targetSize ?? 0) - names.length, intents: [...(managed?.intents ?? []), intent] });
}

describe("new instances go to the zone with fewest", () => {
  test.each([
    [0, even, "a0 b0 c0"],
    [1, even, "a1 b0 c0"],
    [2, even, "a1 b1 c0"],
    [3, even, "a1 b1 c1"],
    [7, even, "a3 b2 c2"],
    [8, still, "a3 b3 c2"],
    [5, { ...even, zones: ["c", "a"] }, "a2 b0 c3"],
    [4, single, "a4 b0 c0"],
  ])("%i of them, %j: %s", (size, spread, expected) => {
    expect(counts(groupOf(size, spread))).toBe(expected);
  });

  test("and its processes are made there", () => {
    const made = groupOf(3, even).log.flatMap(({ action }) => (action.kind === "create" ? [action.instance.zone] : []));
    expect(made).toEqual(["a", "b", "c"]);
  });

  test("also where a group without redistribution is uneven", () => {
    const world = groupOf(6, still);
    strip(world, "b", 2).settle();
    expect(counts(world)).toBe("a2 b0 c2");
    world.resize(6);
    expect(counts(world.settle())).toBe("a2 b2 c2");
  });

  test("also by name", () => {
    const world = groupOf(2, even);
    change(world, { targetSize: 4, intents: [{ id: 1, kind: "create", names: ["web-x", "web-y"] }] }).settle();
    expect(counts(world)).toBe("a2 b1 c1");
  });

  test("a group that is to be in one zone stays in the one where it is", () => {
    const world = groupOf(3, single);
    change(world, { spread: { ...single, zones: ["b", "a", "c"] } });
    world.resize(5);
    expect(counts(world.settle())).toBe("a5 b0 c0");
  });
});

describe("a group shrinks in the zone with most", () => {
  test.each([
    [7, 6, "a2 b2 c2"],
    [7, 4, "a2 b1 c1"],
    [6, 1, "a1 b0 c0"],
    [8, 0, "a0 b0 c0"],
  ])("from %i to %i: %s", (from, to, expected) => {
    const world = groupOf(from, still);
    world.resize(to);
    world.settle();
    expect(
      counts(world)
        .split(" ")
        .toSorted()
        .map((part) => part.slice(1))
        .toSorted(),
    ).toEqual(
      expected
        .split(" ")
        .map((part) => part.slice(1))
        .toSorted(),
    );
  });

  test("but first what serves nobody", () => {
    const world = groupOf(5, still);
    const [sick = ""] = namesIn(world, "c");
    world.knobs.probe = ({ name }) => (name === sick ? wrongAnswer : reachable);
    world.run(30_000);
    world.resize(4);
    expect(world.settle().names).not.toContain(sick);
  });
});

describe("redistribution", () => {
  test.each([
    ["uneven by one", 6, "b", 1, "a2 b1 c2", "a2 b1 c2"],
    ["uneven by two", 6, "b", 2, "a2 b0 c2", "a2 b1 c1"],
    ["a whole zone of nine", 9, "c", 3, "a3 b3 c0", "a2 b2 c2"],
  ])("%s", (_what, size, zone, taken, before, after) => {
    const settled = strip(groupOf(size, still), zone, taken).settle();
    expect(counts(settled)).toBe(before);
    change(settled, { spread: even });
    settled.run(120_000);
    expect(
      counts(settled)
        .split(" ")
        .map((part) => part.slice(1))
        .toSorted(),
    ).toEqual(
      after
        .split(" ")
        .map((part) => part.slice(1))
        .toSorted(),
    );
    expect(settled.isStable).toBe(true);
  });

  test.each([
    ["with a surge, none is missed", { maxSurge: 1, maxUnavailable: 0 }, 5, 4],
    ["without one, the place is emptied first", { maxSurge: 0, maxUnavailable: 1 }, 4, 3],
  ])("%s", (_what, limits, most, fewest) => {
    const world = strip(groupOf(6, still), "b", 2).settle();
    const seen = { most: 0, fewest: 9 };
    world.onStep = () => {
      const inService = world.instances.filter((one) => one.action === "NONE" && one.health[httpProbe.id] === "HEALTHY").length;
      seen.most = Math.max(seen.most, world.instances.length);
      seen.fewest = Math.min(seen.fewest, inService);
    };
    change(world, { spread: even, update: { ...opportunistic, ...limits } });
    expect(world.isStable).toBe(false);
    world.run(120_000);
    expect(seen).toEqual({ most, fewest });
    expect(world.isStable).toBe(true);
  });

  test("moves nothing that an OPPORTUNISTIC update leaves alone for the sake of its version, and makes what it makes anew of the wanted one", () => {
    const world = strip(groupOf(6, still), "b", 2).settle();
    change(world, { spread: even, template: v2 });
    world.run(120_000);
    expect(world.instances.filter(({ template: name }) => name === v2.name)).toMatchObject([{ zone: "b" }]);
  });

  test("leaves instances with a config, and those of a stateful group, where they are", () => {
    const uneven = strip(groupOf(6, still), "b", 2).settle();
    const configs = Object.fromEntries(uneven.names.map((name) => [name, { revision: 1, metadata: {} }]));
    for (const changes of [{ configs }, { stateful: true }]) {
      const world = strip(groupOf(6, still), "b", 2).settle();
      const names = [...world.names];
      change(world, { spread: even, ...changes });
      world.run(60_000);
      expect(world.names).toEqual(names);
      expect(world.isStable).toBe(true);
    }
  });

  test("leaves a zone that is listed no more", () => {
    const world = groupOf(6, even);
    change(world, { spread: { ...even, zones: ["b", "c"] } });
    world.run(120_000);
    expect(counts(world)).toBe("a0 b3 c3");
  });

  test("waits while what it has made is not healthy", () => {
    const world = strip(groupOf(6, still), "b", 2).settle();
    const before = new Set(world.names);
    world.knobs.probe = ({ name }) => (before.has(name) ? reachable : wrongAnswer);
    change(world, { spread: even });
    world.run(120_000);
    expect(world.isStable).toBe(false);
    expect(world.names.filter((name) => before.has(name))).toHaveLength(4);
    const [made = ""] = world.names.filter((name) => !before.has(name));
    const waits = [`${made} of ${template.name} is UNHEALTHY by ${httpProbe.healthCheck}`];
    expect(report(world.state).update).toMatchObject({ updated: 4, size: 4, waits });
  });
});

test.each([
  ["SUBSTITUTE", 3, 0],
  ["SUBSTITUTE", 1, 0],
  ["SUBSTITUTE", 0, 3],
  ["RECREATE", 0, 1],
] as const)(
  "an update by %s, surge %i, unavailable %i, leaves the group even and makes no instance twice",
  (method, maxSurge, maxUnavailable) => {
    const world = groupOf(7, even, { update: { ...opportunistic, type: "PROACTIVE", method, maxSurge, maxUnavailable } });
    change(world, { template: v2 });
    world.run(300_000);
    expect(world.isStable).toBe(true);
    expect(new Set(world.instances.map(({ template: name }) => name))).toEqual(new Set([v2.name]));
    expect(
      counts(world)
        .split(" ")
        .map((part) => part.slice(1))
        .toSorted(),
    ).toEqual(["2", "2", "3"]);
    expect(world.times("create")).toHaveLength(14);
  },
);
