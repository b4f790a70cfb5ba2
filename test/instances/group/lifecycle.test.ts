import { describe, expect, test } from "vitest";
import { healedSpec, httpProbe, managedSpec } from "./specs.ts";
import { noAnswer, reachable, World, wrongAnswer } from "./world.ts";

describe("a process that ends by itself", () => {
  test("is made again under its name with a new id, at once when it had proven itself", () => {
    const world = new World(managedSpec(3));
    world.run(40_000);
    const [before] = world.instances;
    world.kill(before?.name ?? "");
    expect(world.phases).toContain("TERMINATED/RECREATING");
    expect(world.isStable).toBe(false);
    world.run(20);
    expect(world.phases).toContain("STAGING/RECREATING");
    world.run(20);
    const after = world.instances.find(({ name }) => name === before?.name);
    expect(after).toMatchObject({ status: "RUNNING", action: "NONE", lastError: "the VM ended by itself: signal SIGKILL" });
    expect(after?.id).not.toBe(before?.id);
    expect(after?.address).not.toBe(before?.address);
    expect(world.running).toHaveLength(3);
  });

  test("pauses double from one second to a minute while it keeps dying", () => {
    const world = new World(managedSpec(1));
    world.run(20);
    const pauses: number[] = [];
    for (let death = 0; death < 9; death++) {
      const diedAt = world.now;
      world.kill(world.names[0] ?? "");
      while (world.running.length === 0) world.run(10);
      pauses.push(Math.round((world.now - diedAt) / 1000));
    }
    expect(pauses).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60]);
  });

  test("thirty seconds alive end the doubling", () => {
    const world = new World(managedSpec(1));
    world.run(20);
    for (let death = 0; death < 4; death++) {
      world.kill(world.names[0] ?? "");
      world.run(9000);
    }
    world.run(31_000);
    expect(world.running).toHaveLength(1);
    world.kill(world.names[0] ?? "");
    world.run(100);
    expect(world.running).toHaveLength(1);
  });

  test("is found by the next list when the event is lost", () => {
    const world = new World(managedSpec(2));
    world.run(40_000);
    world.kill(world.names[0] ?? "", false);
    world.run(10_100);
    expect(world.running).toHaveLength(2);
    expect(world.isStable).toBe(true);
  });

  test("is found by the list when the whole fleet was lost, and not held against anyone", () => {
    const world = new World(managedSpec(3)).settle();
    world.vms.clear();
    world.run(10_100);
    expect(world.running).toHaveLength(3);
    expect(world.instances.map((each) => each.lastError)).toEqual(Array.from({ length: 3 }, () => "the VM was lost with its host"));
    expect([...world.state.instances.values()].map(({ failures }) => failures)).toEqual([0, 0, 0]);
  });

  test("an event about an id that is gone changes nothing", () => {
    const world = new World(managedSpec(1)).settle();
    const before = world.state.instances;
    world.step({ kind: "exited", id: "12345", exit: "exit code 1" });
    expect(world.state.instances).toBe(before);
  });

  test("an end that the fleet reports before it has answered counts once", () => {
    const world = new World(managedSpec(1));
    world.step();
    const [before] = world.instances;
    world.step({ kind: "exited", id: before?.id ?? "", exit: "exit code 1" });
    world.run(500);
    expect(world.phases).toEqual(["PROVISIONING/RECREATING"]);
    expect([...world.state.instances.values()].map(({ failures }) => failures)).toEqual([1]);
    world.run(1500);
    expect(world.phases).toEqual(["RUNNING/NONE"]);
  });

  test("a fleet that answers with a VM already ended has it made again", () => {
    const world = new World(managedSpec(1));
    world.step();
    const [instance] = world.instances;
    const state = {
      name: instance?.name ?? "",
      id: instance?.id ?? "",
      address: "127.10.0.9",
      pid: 7,
      running: false,
      exit: "exit code 3",
    };
    world.step({ kind: "created", key: `fleet ${state.id}`, id: state.id, state });
    expect(world.instances[0]).toMatchObject({ action: "RECREATING", lastError: "the VM ended by itself: exit code 3" });
  });
});

describe("a fleet in trouble", () => {
  test("refused creations are tried again with growing pauses, and the reason is shown", () => {
    const world = new World(managedSpec(1));
    world.knobs.fleetFails = true;
    world.run(16_000);
    const created = world.times("create");
    expect(created.slice(1).map((atMs, index) => Math.round((atMs - (created[index] ?? 0)) / 1000))).toEqual([1, 2, 4, 8]);
    expect(world.instances[0]).toMatchObject({
      status: "PROVISIONING",
      action: "CREATING",
      lastError: "the fleet answered 500: out of order",
    });
    world.knobs.fleetFails = false;
    world.run(60_000);
    expect(world.isStable).toBe(true);
  });

  test("refused deletions are tried again until they succeed", () => {
    const world = new World(managedSpec(1)).settle();
    world.knobs.fleetFails = true;
    world.resize(0);
    world.run(5000);
    expect(world.times("delete").length).toBeGreaterThan(2);
    expect(world.phases).toEqual(["STOPPING/DELETING"]);
    world.knobs.fleetFails = false;
    world.run(3000);
    expect(world.instances).toEqual([]);
    expect(world.vms.size).toBe(0);
  });

  test("VMs that the group knows nothing of are ended", () => {
    const world = new World(managedSpec(1)).settle();
    world.vms.set("99", { state: { name: "web-lost", id: "99", address: "127.10.9.9", pid: 4, running: true }, startedAtMs: 0 });
    world.run(10_100);
    expect([...world.vms.keys()]).toEqual(world.instances.map(({ id }) => id));
  });

  test("a list asked for before an instance was made does not speak against it", () => {
    const world = new World(managedSpec(1)).settle();
    world.step({ kind: "listed", key: "list", askedAtMs: 0, states: [] });
    expect(world.phases).toEqual(["RUNNING/NONE"]);
  });
});

describe("autohealing", () => {
  test("an instance is being verified until its check succeeds once", () => {
    const world = new World(healedSpec(1, 60_000));
    world.knobs.probe = () => wrongAnswer;
    world.run(3000);
    expect(world.phases).toEqual(["RUNNING/VERIFYING"]);
    expect(world.isStable).toBe(false);
    world.knobs.probe = () => reachable;
    world.run(1100);
    expect(world.phases).toEqual(["RUNNING/NONE"]);
    expect(world.isStable).toBe(true);
  });

  test.each([
    ["no initial delay: as soon as it is unhealthy", 0, 10_000, 12_000],
    ["during the initial delay failures are ignored", 60_000, 60_000, 62_000],
  ])("%s", (_, ...[initialDelayMs, earliest, latest]) => {
    const world = new World(healedSpec(1, initialDelayMs));
    world.knobs.probe = () => noAnswer;
    world.run(latest);
    const [deletedAt] = world.times("delete");
    expect(deletedAt).toBeGreaterThanOrEqual(1_000_000 + earliest);
    expect(world.instances[0]?.lastError).toContain("found the VM TIMEOUT");
  });

  test("after a first success the delay is over", () => {
    const world = new World(healedSpec(1, 3_600_000));
    world.run(3000);
    const [before] = world.instances;
    world.knobs.probe = () => wrongAnswer;
    world.run(12_000);
    const [after] = world.instances;
    expect(after?.name).toBe(before?.name);
    expect(after?.id).not.toBe(before?.id);
    expect(world.running).toHaveLength(1);
  });

  test("the old process is ended before the new one is made, and shown as being recreated", () => {
    const world = new World(healedSpec(1, 0));
    world.run(3000);
    world.knobs.probe = () => wrongAnswer;
    world.knobs.fleetMs = 2000;
    const seen = new Set<string>();
    world.onStep = () => {
      for (const phase of world.phases) seen.add(phase);
      expect(world.running.length).toBeLessThanOrEqual(1);
    };
    world.run(20_000);
    expect([...seen]).toEqual(expect.arrayContaining(["STOPPING/RECREATING", "STAGING/RECREATING"]));
  });

  test("without autohealing an unhealthy instance is left alone", () => {
    const world = new World(managedSpec(2, { probes: [httpProbe] }));
    world.knobs.probe = () => wrongAnswer;
    world.run(120_000);
    expect(world.times("delete")).toEqual([]);
    expect(world.phases).toEqual(["RUNNING/NONE", "RUNNING/NONE"]);
    expect(world.instances.map((each) => each.health[httpProbe.id])).toEqual(["UNHEALTHY", "UNHEALTHY"]);
  });
});

describe("the end of a group", () => {
  test("its instances drain and end", () => {
    const world = new World(managedSpec(3)).settle();
    const { managed: _managed, ...rest } = world.state.spec;
    world.configure({ ...rest, kind: "deleted" });
    expect(world.phases).toEqual(Array.from({ length: 3 }, () => "STOPPING/DELETING"));
    world.run(1000);
    expect(world.instances).toEqual([]);
    expect(world.vms.size).toBe(0);
    expect(world.isStable).toBe(true);
  });

  test("a group of the same name that follows at once starts while the old one ends", () => {
    const world = new World(managedSpec(2, { drainingTimeoutMs: 5000 })).settle();
    const { managed: _managed, ...rest } = world.state.spec;
    world.configure({ ...rest, kind: "deleted" });
    world.configure(managedSpec(1));
    world.run(100);
    expect([...world.phases].sort()).toEqual(["RUNNING/NONE", "STOPPING/DELETING", "STOPPING/DELETING"]);
    world.run(10_000);
    expect(world.phases).toEqual(["RUNNING/NONE"]);
  });
});
