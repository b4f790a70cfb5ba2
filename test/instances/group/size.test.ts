import { describe, expect, test } from "vitest";
import { describe as describeGroup } from "#instances/group/report.ts";
import type { Phase } from "#instances/group/state.ts";
import { httpProbe, managedSpec, template } from "./specs.ts";
import { World } from "./world.ts";

describe("reaching the size", () => {
  test.each([0, 1, 3, 10])("%i instances are made side by side", (size) => {
    const world = new World(managedSpec(size));
    world.step();
    expect(world.phases).toEqual(Array.from({ length: size }, () => "STAGING/CREATING"));
    expect(new Set(world.times("create")).size).toBe(Math.min(1, size));
    expect(world.isStable).toBe(size === 0);
    world.run(20);
    expect(world.phases).toEqual(Array.from({ length: size }, () => "RUNNING/NONE"));
    expect(world.isStable).toBe(true);
    expect(new Set(world.instances.map(({ id }) => id)).size).toBe(size);
  });

  test("a large group is made a bounded number at a time", () => {
    const world = new World(managedSpec(40));
    world.step();
    expect(world.times("create")).toHaveLength(16);
    expect(world.phases.filter((phase) => phase === "PROVISIONING/CREATING")).toHaveLength(24);
    world.run(60);
    expect(world.running).toHaveLength(40);
  });

  test("a thousand are one decision, and how fast they come is told", () => {
    const world = new World(managedSpec(2)).settle();
    const decidedAtMs = world.now;
    world.resize(1_002);
    expect(world.instances).toHaveLength(1_002);
    expect(new Set(world.instances.map(({ createdAtMs }) => createdAtMs)).size).toBe(2);
    world.knobs.fleetMs = 100;
    world.run(10_000);
    // Sixteen at a time, the first of them on their way before the fleet became slow.
    const { creation } = describeGroup(world.state);
    expect(creation).toMatchObject({ decidedAtMs, made: 1_000 });
    expect((creation?.lastMadeAtMs ?? 0) - decidedAtMs).toBeGreaterThanOrEqual(6_000);
    expect((creation?.lastMadeAtMs ?? 0) - decidedAtMs).toBeLessThanOrEqual(6_300);
    // What is made again is no creation.
    world.kill(world.names[0] ?? "");
    world.run(60_000);
    expect(describeGroup(world.state).creation).toEqual(creation);
  });

  test("instances carry name, id, address and template", () => {
    const world = new World(managedSpec(1)).settle();
    const [instance] = world.instances;
    expect(instance?.name).toMatch(/^web-[a-z0-9]{4}$/);
    expect(instance?.address).toBe("127.10.0.1");
    expect(instance?.template).toBe(template.name);
    expect(instance).not.toHaveProperty("port");
    expect(instance).not.toHaveProperty("lastError");
  });

  test("without a fleet they wait to join, and nothing is asked for", () => {
    const world = new World(managedSpec(2));
    world.knobs.hasFleet = false;
    world.run(60_000);
    expect(world.phases).toEqual(["PROVISIONING/CREATING", "PROVISIONING/CREATING"]);
    expect(world.log).toEqual([]);
    world.resize(1);
    expect(world.instances).toHaveLength(1);
  });

  test("resize up keeps who is there", () => {
    const world = new World(managedSpec(3)).settle();
    const before = [...world.names];
    world.resize(5);
    world.run(20);
    expect(world.running).toHaveLength(5);
    expect(world.names).toEqual(expect.arrayContaining(before));
  });

  test("an older revision of the specification's template stays with its instances, also when they are replaced", () => {
    const world = new World(managedSpec(2)).settle();
    const newer = { ...template, name: "instanceTemplates/web-v2" };
    world.configure(managedSpec(3, { managed: { baseInstanceName: "web", targetSize: 3, template: newer } }));
    world.settle();
    expect(world.instances.map((each) => each.template ?? "").sort()).toEqual([template.name, template.name, newer.name]);
    world.kill(world.instances.find((each) => each.template === template.name)?.name ?? "");
    world.settle();
    expect(world.instances.filter((each) => each.template === template.name)).toHaveLength(2);
    expect(world.state.templates.size).toBe(2);
  });

  test("a template that nothing is made from is forgotten", () => {
    const world = new World(managedSpec(1)).settle();
    const newer = { ...template, metadata: { "startup-script": "exec web2" } };
    world.configure(managedSpec(0, { managed: { baseInstanceName: "web", targetSize: 0, template: newer } }));
    world.run(5000);
    expect([...world.state.templates.values()]).toEqual([newer]);
  });
});

describe("resize down: who goes first", () => {
  const running: Phase = { is: "running", sinceMs: 0, verified: true };
  const states: Readonly<Record<string, { phase?: Phase; health?: "HEALTHY" | "UNHEALTHY" | "TIMEOUT"; old?: boolean }>> = {
    waiting: { phase: { is: "creating", again: false, started: false, dueAtMs: 9e15 } },
    replaced: { phase: { is: "replacing", ended: true, dueAtMs: 9e15, restartAtMs: 9e15 } },
    unhealthy: { health: "UNHEALTHY" },
    silent: { health: "TIMEOUT" },
    unknown: {},
    outdated: { health: "HEALTHY", old: true },
    fine: { health: "HEALTHY" },
  };

  /** Instances of these states, oldest first; answers which are leaving once the size is one smaller. */
  function victimOf(kinds: readonly string[]): string | undefined {
    const world = new World(managedSpec(0, { probes: [httpProbe] }));
    const made = kinds.map((kind, index) => {
      const { phase = running, health, old = false } = states[kind] ?? {};
      const instance = {
        name: `web-${index}${kind}`,
        id: String(index + 1),
        createdAtMs: index,
        phase,
        address: "127.0.0.1",
        templateRevision: old ? 1 : 2,
        health: health ? { [httpProbe.id]: health } : {},
        failures: 0,
      };
      return [instance.name, instance] as const;
    });
    const templates = new Map([
      [1, { ...template, name: "instanceTemplates/old" }],
      [2, template],
    ]);
    world.state = { ...world.state, instances: new Map(made), templates, lastId: "100" };
    world.resize(kinds.length - 1);
    const leaving = world.instances.filter(({ action }) => action === "DELETING").map(({ name }) => name);
    expect(leaving).toHaveLength(1);
    return leaving[0];
  }

  test.each([
    ["not yet running before unhealthy", ["unhealthy", "waiting"], "web-1waiting"],
    ["being replaced before unhealthy", ["replaced", "silent"], "web-0replaced"],
    ["unhealthy before unknown", ["unhealthy", "unknown"], "web-0unhealthy"],
    ["without an answer before unknown", ["silent", "unknown"], "web-0silent"],
    ["unknown before healthy", ["unknown", "fine"], "web-0unknown"],
    ["of an old template before of the present one", ["outdated", "fine"], "web-0outdated"],
    ["unhealthy before of an old template", ["outdated", "unhealthy"], "web-1unhealthy"],
    ["among equals the youngest", ["fine", "fine", "fine"], "web-2fine"],
    ["among unhealthy ones the youngest", ["unhealthy", "fine", "unhealthy"], "web-2unhealthy"],
  ])("%s", (_, kinds, victim) => {
    expect(victimOf(kinds)).toBe(victim);
  });
});

describe("resize down: how it goes", () => {
  test("it leaves the endpoints at once and its process only after release and grace", () => {
    const world = new World(managedSpec(3, { probes: [httpProbe] })).settle();
    let released = false;
    world.knobs.released = () => released;
    const resizedAt = world.now;
    world.resize(2);
    const leaving = world.instances.find(({ action }) => action === "DELETING");
    expect(leaving).toMatchObject({ status: "STOPPING", health: { [httpProbe.id]: "DRAINING" } });
    expect(world.isStable).toBe(false);
    world.run(3000);
    expect(world.running).toHaveLength(3);
    released = true;
    world.run(251);
    expect(world.times("delete")).toEqual([]);
    world.run(501);
    expect(world.times("delete")).toHaveLength(1);
    world.run(20);
    expect(world.running.map((vm) => vm.state.name)).not.toContain(leaving?.name);
    expect(world.phases).toEqual(["RUNNING/NONE", "RUNNING/NONE"]);
    expect(world.isStable).toBe(true);
    const asked = world.times("askReleased").filter((atMs) => atMs >= resizedAt);
    for (const [index, atMs] of asked.slice(1).entries()) expect(atMs - (asked[index] ?? 0)).toBeLessThanOrEqual(251);
  });

  test.each([
    ["a grace of half a second without connection draining", 0, 500],
    ["the same with a shorter one", 100, 500],
    ["the connection draining asked for", 7000, 7000],
  ])("%s", (_, drainingTimeoutMs, graceMs) => {
    const world = new World(managedSpec(1, { drainingTimeoutMs })).settle();
    world.resize(0);
    const releasedAt = world.now + 1;
    world.run(graceMs + 100);
    expect(world.times("delete")).toEqual([releasedAt + graceMs]);
  });

  test("proxies that never let go hold it no longer than ten seconds and the grace", () => {
    const world = new World(managedSpec(1)).settle();
    world.knobs.released = () => false;
    const resizedAt = world.now;
    world.resize(0);
    world.run(20_000);
    expect(world.times("delete")).toEqual([resizedAt + 10_500]);
    expect(world.instances).toEqual([]);
  });

  test("two resizes wait for their own proxies only", () => {
    const world = new World(managedSpec(3)).settle();
    let stuck = "";
    world.knobs.released = (names) => !names.includes(stuck);
    world.resize(2);
    stuck = world.instances.find(({ action }) => action === "DELETING")?.name ?? "";
    world.run(400);
    world.resize(1);
    world.run(2000);
    expect(world.running).toHaveLength(2);
    expect(world.running.map((vm) => vm.state.name)).toContain(stuck);
  });

  test("an instance that is still being made is ended as soon as that call is back", () => {
    const world = new World(managedSpec(1));
    world.knobs.fleetMs = 3000;
    world.run(100);
    world.resize(0);
    expect(world.phases).toEqual(["STOPPING/DELETING"]);
    expect(world.times("delete")).toEqual([]);
    world.run(10_000);
    expect(world.vms.size).toBe(0);
    expect(world.instances).toEqual([]);
    expect(world.times("askReleased")).toEqual([]);
  });

  test("growing again while one drains makes a new one", () => {
    const world = new World(managedSpec(2)).settle();
    world.knobs.released = () => false;
    const before = [...world.names];
    world.resize(1);
    world.resize(2);
    world.run(1000);
    expect(world.instances).toHaveLength(3);
    world.run(20_000);
    expect(world.isStable).toBe(true);
    expect(world.names).not.toEqual(before);
  });

  test("one that dies while it drains is ended without waiting on", () => {
    const world = new World(managedSpec(1)).settle();
    world.knobs.released = () => false;
    world.resize(0);
    world.kill(world.names[0] ?? "");
    world.run(100);
    expect(world.instances).toEqual([]);
  });
});
