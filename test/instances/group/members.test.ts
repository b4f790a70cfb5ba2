import { describe, expect, test } from "vitest";
import type { MemberSpec } from "#instances/group/spec.ts";
import { httpProbe, managedSpec, membersSpec } from "./specs.ts";
import { noAnswer, reachable, World, wrongAnswer } from "./world.ts";

const a: MemberSpec = { name: "vm-a", address: "10.0.0.1" };
const b: MemberSpec = { name: "vm-b", address: "10.0.0.2", port: 9000 };

function probedTargets(world: World): string[] {
  return world.log.flatMap(({ action }) => (action.kind === "probe" ? [`${action.target.address}:${action.target.port}`] : []));
}

describe("groups that nobody manages", () => {
  test.each(["unmanaged", "endpoints"] as const)("%s: members run from the start and nothing is made or ended", (kind) => {
    const world = new World(membersSpec(kind, [a, b]));
    world.run(60_000);
    expect(world.phases).toEqual(["RUNNING/NONE", "RUNNING/NONE"]);
    expect(world.isStable).toBe(true);
    expect(world.log).toEqual([]);
    expect(world.instances[1]).toMatchObject({ name: "vm-b", address: "10.0.0.2", port: 9000 });
    expect(world.instances[0]).not.toHaveProperty("template");
  });

  test("a member that is taken out is gone, the others keep their ids", () => {
    const world = new World(membersSpec("unmanaged", [a, b]));
    world.run(1);
    const id = world.instances.find(({ name }) => name === "vm-b")?.id;
    world.configure(membersSpec("unmanaged", [b]));
    expect(world.instances.map((each) => each.id)).toEqual([id]);
  });

  test.each([
    ["address", { ...a, address: "10.0.0.9" }],
    ["port", { ...a, port: 81 }],
  ])("at another %s it is another instance, of unknown health", (_, moved) => {
    const world = new World(membersSpec("unmanaged", [a], { probes: [httpProbe] }));
    world.run(1000);
    const [before] = world.instances;
    expect(before?.health).toEqual({ [httpProbe.id]: "HEALTHY" });
    world.configure(membersSpec("unmanaged", [moved], { probes: [httpProbe] }));
    const [after] = world.instances;
    expect(after?.id).not.toBe(before?.id);
    expect(after?.health).toEqual({ [httpProbe.id]: "UNKNOWN" });
  });

  test("a failing member turns unhealthy and comes back", () => {
    const world = new World(membersSpec("unmanaged", [a, b], { probes: [httpProbe] }));
    world.run(1000);
    world.knobs.probe = ({ name }) => (name === "vm-a" ? noAnswer : reachable);
    world.run(11_000);
    expect(world.instances.map((each) => each.health[httpProbe.id])).toEqual(["TIMEOUT", "HEALTHY"]);
    world.knobs.probe = () => reachable;
    world.run(11_000);
    expect(world.instances.map((each) => each.health[httpProbe.id])).toEqual(["HEALTHY", "HEALTHY"]);
  });

  test("a managed group that becomes unmanaged ends what it made", () => {
    const world = new World(managedSpec(2));
    world.run(1000);
    world.configure(membersSpec("unmanaged", [a]));
    world.run(2000);
    expect(world.vms.size).toBe(0);
    expect(world.instances.map(({ name }) => name)).toEqual(["vm-a"]);
  });
});

describe("which probes are made", () => {
  test.each<[string, MemberSpec, number | "serving", string[]]>([
    ["the port that the check fixes", b, 8080, ["10.0.0.2:8080"]],
    ["the endpoint's own port", b, "serving", ["10.0.0.2:9000"]],
    ["else the group's first named port", a, "serving", ["10.0.0.1:8080"]],
  ])("%s", (_, ...[member, port, expected]) => {
    const world = new World(membersSpec("endpoints", [member], { probes: [{ ...httpProbe, port }] }));
    world.run(100);
    expect(probedTargets(world)).toEqual(expected);
  });

  test("none where no port is known, and health stays unknown", () => {
    const world = new World(membersSpec("endpoints", [a], { probes: [{ ...httpProbe, port: "serving" }], namedPorts: [] }));
    world.run(60_000);
    expect(world.log).toEqual([]);
    expect(world.instances[0]?.health).toEqual({ [httpProbe.id]: "UNKNOWN" });
  });

  test("each instance under each probe, at its own pace", () => {
    const slow = { ...httpProbe, id: "healthChecks/slow:http", intervalMs: 20_000 };
    const world = new World(membersSpec("unmanaged", [a, b], { probes: [httpProbe, slow] }));
    world.run(1000);
    const before = world.log.length;
    world.run(60_000);
    const byProbe = Object.groupBy(world.log.slice(before), ({ action }) => (action.kind === "probe" ? action.probe.id : action.kind));
    expect(byProbe[httpProbe.id]?.length).toBeGreaterThanOrEqual(22);
    expect(byProbe[httpProbe.id]?.length).toBeLessThanOrEqual(26);
    expect(byProbe[slow.id]?.length).toBeGreaterThanOrEqual(4);
    expect(byProbe[slow.id]?.length).toBeLessThanOrEqual(8);
  });

  test("at most six at a time, and every instance gets its turn", () => {
    const members = Array.from({ length: 30 }, (_, index) => ({ name: `vm-${index}`, address: `10.0.1.${index}` }));
    const world = new World(membersSpec("unmanaged", members, { probes: [httpProbe] }));
    world.knobs.probeMs = 100;
    world.onStep = () => {
      const inFlight = [...world.state.memory.inFlight].filter((key) => key.startsWith("probe "));
      expect(inFlight.length).toBeLessThanOrEqual(6);
    };
    world.run(600);
    expect(new Set(probedTargets(world)).size).toBe(30);
  });

  test("a probe that takes long delays no resize", () => {
    const world = new World(managedSpec(1, { probes: [httpProbe] }));
    world.knobs.probeMs = 5000;
    world.run(100);
    world.resize(2);
    world.run(20);
    expect(world.running).toHaveLength(2);
  });

  test("instances that leave are probed no more, and a late result says nothing", () => {
    const world = new World(managedSpec(1, { probes: [httpProbe] }));
    world.knobs.released = () => false;
    world.run(1000);
    world.knobs.probeMs = 3000;
    world.run(5000);
    world.knobs.probe = () => wrongAnswer;
    world.resize(0);
    const before = probedTargets(world).length;
    world.run(9000);
    expect(probedTargets(world)).toHaveLength(before);
    expect(world.instances[0]?.health).toEqual({ [httpProbe.id]: "DRAINING" });
  });

  test("a probe that is taken away takes what it knew with it", () => {
    const world = new World(membersSpec("unmanaged", [a], { probes: [httpProbe] }));
    world.run(1000);
    world.configure(membersSpec("unmanaged", [a], { probes: [] }));
    expect(world.instances[0]?.health).toEqual({});
    world.configure(membersSpec("unmanaged", [a], { probes: [httpProbe] }));
    expect(world.instances[0]?.health).toEqual({ [httpProbe.id]: "UNKNOWN" });
  });
});

describe("an object made anew", () => {
  test("keeps health, so that no endpoint drops out", () => {
    const world = new World(membersSpec("unmanaged", [a, b], { probes: [httpProbe] }));
    world.knobs.probe = ({ name }) => (name === "vm-a" ? reachable : wrongAnswer);
    world.run(20_000);
    const before = world.instances;
    expect(before.map((each) => each.health[httpProbe.id])).toEqual(["HEALTHY", "UNHEALTHY"]);
    world.restart();
    expect(world.instances).toEqual(before);
  });

  test("takes up an unfinished creation without a second VM", () => {
    const world = new World(managedSpec(3));
    world.step();
    world.restart();
    world.run(100);
    expect(world.vms.size).toBe(3);
    expect(world.isStable).toBe(true);
  });

  test("takes up a drain where it was, and ends it within the bound of its beginning", () => {
    const world = new World(managedSpec(1));
    world.run(1000);
    world.knobs.released = () => false;
    world.resize(0);
    const resizedAt = world.now;
    world.run(6000);
    world.restart();
    world.run(10_000);
    expect(world.times("delete")).toEqual([resizedAt + 10_500]);
    expect(world.instances).toEqual([]);
  });

  test("finds what died while it was away", () => {
    const world = new World(managedSpec(2));
    world.run(40_000);
    world.kill(world.instances[0]?.name ?? "", false);
    world.restart();
    world.run(200);
    expect(world.running).toHaveLength(2);
    expect(world.isStable).toBe(true);
  });
});
