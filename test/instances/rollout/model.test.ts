import fc from "fast-check";
import { expect, test } from "vitest";
import type { GroupSpec, Intent, SpreadSpec, TemplateSpec, UpdateSpec } from "#instances/group/spec.ts";
import type { ProbeOutcome } from "#instances/health/plan.ts";
import { httpProbe, managedSpec, template } from "../group/specs.ts";
import { noAnswer, reachable, World, wrongAnswer } from "../group/world.ts";

/**
 * Whatever is asked of a group and whatever befalls it: an update never makes more than it may, never takes more than it may, and the group
 * comes to rest with what was asked for.
 */

type Managed = NonNullable<GroupSpec["managed"]>;

const versions: readonly TemplateSpec[] = [
  template,
  { ...template, name: "instanceTemplates/script", metadata: { "startup-script": "exec other" } },
  { ...template, name: "instanceTemplates/label", labels: { tier: "gold" } },
  { ...template, name: "instanceTemplates/machine", machineType: "e2-standard-2" },
];

type Event =
  | { readonly kind: "template"; readonly version: number }
  | { readonly kind: "canary"; readonly version: number; readonly size: number }
  | { readonly kind: "whole" }
  | { readonly kind: "config"; readonly index: number; readonly color: string | undefined }
  | { readonly kind: "resize"; readonly size: number }
  | { readonly kind: "kill"; readonly index: number; readonly told: boolean }
  | { readonly kind: "probes"; readonly outcome: ProbeOutcome }
  | { readonly kind: "fleet"; readonly fails: boolean; readonly ms: number }
  | { readonly kind: "release"; readonly yes: boolean }
  | { readonly kind: "restart" }
  | { readonly kind: "clock"; readonly ms: number }
  | { readonly kind: "intent"; readonly intent: "recreate" | "stop" | "start" | "delete" | "update"; readonly index: number };

const version = fc.nat(versions.length - 1);
const updates: fc.Arbitrary<Event>[] = [
  fc.record({ kind: fc.constant("template" as const), version }),
  fc.record({ kind: fc.constant("canary" as const), version, size: fc.nat(4) }),
  fc.constant({ kind: "whole" as const }),
  fc.record({ kind: fc.constant("config" as const), index: fc.nat(5), color: fc.constantFrom("blue", "green", undefined) }),
  fc.record({ kind: fc.constant("fleet" as const), fails: fc.boolean(), ms: fc.constantFrom(1, 50, 4000) }),
  fc.record({ kind: fc.constant("release" as const), yes: fc.boolean() }),
  fc.constant({ kind: "restart" as const }),
];
const anything: fc.Arbitrary<Event>[] = [
  ...updates,
  fc.record({ kind: fc.constant("resize" as const), size: fc.nat(6) }),
  fc.record({ kind: fc.constant("kill" as const), index: fc.nat(5), told: fc.boolean() }),
  fc.record({ kind: fc.constant("probes" as const), outcome: fc.constantFrom(reachable, wrongAnswer, noAnswer) }),
  fc.record({ kind: fc.constant("clock" as const), ms: fc.constantFrom(-3_600_000, 1000, 3_600_000) }),
  fc.record({
    kind: fc.constant("intent" as const),
    intent: fc.constantFrom("recreate" as const, "stop" as const, "start" as const, "delete" as const, "update" as const),
    index: fc.nat(5),
  }),
];
const story = (events: readonly fc.Arbitrary<Event>[]): fc.Arbitrary<[Event, number][]> =>
  fc.array(fc.tuple(fc.oneof(...events), fc.constantFrom(0, 10, 300, 2000, 15_000)), { minLength: 1, maxLength: 20 });

const policy: fc.Arbitrary<UpdateSpec> = fc
  .record({
    type: fc.constant("PROACTIVE" as const),
    method: fc.constantFrom("SUBSTITUTE" as const, "RECREATE" as const),
    minimalAction: fc.constantFrom("NONE" as const, "RESTART" as const, "REPLACE" as const),
    mostDisruptive: fc.constant("REPLACE" as const),
    maxSurge: fc.nat(3),
    maxUnavailable: fc.nat(3),
  })
  .map((made) => {
    const maxSurge = made.method === "RECREATE" ? 0 : made.maxSurge;
    return { ...made, maxSurge, maxUnavailable: maxSurge === 0 ? Math.max(1, made.maxUnavailable) : made.maxUnavailable };
  });

/** A zonal group, or one of two to four zones. */
const spread: fc.Arbitrary<SpreadSpec | undefined> = fc.option(
  fc.record({
    zones: fc.integer({ min: 2, max: 4 }).map((count) => ["a", "b", "c", "d"].slice(0, count)),
    singleZone: fc.constant(false),
    redistributes: fc.boolean(),
  }),
  { nil: undefined },
);

interface Policies {
  readonly update: UpdateSpec;
  readonly spread: SpreadSpec | undefined;
}

const policies: fc.Arbitrary<Policies> = fc.record({ update: policy, spread });

function specOf(size: number, { update, spread: over }: Policies): GroupSpec {
  const managed: Managed = { baseInstanceName: "web", targetSize: size, template, update, ...(over && { spread: over }) };
  return managedSpec(size, { zone: "a", probes: [httpProbe], managed });
}

/** By how many the zone with most has more than the one with fewest. */
function unevenness(world: World): number {
  const zones = world.state.spec.managed?.spread?.zones ?? [];
  const counts = zones.map((zone) => staying(world).filter((instance) => instance.zone === zone).length);
  return Math.max(0, ...counts) - Math.min(...counts, Number.POSITIVE_INFINITY);
}

class Story {
  readonly world: World;
  /** Names that have had a config ever since. */
  readonly kept = new Set<string>();
  #intents = 0;
  #configs = 0;

  constructor(size: number, made: Policies) {
    this.world = new World(specOf(size, made)).settle();
  }

  happen(event: Event): void {
    const { world } = this;
    switch (event.kind) {
      case "template":
        return this.#change({ template: versions[event.version] ?? template });
      case "canary":
        return this.#change({ canaries: [{ template: versions[event.version] ?? template, size: event.size }] });
      case "whole":
        return this.#change({ canaries: [] });
      case "resize":
        return this.#change({ targetSize: event.size });
      case "config":
        return this.#configure(event.index, event.color);
      case "kill": {
        const victim = world.running[event.index % Math.max(1, world.running.length)];
        return victim && world.kill(victim.state.name, event.told);
      }
      case "probes":
        world.knobs.probe = () => event.outcome;
        return undefined;
      case "fleet":
        world.knobs.fleetFails = event.fails;
        world.knobs.fleetMs = event.ms;
        return undefined;
      case "release":
        world.knobs.released = () => event.yes;
        return undefined;
      case "restart":
        return world.restart();
      case "clock":
        return world.shiftClock(event.ms);
      case "intent":
        return this.#ask(event.intent, event.index);
    }
  }

  comeToRest(): void {
    const { world } = this;
    Object.assign(world.knobs, { fleetFails: false, fleetMs: 20, probe: () => reachable, released: () => true });
    for (let waitedMs = 0; waitedMs < 900_000 && !world.isStable; waitedMs += 5000) world.run(5000);
    expect(world.isStable, world.phases.join(" ")).toBe(true);
  }

  #change(changes: Partial<Managed>): void {
    const { spec } = this.world.state;
    if (spec.managed) this.world.configure({ ...spec, managed: { ...spec.managed, ...changes } });
  }

  /** One that stays, and is not stopped, gets a config; without a color it loses it. */
  #configure(index: number, color: string | undefined): void {
    const possible = staying(this.world).filter(({ status }) => status !== "STOPPING");
    const name = possible[index % Math.max(1, possible.length)]?.name;
    const isFull = this.kept.size >= (this.world.state.spec.managed?.targetSize ?? 0);
    // More than the size cannot all stay.
    if (name === undefined || (color !== undefined && isFull && !this.kept.has(name))) return;
    const { [name]: _former, ...others } = this.world.state.spec.managed?.configs ?? {};
    if (color === undefined) this.kept.delete(name);
    else this.kept.add(name);
    this.#change({ configs: color === undefined ? others : { ...others, [name]: { revision: ++this.#configs, metadata: { color } } } });
  }

  /** Brings all of them to their versions and configs. */
  applyAll(): void {
    const id = ++this.#intents;
    const intents = this.world.state.spec.managed?.intents ?? [];
    this.#change({ intents: [...intents, { id, kind: "update", minimalAction: "NONE", mostDisruptive: "REPLACE" }] });
  }

  /** As the verbs do: with the change of size that goes with it. */
  #ask(kind: "recreate" | "stop" | "start" | "delete" | "update", index: number): void {
    const { spec } = this.world.state;
    const { managed } = spec;
    const possible = this.world.instances.filter(
      ({ action, status }) => action === "NONE" && (kind === "start") === (status === "STOPPED"),
    );
    const name = possible[index % Math.max(1, possible.length)]?.name;
    if (!managed || name === undefined) return;
    const id = ++this.#intents;
    const intent: Intent = kind === "update" ? { id, kind, minimalAction: "NONE", mostDisruptive: "REPLACE" } : { id, kind, names: [name] };
    const isRunning = possible.some((one) => one.name === name && one.status === "RUNNING");
    const resizedBy = kind === "start" ? 1 : (kind === "stop" || kind === "delete") && isRunning ? -1 : 0;
    this.#change({ targetSize: Math.max(0, managed.targetSize + resizedBy), intents: [...(managed.intents ?? []), intent] });
  }
}

const staying = (world: World) =>
  world.instances.filter(({ action, status }) => action !== "DELETING" && action !== "STOPPING" && status !== "STOPPED");

test("an update never makes more than the size and its surge, nor takes more than it may, nor the name of what has a config", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 6 }), policies, story(updates), (size, made, events) => {
      const { update } = made;
      const told = new Story(size, made);
      const { world } = told;
      const breaches: string[] = [];
      let wasKept = false;
      world.onStep = () => {
        const inService = world.instances.filter(
          ({ action, status, health }) => action === "NONE" && status === "RUNNING" && health[httpProbe.id] === "HEALTHY",
        );
        if (world.instances.length > size + update.maxSurge) breaches.push(`${world.instances.length} instances`);
        // What has something to keep is updated without another beside it.
        const mayMiss = told.kept.size > 0 || wasKept ? Math.max(1, update.maxUnavailable) : update.maxUnavailable;
        if (inService.length < size - mayMiss) breaches.push(`${inService.length} in service`);
        const going = world.instances.filter(({ name, action }) => told.kept.has(name) && action !== "DELETING");
        if (going.length < told.kept.size) breaches.push("an instance with a config goes");
        wasKept ||= told.kept.size > 0;
      };
      for (const [event, pauseMs] of events) {
        told.happen(event);
        world.run(pauseMs);
      }
      told.comeToRest();
      expect(breaches).toEqual([]);
      expect(staying(world)).toHaveLength(size);
      if (made.spread?.redistributes && !wasKept) expect(unevenness(world)).toBeLessThanOrEqual(1);
    }),
    { numRuns: 300 },
  );
});

test("through operations, faults and clocks it ends stable, with every instance of its version and no VM that nobody knows", () => {
  fc.assert(
    fc.property(fc.nat(6), policies, story(anything), (size, made, events) => {
      const { update } = made;
      const told = new Story(size, made);
      const { world } = told;
      let most = 0;
      world.onStep = () => {
        const { targetSize = 0 } = world.state.spec.managed ?? {};
        most = Math.max(most, staying(world).length - targetSize);
      };
      for (const [event, pauseMs] of events) {
        told.happen(event);
        world.run(pauseMs);
      }
      told.comeToRest();
      expect(most).toBeLessThanOrEqual(update.maxSurge);
      const { managed } = world.state.spec;
      const canary = managed?.canaries?.[0];
      const wanted = Math.min(canary?.size ?? 0, managed?.targetSize ?? 0);
      expect(staying(world)).toHaveLength(managed?.targetSize ?? -1);
      const ofCanary = staying(world).filter((instance) => instance.template === canary?.template.name).length;
      if (canary && canary.template.name !== managed?.template.name) expect(ofCanary).toBe(wanted);
      else expect(new Set(staying(world).map((instance) => instance.template)).size).toBeLessThanOrEqual(1);
      const hasKept = staying(world).some(({ name, config }) => config !== undefined || told.kept.has(name));
      if (made.spread?.redistributes && !hasKept) expect(unevenness(world)).toBeLessThanOrEqual(1);
      told.applyAll();
      told.comeToRest();
      const { configs = {} } = world.state.spec.managed ?? {};
      for (const { name, config } of staying(world)) expect(config).toBe(configs[name]?.revision);
      // The list of the fleet takes away whatever a fault has left.
      world.run(30_000);
      const known = new Set(world.instances.filter(({ status }) => status === "RUNNING").map(({ id }) => id));
      expect([...world.vms.keys()].filter((id) => !known.has(id))).toEqual([]);
    }),
    { numRuns: 300 },
  );
});
