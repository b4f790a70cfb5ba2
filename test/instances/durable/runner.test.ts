import { describe, expect, test } from "vitest";
import { seededRandom } from "#base/random.ts";
import type { Fleet } from "#instances/durable/fleet-client.ts";
import { GroupRunner } from "#instances/durable/runner.ts";
import type { GroupStorage, StoredState } from "#instances/durable/storage.ts";
import type { FleetInstance, FleetState } from "#instances/fleet.ts";
import type { GroupReport, GroupSpec } from "#instances/group/spec.ts";
import type { ProbeOutcome } from "#instances/health/plan.ts";
import { httpProbe, managedSpec, template } from "../group/specs.ts";

/** Keeps what a disk would keep: nothing of it is shared with the runner. */
class MemoryStorage implements GroupStorage {
  state: StoredState | undefined;
  sequence = 0;
  wipes = 0;

  load(): { state?: StoredState; sequence: number } {
    return { ...(this.state ? { state: structuredClone(this.state) } : {}), sequence: this.sequence };
  }

  save(_previous: StoredState | undefined, { spec, lastId, templates, instances }: StoredState): void {
    this.state = structuredClone({ spec, lastId, templates, instances });
  }

  saveSequence(sequence: number): void {
    this.sequence = sequence;
  }

  wipe(): void {
    this.state = undefined;
    this.sequence = 0;
    this.wipes++;
  }
}

class MemoryFleet implements Fleet {
  readonly vms = new Map<string, FleetState>();
  readonly made: FleetInstance[] = [];
  refusal: string | undefined;
  onCreate: () => void = () => undefined;

  async create(instance: FleetInstance): Promise<FleetState> {
    this.onCreate();
    if (this.refusal !== undefined) throw new Error(this.refusal);
    this.made.push(instance);
    const known = this.vms.get(instance.id);
    const state = known ?? { name: instance.name, id: instance.id, address: `127.10.0.${this.vms.size + 1}`, pid: 1, running: true };
    this.vms.set(instance.id, state);
    return state;
  }

  async delete(_spec: GroupSpec, _name: string, id: string): Promise<void> {
    this.vms.delete(id);
  }

  async suspend(_spec: GroupSpec, _name: string, id: string): Promise<void> {
    const state = this.vms.get(id);
    if (state) this.vms.set(id, { ...state, suspended: true });
  }

  async list(): Promise<readonly FleetState[]> {
    return [...this.vms.values()];
  }
}

/** A group object without its object: manual clock, and what it tells the project. */
class Bench {
  now = 1_800_000_000_000;
  readonly storage = new MemoryStorage();
  readonly fleet = new MemoryFleet();
  readonly reports: GroupReport[] = [];
  readonly lines: string[] = [];
  observe: (report: GroupReport) => Promise<void> = async () => undefined;
  released: () => Promise<boolean> = async () => true;
  probe: () => Promise<ProbeOutcome> = async () => ({ ok: true });
  alarmAtMs = Number.POSITIVE_INFINITY;
  alarmsSet = 0;
  runner: GroupRunner;

  constructor() {
    this.runner = this.wake();
  }

  /** As after an eviction: a new runner on what is stored. */
  wake(): GroupRunner {
    this.runner = new GroupRunner({
      clock: { now: () => this.now },
      random: seededRandom(11),
      storage: this.storage,
      fleet: this.fleet,
      probe: () => this.probe(),
      observer: () => ({
        observeGroup: async (report) => {
          await this.observe(report);
          this.reports.push(report);
        },
        released: () => this.released(),
      }),
      setAlarm: (atMs) => {
        this.alarmAtMs = atMs;
        this.alarmsSet++;
      },
      keep: () => undefined,
      log: (line) => this.lines.push(line),
    });
    return this.runner;
  }

  async configure(spec: GroupSpec): Promise<void> {
    this.runner.configure(spec);
    await settle();
  }

  /** Time passes; alarms ring when they are due. */
  async pass(ms: number): Promise<void> {
    const endMs = this.now + ms;
    while (this.alarmAtMs <= endMs) {
      this.now = Math.max(this.now, this.alarmAtMs);
      this.alarmAtMs = Number.POSITIVE_INFINITY;
      this.runner.tick();
      await settle();
    }
    this.now = endMs;
  }

  get last(): GroupReport | undefined {
    return this.reports.at(-1);
  }
}

/** Lets promises that wait for nothing outside run to their end. */
async function settle(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

function deleted(version: number): GroupSpec {
  const { managed: _managed, ...rest } = managedSpec(0, { version });
  return { ...rest, kind: "deleted" };
}

describe("a specification", () => {
  test("is stored before anything is asked of the fleet", async () => {
    const bench = new Bench();
    const storedWhenAsked: unknown[] = [];
    bench.fleet.onCreate = () => storedWhenAsked.push(bench.storage.state?.instances.size);
    await bench.configure(managedSpec(2));
    expect(storedWhenAsked).toEqual([2, 2]);
    expect(bench.fleet.vms.size).toBe(2);
    expect(bench.last).toMatchObject({ key: "zones/z/instanceGroups/web", specVersion: 1, isStable: true });
    expect(bench.fleet.made[0]).toMatchObject({
      project: "demo",
      group: "zones/z/instanceGroups/web",
      groupName: "web",
      zone: "z",
      template: template.name,
      metadata: template.metadata,
      namedPorts: [{ name: "http", port: 8080 }],
    });
  });

  test("of a regional group makes each instance in its zone, with what its config says", async () => {
    const bench = new Bench();
    const spread = { zones: ["y", "z"], singleZone: false, redistributes: true };
    const configs = { "web-blue": { revision: 7, metadata: { color: "blue" } } };
    const intents = [{ id: 1, kind: "create" as const, names: ["web-blue", "web-plain"] }];
    await bench.configure(managedSpec(2, { managed: { baseInstanceName: "web", targetSize: 2, template, spread, configs, intents } }));
    expect(bench.fleet.made).toMatchObject([
      { name: "web-blue", zone: "y", metadata: { ...template.metadata, color: "blue" } },
      { name: "web-plain", zone: "z", metadata: template.metadata },
    ]);
    expect(bench.last?.instances[0]).toMatchObject({ zone: "y", config: 7 });
  });

  test.each([
    ["older", 4],
    ["the same again", 5],
  ])("%s is acknowledged and ignored", async (_, version) => {
    const bench = new Bench();
    await bench.configure(managedSpec(3, { version: 5 }));
    await bench.configure(managedSpec(1, { version }));
    expect(bench.last).toMatchObject({ specVersion: 5 });
    expect(bench.fleet.vms.size).toBe(3);
  });

  test("survives an eviction in the middle of its work", async () => {
    const bench = new Bench();
    bench.runner.configure(managedSpec(3));
    bench.wake().tick();
    await settle();
    expect(bench.fleet.vms.size).toBe(3);
    expect(bench.last?.isStable).toBe(true);
  });

  test("nothing happens in an object that has none", async () => {
    const bench = new Bench();
    bench.runner.tick();
    bench.runner.fleetEvent({ project: "demo", group: "g", name: "n", id: "1", exit: "exit code 0" });
    await settle();
    expect(bench.alarmsSet).toBe(0);
    expect(bench.reports).toEqual([]);
  });
});

describe("reports", () => {
  test("grow in sequence and speak of the newest state only", async () => {
    const bench = new Bench();
    const gate = Promise.withResolvers<void>();
    bench.observe = () => gate.promise;
    await bench.configure(managedSpec(1));
    for (let version = 2; version <= 9; version++) await bench.configure(managedSpec(version, { version }));
    expect(bench.reports).toEqual([]);
    bench.observe = async () => undefined;
    gate.resolve();
    await settle();
    expect(bench.reports.map(({ specVersion }) => specVersion)).toEqual([1, 9]);
    expect(bench.last?.instances).toHaveLength(9);
    expect(bench.reports[1]?.sequence).toBeGreaterThan(bench.reports[0]?.sequence ?? 0);
  });

  test("are sent again, by alarm and with growing pauses, until they are taken", async () => {
    const bench = new Bench();
    const attempts: number[] = [];
    bench.observe = async () => {
      attempts.push(bench.now);
      throw new Error("overloaded");
    };
    await bench.configure(managedSpec(0));
    await bench.pass(8000);
    expect(attempts.map((atMs) => Math.round((atMs - (attempts[0] ?? 0)) / 1000))).toEqual([0, 1, 3, 7]);
    bench.observe = async () => undefined;
    await bench.pass(10_000);
    expect(bench.reports).toHaveLength(1);
    expect(bench.lines[0]).toMatch(/^project demo did not take report \d+ of group zones\/z\/instanceGroups\/web: overloaded$/);
  });

  test("are not repeated while nothing changes", async () => {
    const bench = new Bench();
    await bench.configure(managedSpec(2, { probes: [httpProbe] }));
    await bench.pass(10_000);
    const before = bench.reports.length;
    await bench.pass(120_000);
    expect(bench.reports).toHaveLength(before);
  });

  test("are sent once more after an eviction, with a higher sequence, even if the clock was put back", async () => {
    const bench = new Bench();
    await bench.configure(managedSpec(1));
    const before = bench.last;
    bench.now -= 3_600_000;
    bench.wake().tick();
    await settle();
    expect(bench.last?.sequence).toBeGreaterThan(before?.sequence ?? 0);
    expect(bench.last?.instances).toEqual(before?.instances);
  });

  test("a process that ended is reported at once", async () => {
    const bench = new Bench();
    await bench.configure(managedSpec(2));
    await bench.pass(40_000);
    const [victim] = bench.last?.instances ?? [];
    bench.fleet.vms.delete(victim?.id ?? "");
    const before = bench.reports.length;
    const event = {
      project: "demo",
      group: "zones/z/instanceGroups/web",
      name: victim?.name ?? "",
      id: victim?.id ?? "",
      exit: "signal 9",
    };
    bench.runner.fleetEvent(event);
    await settle();
    const first = bench.reports[before]?.instances.find(({ name }) => name === victim?.name);
    expect(first).toMatchObject({ action: "RECREATING", status: "TERMINATED", lastError: "the VM ended by itself: signal 9" });
    expect(bench.last?.isStable).toBe(true);
    bench.runner.fleetEvent(event);
    await settle();
    expect(bench.last?.isStable).toBe(true);
  });

  test("the fleet's words reach the report", async () => {
    const bench = new Bench();
    bench.fleet.refusal = "the fleet answered 507: no address is left";
    await bench.configure(managedSpec(1));
    expect(bench.last?.instances[0]).toMatchObject({ action: "CREATING", lastError: "the fleet answered 507: no address is left" });
  });
});

describe("the shell", () => {
  test("a probe that never comes back holds up nothing", async () => {
    const bench = new Bench();
    bench.probe = () => new Promise(() => undefined);
    await bench.configure(managedSpec(1, { probes: [httpProbe] }));
    await bench.configure(managedSpec(4, { version: 2, probes: [httpProbe] }));
    expect(bench.fleet.vms.size).toBe(4);
    expect(bench.last?.instances).toHaveLength(4);
  });

  test("drains by alarms alone", async () => {
    const bench = new Bench();
    let yes = false;
    bench.released = async () => yes;
    await bench.configure(managedSpec(2));
    await bench.configure(managedSpec(0, { version: 2 }));
    await bench.pass(3000);
    expect(bench.fleet.vms.size).toBe(2);
    yes = true;
    await bench.pass(1000);
    expect(bench.fleet.vms.size).toBe(0);
    expect(bench.last).toMatchObject({ isStable: true, instances: [] });
  });

  test("proxies are asked to let go only once the project has taken the drain in", async () => {
    const bench = new Bench();
    let asked = 0;
    bench.released = async () => {
      asked++;
      return true;
    };
    await bench.configure(managedSpec(2));
    bench.observe = () => Promise.reject(new Error("overloaded"));
    await bench.configure(managedSpec(1, { version: 2 }));
    await bench.pass(3000);
    expect(asked).toBe(0);
    expect(bench.fleet.vms.size).toBe(2);
    bench.observe = async () => undefined;
    await bench.pass(5000);
    expect(asked).toBe(1);
    expect(bench.fleet.vms.size).toBe(1);
  });

  test("a project that cannot answer whether it let go is asked again, up to the bound", async () => {
    const bench = new Bench();
    bench.released = () => Promise.reject(new Error("overloaded"));
    await bench.configure(managedSpec(1));
    await bench.configure(managedSpec(0, { version: 2 }));
    await bench.pass(10_000);
    expect(bench.fleet.vms.size).toBe(1);
    await bench.pass(1000);
    expect(bench.fleet.vms.size).toBe(0);
  });

  test("an alarm that rings twice does nothing twice", async () => {
    const bench = new Bench();
    await bench.configure(managedSpec(3));
    for (let ring = 0; ring < 5; ring++) bench.runner.tick();
    await settle();
    expect(bench.fleet.made).toHaveLength(3);
  });

  test("is quiet between probes: alarms are set for due times, not in a hurry", async () => {
    const bench = new Bench();
    await bench.configure(managedSpec(1, { probes: [httpProbe] }));
    await bench.pass(60_000);
    const before = bench.alarmsSet;
    await bench.pass(60_000);
    expect(bench.alarmsSet - before).toBeGreaterThan(10);
    expect(bench.alarmsSet - before).toBeLessThan(32);
  });
});

describe("a deleted group", () => {
  test("ends its instances, says so, and forgets everything", async () => {
    const bench = new Bench();
    await bench.configure(managedSpec(2));
    await bench.configure(deleted(2));
    expect(bench.storage.wipes).toBe(0);
    await bench.pass(2000);
    expect(bench.fleet.vms.size).toBe(0);
    expect(bench.last).toMatchObject({ specVersion: 2, instances: [], isStable: true });
    expect(bench.storage.wipes).toBe(1);
    expect(bench.storage.state).toBeUndefined();
  });

  test("is not forgotten before the project knows", async () => {
    const bench = new Bench();
    bench.observe = () => Promise.reject(new Error("away"));
    await bench.configure(deleted(1));
    await bench.pass(30_000);
    expect(bench.storage.wipes).toBe(0);
    bench.observe = async () => undefined;
    await bench.pass(60_000);
    expect(bench.storage.wipes).toBe(1);
  });

  test("a group of the same name can follow, with ids and sequences that go on", async () => {
    const bench = new Bench();
    await bench.configure(managedSpec(1));
    const before = bench.last;
    await bench.configure(deleted(2));
    await bench.pass(2000);
    await bench.configure(managedSpec(1, { version: 1 }));
    expect(bench.last?.isStable).toBe(true);
    expect(bench.last?.sequence).toBeGreaterThan(before?.sequence ?? 0);
    expect(BigInt(bench.last?.instances[0]?.id ?? 0)).toBeGreaterThan(BigInt(before?.instances[0]?.id ?? 0));
    await bench.pass(60_000);
    expect(bench.fleet.vms.size).toBe(1);
  });
});
