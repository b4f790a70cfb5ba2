import { describe, expect, test } from "vitest";
import { describe as report } from "#instances/group/report.ts";
import type { GroupSpec, Intent, TemplateSpec, UpdateSpec } from "#instances/group/spec.ts";
import { managedSpec, template } from "../group/specs.ts";
import { World } from "../group/world.ts";

type Managed = NonNullable<GroupSpec["managed"]>;
type Asked = Intent extends infer Any ? (Any extends Intent ? Omit<Any, "id"> : never) : never;

const v2: TemplateSpec = { ...template, name: "instanceTemplates/web-v2", metadata: { "startup-script": "exec web2" } };
const opportunistic: UpdateSpec = {
  type: "OPPORTUNISTIC",
  method: "SUBSTITUTE",
  minimalAction: "REPLACE",
  mostDisruptive: "REPLACE",
  maxSurge: 1,
  maxUnavailable: 1,
};

/** A group, and what its manager asks of it. */
class Asking {
  readonly world: World;
  #lastId = 0;

  constructor(size: number, changes: Partial<Managed> = {}) {
    const managed: Managed = { baseInstanceName: "web", targetSize: size, template, update: opportunistic, ...changes };
    this.world = new World(managedSpec(size, { managed })).settle();
  }

  /** As a verb does: the intent and the new size in one specification. */
  ask(asked: Asked, resizedBy = 0): this {
    const { managed } = this.world.state.spec;
    if (!managed) throw new Error("not managed");
    const intent = { ...asked, id: ++this.#lastId } as Intent;
    const intents = [...(managed.intents ?? []), intent];
    this.world.configure({ ...this.world.state.spec, managed: { ...managed, targetSize: managed.targetSize + resizedBy, intents } });
    return this;
  }

  get shown(): string[] {
    return this.world.instances.map(({ name, status, action }) => `${name} ${status}/${action}`);
  }

  name(index: number): string {
    return this.world.names[index] ?? "";
  }

  idOf(name: string): string | undefined {
    return this.world.instances.find((instance) => instance.name === name)?.id;
  }
}

describe("what is asked of single instances", () => {
  test("recreate: the name stays, the VM is another", () => {
    const group = new Asking(3);
    const [name, other] = [group.name(1), group.name(0)];
    const [id, otherId] = [group.idOf(name), group.idOf(other)];
    group.ask({ kind: "recreate", names: [name] });
    expect(group.shown).toContain(`${name} STOPPING/RECREATING`);
    group.world.settle();
    expect(group.idOf(name)).not.toBe(id);
    expect(group.idOf(other)).toBe(otherId);
    expect(group.world.names).toHaveLength(3);
  });

  test("delete: it goes, and the group is smaller", () => {
    const group = new Asking(3);
    const name = group.name(1);
    group.ask({ kind: "delete", names: [name] }, -1);
    expect(group.shown).toContain(`${name} STOPPING/DELETING`);
    group.world.settle();
    expect(group.world.names).toHaveLength(2);
    expect(group.world.names).not.toContain(name);
  });

  test("abandon: its process runs on, and is nobody's", () => {
    const group = new Asking(3);
    const name = group.name(2);
    group.ask({ kind: "abandon", names: [name] }, -1);
    group.world.run(60_000);
    expect(group.world.names).toHaveLength(2);
    expect(group.world.running.map(({ state }) => state.name)).toContain(name);
    expect(group.world.isStable).toBe(true);
    group.world.kill(name);
    group.world.run(60_000);
    expect(group.world.state.instances.has(name)).toBe(false);
  });

  test("create: by the names that were asked for", () => {
    const group = new Asking(1).ask({ kind: "create", names: ["web-blue", "web-green"] }, 2);
    group.world.settle();
    expect(group.world.names).toEqual(expect.arrayContaining(["web-blue", "web-green"]));
    expect(group.world.running).toHaveLength(3);
  });

  test.each([
    ["stop", "STOPPING", "STOPPED", "STARTING"],
    ["suspend", "SUSPENDING", "SUSPENDED", "RESUMING"],
  ] as const)("%s and start: it keeps name and id, and its place is not filled", (kind, going, gone, coming) => {
    const group = new Asking(3);
    const name = group.name(0);
    const id = group.idOf(name);
    group.ask({ kind, names: [name] }, -1);
    expect(group.shown).toContain(`${name} ${going}/${going}`);
    group.world.run(30_000);
    expect(group.shown).toContain(`${name} ${gone}/NONE`);
    expect(group.world.running).toHaveLength(2);
    expect(group.world.isStable).toBe(true);
    group.ask({ kind: "start", names: [name] }, 1);
    expect(group.shown).toContain(`${name} STAGING/${coming}`);
    group.world.settle();
    expect(group.idOf(name)).toBe(id);
    expect(group.world.running).toHaveLength(3);
  });

  test("a suspended VM is the same one when it goes on, and a list meanwhile does not take it for running", () => {
    const group = new Asking(2);
    const name = group.name(0);
    group.ask({ kind: "suspend", names: [name] }, -1);
    group.world.run(10 * 60_000);
    expect(group.world.times("suspend")).toHaveLength(1);
    expect(group.world.times("delete")).toEqual([]);
    expect(group.world.vms.get(group.idOf(name) ?? "")?.state).toMatchObject({ running: true, suspended: true });
    group.world.knobs.fleetFails = true;
    group.ask({ kind: "start", names: [name] }, 1);
    group.world.run(5_000);
    group.world.knobs.fleetFails = false;
    const before = group.world.running.length;
    group.world.run(60_000);
    expect([before, group.world.running.length]).toEqual([1, 2]);
    expect(group.shown).toContain(`${name} RUNNING/NONE`);
  });

  test("a suspended instance can be stopped and deleted", () => {
    const group = new Asking(2);
    const [first, second] = [group.name(0), group.name(1)];
    group.ask({ kind: "suspend", names: [first, second] }, -2);
    group.world.run(10_000);
    group.ask({ kind: "stop", names: [first] });
    group.ask({ kind: "delete", names: [second] });
    group.world.run(10_000);
    expect(group.shown).toEqual([`${first} STOPPED/NONE`]);
    expect([...group.world.vms]).toEqual([]);
  });

  test("a stopped instance can be deleted, and goes with its group", () => {
    const group = new Asking(2);
    const [first, second] = [group.name(0), group.name(1)];
    group.ask({ kind: "stop", names: [first, second] }, -2);
    group.world.run(10_000);
    group.ask({ kind: "delete", names: [first] });
    group.world.run(10_000);
    expect(group.world.names).toEqual([second]);
    group.world.configure({ ...managedSpec(0), kind: "deleted" });
    group.world.run(10_000);
    expect(group.world.state.instances.size).toBe(0);
  });

  test("each is done once, however often it is said", () => {
    const group = new Asking(2).ask({ kind: "recreate", names: [] }).ask({ kind: "create", names: ["web-extra"] }, 1);
    group.world.settle();
    const made = group.world.times("create").length;
    group.world.configure(group.world.state.spec);
    group.world.restart();
    group.world.settle();
    expect(group.world.times("create")).toHaveLength(made);
    expect(report(group.world.state).intentsDone).toBe(2);
  });

  test("names that are gone are passed over", () => {
    const group = new Asking(2).ask({ kind: "recreate", names: ["web-gone"] }).ask({ kind: "start", names: ["web-gone"] });
    group.world.settle();
    expect(group.world.running).toHaveLength(2);
    expect(report(group.world.state).intentsDone).toBe(2);
  });
});

describe("applyUpdatesToInstances", () => {
  const withV2 = (group: Asking): void => {
    const { managed } = group.world.state.spec;
    if (managed) group.world.configure({ ...group.world.state.spec, managed: { ...managed, template: v2 } });
  };
  const onV2 = (group: Asking): string[] => group.world.instances.flatMap(({ name, template: one }) => (one === v2.name ? [name] : []));

  test("those that are named, and no other", () => {
    const group = new Asking(3);
    const name = group.name(1);
    withV2(group);
    group.ask({ kind: "update", names: [name], minimalAction: "REPLACE", mostDisruptive: "REPLACE" });
    group.world.settle();
    expect(onV2(group)).toEqual([name]);
  });

  test("all, by no more than it takes", () => {
    const group = new Asking(3);
    const ids = group.world.instances.map(({ id }) => id);
    withV2(group);
    group.ask({ kind: "update", minimalAction: "NONE", mostDisruptive: "REPLACE" });
    expect(group.shown.every((one) => one.endsWith("STOPPING/RESTARTING"))).toBe(true);
    group.world.settle();
    expect(onV2(group)).toHaveLength(3);
    expect(group.world.instances.map(({ id }) => id)).toEqual(ids);
  });

  test("nobody where it takes more than is allowed", () => {
    const group = new Asking(2);
    withV2(group);
    group.ask({ kind: "update", minimalAction: "NONE", mostDisruptive: "REFRESH" });
    group.world.run(10_000);
    expect(onV2(group)).toEqual([]);
    expect(group.world.isStable).toBe(true);
  });

  test("nobody where all have what they are to have", () => {
    const group = new Asking(2);
    const made = group.world.times("create").length;
    group.ask({ kind: "update", minimalAction: "REPLACE", mostDisruptive: "REPLACE" });
    group.world.run(10_000);
    expect(group.world.times("create")).toHaveLength(made);
  });
});

describe("instanceLifecyclePolicy", () => {
  test("DO_NOTHING: what ended stays ended, and is not replaced", () => {
    const group = new Asking(2, { repair: { onFailure: false, onFailedHealthCheck: false, updates: false } });
    const name = group.name(0);
    group.world.kill(name);
    group.world.run(60_000);
    expect(group.shown).toContain(`${name} TERMINATED/NONE`);
    expect(group.world.names).toHaveLength(2);
    group.ask({ kind: "recreate", names: [name] });
    group.world.settle();
    expect(group.world.running).toHaveLength(2);
  });

  test.each([
    [true, v2.name],
    [false, template.name],
  ])("forceUpdateOnRepair %s: a repaired instance is of %s", (updates, expected) => {
    const group = new Asking(2, { repair: { onFailure: true, onFailedHealthCheck: true, updates } });
    const name = group.name(0);
    const { managed } = group.world.state.spec;
    if (managed) group.world.configure({ ...group.world.state.spec, managed: { ...managed, template: v2 } });
    group.world.kill(name);
    group.world.run(30_000);
    expect(group.world.instances.find((instance) => instance.name === name)?.template).toBe(expected);
  });
});
