import { describe, expect, test } from "vitest";
import type { GroupSpec, Intent, TemplateSpec, UpdateSpec } from "#instances/group/spec.ts";
import { httpProbe, managedSpec, template } from "../group/specs.ts";
import { reachable, World, wrongAnswer } from "../group/world.ts";

type Managed = NonNullable<GroupSpec["managed"]>;
type Asked = Intent extends infer Any ? (Any extends Intent ? Omit<Any, "id"> : never) : never;

const v2: TemplateSpec = { ...template, name: "instanceTemplates/web-v2", metadata: { "startup-script": "exec web2" } };
const labelled: TemplateSpec = { ...template, name: "instanceTemplates/web-gold", labels: { tier: "gold" } };
const opportunistic: UpdateSpec = {
  type: "OPPORTUNISTIC",
  method: "SUBSTITUTE",
  minimalAction: "REPLACE",
  mostDisruptive: "REPLACE",
  maxSurge: 1,
  maxUnavailable: 0,
};
const proactive: UpdateSpec = { ...opportunistic, type: "PROACTIVE" };

/** A group, and what its manager says of single instances. */
class Configured {
  readonly world: World;
  #lastRevision = 0;
  #lastIntent = 0;

  constructor(size: number, changes: Partial<Managed> = {}) {
    const managed: Managed = { baseInstanceName: "web", targetSize: size, template, update: opportunistic, ...changes };
    this.world = new World(managedSpec(size, { probes: [httpProbe], managed })).settle();
  }

  change(changes: Partial<Managed>): this {
    const { spec } = this.world.state;
    if (spec.managed) this.world.configure({ ...spec, managed: { ...spec.managed, ...changes } });
    return this;
  }

  config(name: string, metadata: Record<string, string>): this {
    const configs = this.world.state.spec.managed?.configs ?? {};
    return this.change({ configs: { ...configs, [name]: { revision: ++this.#lastRevision, metadata } } });
  }

  forget(name: string): this {
    const { [name]: _gone, ...configs } = this.world.state.spec.managed?.configs ?? {};
    return this.change({ configs });
  }

  ask(asked: Asked, resizedBy = 0): this {
    const { managed } = this.world.state.spec;
    const intents = [...(managed?.intents ?? []), { ...asked, id: ++this.#lastIntent } as Intent];
    return this.change({ intents, targetSize: (managed?.targetSize ?? 0) + resizedBy });
  }

  apply(bounds: Partial<Pick<UpdateSpec, "minimalAction" | "mostDisruptive">> = {}): this {
    return this.ask({ kind: "update", minimalAction: "NONE", mostDisruptive: "REPLACE", ...bounds });
  }

  name(index: number): string {
    return this.world.names[index] ?? "";
  }

  shown(name: string) {
    return this.world.instances.find((instance) => instance.name === name);
  }

  /** Metadata with which the VM of a name was made last. */
  madeWith(name: string): Readonly<Record<string, string>> | undefined {
    const made = this.world.log.flatMap(({ action }) => (action.kind === "create" && action.instance.name === name ? [action] : []));
    return made.at(-1)?.template.metadata;
  }
}

describe("a config", () => {
  test("is not applied by being written, whatever the policy", () => {
    const group = new Configured(2, { update: proactive });
    const name = group.name(0);
    const id = group.shown(name)?.id;
    group.config(name, { color: "blue" });
    group.world.run(60_000);
    expect(group.shown(name)).toMatchObject({ id, status: "RUNNING", action: "NONE" });
    expect(group.shown(name)?.config).toBeUndefined();
    expect(group.world.isStable).toBe(true);
  });

  test("is applied by an update that somebody asks for: the same VM, started again with its metadata over the template's", () => {
    const group = new Configured(2);
    const [name, other] = [group.name(0), group.name(1)];
    const [id, otherVm] = [group.shown(name)?.id, group.shown(other)];
    group.config(name, { color: "blue", "startup-script": "exec special" }).apply();
    expect(group.shown(name)).toMatchObject({ action: "RESTARTING" });
    group.world.settle();
    expect(group.shown(name)).toMatchObject({ id, status: "RUNNING", config: 1 });
    expect(group.madeWith(name)).toEqual({ ...template.metadata, color: "blue", "startup-script": "exec special" });
    expect(group.shown(other)).toEqual(otherVm);
  });

  test("that says nothing of metadata disturbs nobody", () => {
    const group = new Configured(1);
    const name = group.name(0);
    group.config(name, {}).apply();
    expect(group.shown(name)).toMatchObject({ status: "RUNNING", action: "NONE", config: 1 });
    expect(group.world.times("delete")).toEqual([]);
  });

  test("is not applied beyond what is allowed", () => {
    const group = new Configured(1);
    const name = group.name(0);
    group.config(name, { color: "blue" }).apply({ mostDisruptive: "REFRESH" });
    group.world.run(30_000);
    expect(group.shown(name)?.config).toBeUndefined();
    expect(group.world.times("delete")).toEqual([]);
  });

  test.each([
    ["recreated by a verb", (group: Configured, name: string) => group.ask({ kind: "recreate", names: [name] })],
    ["killed", (group: Configured, name: string) => group.world.kill(name)],
    [
      "stopped and started",
      (group: Configured, name: string) => {
        group.ask({ kind: "stop", names: [name] }, -1).world.run(20_000);
        group.ask({ kind: "start", names: [name] }, 1);
      },
    ],
  ])("is taken on by an instance that is %s", (_how, happen) => {
    const group = new Configured(2);
    const name = group.name(1);
    group.config(name, { color: "blue" });
    happen(group, name);
    group.world.run(60_000);
    expect(group.shown(name)).toMatchObject({ status: "RUNNING", config: 1 });
    expect(group.madeWith(name)).toMatchObject({ color: "blue" });
  });

  test("is taken on by an instance that autohealing repairs, under its name", () => {
    const group = new Configured(2, { autoHealing: { probeId: httpProbe.id, initialDelayMs: 0 } });
    const name = group.name(0);
    group.config(name, { color: "blue" });
    group.world.knobs.probe = (instance) => (instance.name === name ? wrongAnswer : reachable);
    group.world.run(15_000);
    group.world.knobs.probe = () => reachable;
    group.world.run(60_000);
    expect(group.shown(name)).toMatchObject({ status: "RUNNING", config: 1 });
  });

  test("is there from the start where an instance is made by name", () => {
    const group = new Configured(1);
    group.config("web-blue", { color: "blue" }).ask({ kind: "create", names: ["web-blue"] }, 1);
    group.world.settle();
    expect(group.shown("web-blue")).toMatchObject({ status: "RUNNING", config: 1 });
    expect(group.madeWith("web-blue")).toMatchObject({ color: "blue" });
  });

  test("that is taken away stays with the instance until that is made again", () => {
    const group = new Configured(1);
    const name = group.name(0);
    group.config(name, { color: "blue" }).apply().world.settle();
    group.forget(name).world.run(30_000);
    expect(group.shown(name)?.config).toBe(1);
    group.apply().world.settle();
    expect(group.shown(name)?.config).toBeUndefined();
    expect(group.madeWith(name)).toEqual(template.metadata);
  });

  test("that changes while its instance is made anew is the one that it gets, in one go", () => {
    const group = new Configured(1);
    const name = group.name(0);
    group.config(name, { color: "blue" }).apply();
    group.config(name, { color: "green" }).apply();
    group.world.settle();
    expect(group.shown(name)).toMatchObject({ config: 2 });
    expect(group.world.times("create")).toHaveLength(2);
  });

  test("survives the eviction of the group's object", () => {
    const group = new Configured(1);
    group.config(group.name(0), { color: "blue" }).apply().world.settle();
    group.world.restart();
    expect(group.shown(group.name(0))?.config).toBe(1);
  });
});

describe("an instance with a config", () => {
  test.each([
    ["not applied yet", (group: Configured, name: string) => group.config(name, { color: "blue" })],
    ["applied", (group: Configured, name: string) => void group.config(name, { color: "blue" }).apply().world.settle()],
    [
      "deleted but not let go of",
      (group: Configured, name: string) => {
        group.config(name, { color: "blue" }).apply().world.settle();
        group.forget(name);
      },
    ],
  ])("(%s) keeps its name in a rolling update, and the others are substituted", (_state, give) => {
    const group = new Configured(3, { update: proactive });
    const [kept, ...others] = [...group.world.names];
    give(group, kept ?? "");
    group.change({ template: v2 });
    group.world.run(120_000);
    expect(group.world.isStable).toBe(true);
    expect(group.world.names).toContain(kept);
    expect(group.world.names.filter((name) => others.includes(name))).toEqual([]);
    expect(new Set(group.world.instances.map(({ template: name }) => name))).toEqual(new Set([v2.name]));
  });

  test.each([1, 2, 4])("all %d of them are updated one at a time where none may be unavailable, and none is made beside them", (size) => {
    const group = new Configured(size, { update: proactive });
    const names = [...group.world.names];
    for (const name of names) group.config(name, { color: "blue" });
    let [most, fewest] = [0, size];
    group.world.onStep = () => {
      const inService = group.world.instances.filter(({ status, action }) => status === "RUNNING" && action === "NONE");
      most = Math.max(most, group.world.instances.length);
      fewest = Math.min(fewest, inService.length);
    };
    group.change({ template: v2 });
    group.world.run(240_000);
    expect(group.world.isStable).toBe(true);
    expect(group.world.names).toEqual(names);
    expect([most, fewest]).toEqual([size, size - 1]);
  });

  test("is updated though the version that it was on its way to is wanted no more", () => {
    const group = new Configured(3, { update: { ...proactive, minimalAction: "NONE" } });
    const [kept = ""] = group.world.names;
    group.change({ canaries: [{ template: v2, size: 2 }] });
    group.change({ template: { ...v2, name: "instanceTemplates/web-v3", metadata: { "startup-script": "exec web3" } } }).world.run(300);
    group.config(kept, { color: "blue" });
    expect(group.shown(kept)).toMatchObject({ action: "RESTARTING" });
    group.change({ template });
    group.world.run(120_000);
    expect(group.world.isStable).toBe(true);
    expect(group.shown(kept)).toMatchObject({ status: "RUNNING", action: "NONE" });
  });

  test("is not touched for its metadata by an update that only needs a refresh", () => {
    const group = new Configured(1, { update: { ...proactive, minimalAction: "NONE" } });
    const name = group.name(0);
    group.config(name, { color: "blue" }).change({ template: labelled });
    group.world.run(10_000);
    expect(group.shown(name)).toMatchObject({ template: labelled.name, status: "RUNNING" });
    expect(group.shown(name)?.config).toBeUndefined();
    expect(group.world.times("delete")).toEqual([]);
  });

  test("goes last when the group shrinks, though it is not healthy", () => {
    const group = new Configured(4);
    const [kept = ""] = group.world.names;
    group.config(kept, { color: "blue" });
    group.world.knobs.probe = (instance) => (instance.name === kept ? wrongAnswer : reachable);
    group.world.run(30_000);
    group.world.resize(1);
    group.world.run(30_000);
    expect(group.world.names).toEqual([kept]);
    group.world.resize(0);
    group.world.run(30_000);
    expect(group.world.names).toEqual([]);
  });
});
