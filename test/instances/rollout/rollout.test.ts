import { describe, expect, test } from "vitest";
import type { GroupSpec, TemplateSpec, UpdateSpec } from "#instances/group/spec.ts";
import { describe as report } from "#instances/group/report.ts";
import { httpProbe, managedSpec, template } from "../group/specs.ts";
import { reachable, World, wrongAnswer } from "../group/world.ts";

type Managed = NonNullable<GroupSpec["managed"]>;

const v2: TemplateSpec = { ...template, name: "instanceTemplates/web-v2", metadata: { "startup-script": "exec web2" } };
const proactive: UpdateSpec = {
  type: "PROACTIVE",
  method: "SUBSTITUTE",
  minimalAction: "REPLACE",
  mostDisruptive: "REPLACE",
  maxSurge: 1,
  maxUnavailable: 0,
};

function spec(size: number, update: Partial<UpdateSpec> = {}, changes: Partial<Managed> = {}): GroupSpec {
  const managed: Managed = { baseInstanceName: "web", targetSize: size, template, update: { ...proactive, ...update }, ...changes };
  return managedSpec(size, { probes: [httpProbe], managed });
}

function change(world: World, changes: Partial<Managed>): void {
  const { managed } = world.state.spec;
  if (!managed) throw new Error("not managed");
  world.configure({ ...world.state.spec, managed: { ...managed, ...changes } });
}

interface Watched {
  /** Most VMs that there were at once. */
  most: number;
  /** Fewest that were in service. */
  fewest: number;
}

/** What there is at each step from now on. */
function watch(world: World): Watched {
  const watched: Watched = { most: 0, fewest: Number.POSITIVE_INFINITY };
  world.onStep = () => {
    const inService = world.instances.filter(
      ({ status, action, health }) => status === "RUNNING" && action === "NONE" && health[httpProbe.id] === "HEALTHY",
    );
    watched.most = Math.max(watched.most, world.instances.length);
    watched.fewest = Math.min(watched.fewest, inService.length);
  };
  return watched;
}

const templates = (world: World): string[] => world.instances.map(({ template: name }) => name ?? "").toSorted((a, b) => (a < b ? -1 : 1));
const update = (world: World) => report(world.state).update;
const of = (count: number, name: string): string[] => Array.from({ length: count }, () => name);

describe("a rolling update", () => {
  const rows = [1, 2, 3, 6].flatMap((size) =>
    [
      [1, 0],
      [0, 1],
      [1, 1],
      [2, 0],
      [0, 2],
      [3, 2],
    ].flatMap(([maxSurge = 0, maxUnavailable = 0]) =>
      (["SUBSTITUTE", "RECREATE"] as const).map((method) => ({ size, maxSurge, maxUnavailable, method })),
    ),
  );
  // RECREATE comes with no surge (Google refuses it).
  const possible = rows.filter(({ method, maxSurge, maxUnavailable }) => method === "SUBSTITUTE" || (maxSurge === 0 && maxUnavailable > 0));
  test.each(possible)("of $size by $method, surge $maxSurge, unavailable $maxUnavailable", ({ size, method, maxSurge, maxUnavailable }) => {
    const world = new World(spec(size, { method, maxSurge, maxUnavailable })).settle();
    const names = [...world.names];
    const watched = watch(world);
    change(world, { template: v2 });
    expect(world.isStable).toBe(false);
    world.run(120_000);
    expect(templates(world)).toEqual(of(size, v2.name));
    expect(world.isStable).toBe(true);
    expect(update(world)).toBeUndefined();
    expect(watched.most).toBeLessThanOrEqual(size + maxSurge);
    expect(watched.fewest).toBeGreaterThanOrEqual(size - maxUnavailable);
    if (method === "RECREATE") expect(world.names).toEqual(names);
    else expect(world.names.filter((name) => names.includes(name))).toEqual([]);
  });

  test.each(["OPPORTUNISTIC" as const])("%s: nobody is touched, and what is made new has the new version", (type) => {
    const world = new World(spec(3, { type })).settle();
    change(world, { template: v2 });
    world.run(60_000);
    expect(templates(world)).toEqual(of(3, template.name));
    change(world, { targetSize: 5 });
    world.run(60_000);
    expect(templates(world)).toEqual([...of(3, template.name), ...of(2, v2.name)]);
    expect(world.isStable).toBe(true);
  });

  test.each([
    [1, 0, 5, 1],
    [0, 1, 4, 1],
    [1, 1, 4, 2],
    [2, 1, 4, 3],
    [0, 2, 3, 2],
  ])(
    "surge %i, unavailable %i: new instances that never become healthy stop it, and it says why",
    (maxSurge, maxUnavailable, old, fresh) => {
      const world = new World(spec(5, { maxSurge, maxUnavailable })).settle();
      const before = new Set(world.names);
      world.knobs.probe = ({ name }) => (before.has(name) ? reachable : wrongAnswer);
      change(world, { template: v2 });
      world.run(300_000);
      const serving = world.instances.filter(({ name, status }) => before.has(name) && status === "RUNNING");
      expect(serving).toHaveLength(old);
      expect(world.instances).toHaveLength(old + fresh);
      expect(world.isStable).toBe(false);
      const { waits = [] } = update(world) ?? {};
      expect(waits).toHaveLength(fresh);
      expect(waits[0]).toMatch(/^web-\w{4} of instanceTemplates\/web-v2 is UNHEALTHY by healthChecks\/hc$/);
      // Back to what was good.
      change(world, { template });
      world.run(120_000);
      expect(templates(world)).toEqual(of(5, template.name));
      expect(world.isStable).toBe(true);
    },
  );

  test("a version that cannot even start stops it, too", () => {
    const world = new World(spec(4)).settle();
    change(world, { template: v2 });
    world.knobs.fleetFails = true;
    world.run(60_000);
    expect(world.instances.filter(({ status }) => status === "RUNNING")).toHaveLength(4);
    expect(update(world)?.waits[0]).toMatch(/does not run yet: the fleet answered 500/);
  });

  test("the old version is remembered as good, the new one once it is", () => {
    const world = new World(spec(2)).settle();
    expect(report(world.state).goodTemplates).toEqual([template.name]);
    change(world, { template: v2 });
    expect(report(world.state).goodTemplates).toEqual([template.name]);
    world.run(60_000);
    expect(report(world.state).goodTemplates).toEqual([template.name, v2.name]);
  });
});

describe("a canary", () => {
  test.each([
    [5, 1, 1],
    [10, 2, 2],
    [6, 0, 0],
    [3, 3, 3],
    [3, 7, 3],
  ])("in a group of %i, %i wanted: %i", (size, wanted, count) => {
    const world = new World(spec(size)).settle();
    const watched = watch(world);
    change(world, { canaries: [{ template: v2, size: wanted }] });
    world.run(200_000);
    expect(templates(world)).toEqual([...of(size - count, template.name), ...of(count, v2.name)]);
    expect(world.isStable).toBe(true);
    expect(watched.fewest).toBeGreaterThanOrEqual(size);
    expect(watched.most).toBeLessThanOrEqual(size + 1);
  });

  test("becomes the whole, or goes away again", () => {
    const world = new World(spec(4)).settle();
    change(world, { canaries: [{ template: v2, size: 1 }] });
    world.run(60_000);
    const [canary] = world.instances.filter((instance) => instance.template === v2.name);
    change(world, { template: v2, canaries: [] });
    world.run(120_000);
    expect(templates(world)).toEqual(of(4, v2.name));
    expect(world.names).toContain(canary?.name);
    change(world, { template, canaries: [] });
    world.run(120_000);
    expect(templates(world)).toEqual(of(4, template.name));
  });

  test("a resize keeps to the share", () => {
    const world = new World(spec(4, {}, { canaries: [{ template: v2, size: 1 }] })).settle();
    expect(templates(world)).toEqual([...of(3, template.name), v2.name]);
    change(world, { targetSize: 8, canaries: [{ template: v2, size: 2 }] });
    world.run(60_000);
    expect(templates(world)).toEqual([...of(6, template.name), ...of(2, v2.name)]);
    change(world, { targetSize: 2, canaries: [{ template: v2, size: 1 }] });
    world.run(60_000);
    expect(templates(world)).toEqual([template.name, v2.name]);
  });
});

test.each([
  [5, 0, 1, 0],
  [5, 2, 1, 0],
  [3, 1, 3, 2],
  [2, 1, 0, 1],
])("a group of %i that is unhealthy shrinks to %i all the same, surge %i, unavailable %i", (from, to, maxSurge, maxUnavailable) => {
  const world = new World(spec(from, { maxSurge, maxUnavailable })).settle();
  world.knobs.probe = () => wrongAnswer;
  world.run(30_000);
  world.resize(to);
  world.run(30_000);
  expect(world.instances).toHaveLength(to);
});

describe("less than a replacement", () => {
  const restarted = { ...template, name: "instanceTemplates/restarted", metadata: { "startup-script": "exec again" } };
  const relabelled = { ...template, name: "instanceTemplates/relabelled", labels: { tier: "gold" } };

  test("a restart keeps name and id, and stays within what may be unavailable", () => {
    const world = new World(spec(4, { minimalAction: "NONE", maxSurge: 1, maxUnavailable: 1 })).settle();
    const before = world.instances.map(({ name, id }) => `${name} ${id}`);
    const watched = watch(world);
    change(world, { template: restarted });
    expect(world.phases).toContain("STOPPING/RESTARTING");
    world.run(120_000);
    expect(world.instances.map(({ name, id }) => `${name} ${id}`)).toEqual(before);
    expect(templates(world)).toEqual(of(4, restarted.name));
    expect(watched.most).toBe(4);
    expect(watched.fewest).toBeGreaterThanOrEqual(3);
  });

  test("a refresh disturbs nobody", () => {
    const world = new World(spec(4, { minimalAction: "NONE" })).settle();
    const watched = watch(world);
    const calls = world.log.filter(({ action }) => action.kind === "create" || action.kind === "delete").length;
    change(world, { template: relabelled });
    world.run(10_000);
    expect(templates(world)).toEqual(of(4, relabelled.name));
    expect(watched.fewest).toBe(4);
    expect(world.log.filter(({ action }) => action.kind === "create" || action.kind === "delete")).toHaveLength(calls);
  });

  test("what needs more than is allowed is left alone", () => {
    const world = new World(spec(3, { minimalAction: "NONE", mostDisruptive: "REFRESH" })).settle();
    change(world, { template: restarted });
    world.run(60_000);
    expect(templates(world)).toEqual(of(3, template.name));
    change(world, { template: relabelled });
    world.run(60_000);
    expect(templates(world)).toEqual(of(3, relabelled.name));
  });
});

test("a thousand instances of one template are one decision", () => {
  const world = new World(spec(1000));
  const began = performance.now();
  world.step();
  expect(world.instances).toHaveLength(1000);
  expect(new Set(world.instances.map(({ id }) => id)).size).toBe(1000);
  // Quadratic work would take minutes; this is a bound on the order of growth, not on the machine.
  expect(performance.now() - began).toBeLessThan(5000);
});
