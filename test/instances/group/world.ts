import { seededRandom } from "#base/random.ts";
import type { FleetState } from "#instances/fleet.ts";
import { plan } from "#instances/group/plan.ts";
import { describe } from "#instances/group/report.ts";
import type { GroupSpec, InstanceReport } from "#instances/group/spec.ts";
import { withSpec } from "#instances/group/state.ts";
import type { Action, Fact, GroupState } from "#instances/group/state.ts";
import type { ProbeOutcome } from "#instances/health/plan.ts";

/** A VM of the simulated fleet. */
interface SimulatedVm {
  readonly state: FleetState;
  readonly startedAtMs: number;
}

interface Pending {
  readonly action: Action;
  readonly startedAtMs: number;
  readonly atMs: number;
}

/** What the world around a group does; tests turn its knobs. */
export interface Knobs {
  hasFleet: boolean;
  /** Duration of each call to the fleet. */
  fleetMs: number;
  /** Whether the fleet refuses calls. */
  fleetFails: boolean;
  probe: (instance: { name: string; id: string }) => ProbeOutcome;
  probeMs: number;
  released: (names: readonly string[]) => boolean;
}

export const reachable: ProbeOutcome = { ok: true };
export const wrongAnswer: ProbeOutcome = { ok: false, reached: true, why: "status 500 instead of 200" };
export const noAnswer: ProbeOutcome = { ok: false, reached: false, why: "no answer within 5000 ms" };

/** The planner in a simulated world: discrete events on a manual clock. Everything it asks for is carried out, after the delays of the knobs. */
export class World {
  now = 1_000_000;
  state: GroupState;
  readonly vms = new Map<string, SimulatedVm>();
  readonly knobs: Knobs = {
    hasFleet: true,
    fleetMs: 20,
    fleetFails: false,
    probe: () => reachable,
    probeMs: 5,
    released: () => true,
  };
  /** Every action ever asked for, with its time. */
  readonly log: { readonly atMs: number; readonly action: Action }[] = [];
  onStep: () => void = () => undefined;
  #pending: Pending[] = [];
  #wakeAtMs = 0;
  #addresses = 1;
  readonly #random = seededRandom(7);

  constructor(spec: GroupSpec) {
    this.state = withSpec(undefined, spec);
  }

  configure(spec: GroupSpec): void {
    this.state = withSpec(this.state, { ...spec, version: this.state.spec.version + 1 });
    this.step();
  }

  resize(targetSize: number): void {
    const { managed } = this.state.spec;
    if (!managed) throw new Error("not managed");
    this.configure({ ...this.state.spec, managed: { ...managed, targetSize } });
  }

  step(...facts: Fact[]): void {
    const { hasFleet } = this.knobs;
    const planned = plan(this.state, facts, { now: this.now, random: this.#random, hasFleet });
    this.state = planned.state;
    this.#wakeAtMs = planned.wakeAtMs;
    for (const action of planned.actions) {
      this.log.push({ atMs: this.now, action });
      const isFleet = action.kind !== "probe" && action.kind !== "askReleased";
      const delay = isFleet ? this.knobs.fleetMs : action.kind === "probe" ? this.knobs.probeMs : 1;
      this.#pending.push({ action, startedAtMs: this.now, atMs: this.now + delay });
    }
    this.onStep();
  }

  /** Lets time pass, with everything that falls due in it. */
  run(ms: number): void {
    const endMs = this.now + ms;
    if (this.log.length === 0) this.step();
    for (let steps = 0; steps < 100_000; steps++) {
      const next = Math.min(this.#wakeAtMs, ...this.#pending.map((each) => each.atMs));
      if (next > endMs) {
        this.now = endMs;
        return;
      }
      this.now = Math.max(this.now, next);
      this.#comeDue();
    }
    throw new Error("the planner does not come to rest");
  }

  /** Lets the group come to rest. */
  settle(): this {
    this.run(5000);
    if (!this.isStable) throw new Error(`not stable: ${this.phases.join(" ")}`);
    return this;
  }

  /** The clock is set, forward or back; what is in flight ends as if nothing had happened. */
  shiftClock(ms: number): void {
    this.now += ms;
    this.#pending = this.#pending.map((each) => ({ ...each, atMs: each.atMs + ms }));
    this.step();
  }

  /** The object is evicted and made again: what was in flight is never heard of, and nothing but the stored state remains. */
  restart(): void {
    for (const pending of this.#pending) this.#happen(pending);
    this.#pending = [];
    const { memory: _memory, ...stored } = this.state;
    this.state = withSpec(structuredClone(stored), stored.spec);
    this.step();
  }

  /** A process ends by itself. `told`: the fleet's event arrives. */
  kill(name: string, told = true): void {
    const [id, vm] = [...this.vms].find(([, each]) => each.state.name === name && each.state.running) ?? [];
    if (id === undefined || !vm) return;
    this.vms.set(id, { ...vm, state: { ...vm.state, running: false, exit: "signal SIGKILL" } });
    if (told) this.step({ kind: "exited", id, exit: "signal SIGKILL" });
  }

  get instances(): readonly InstanceReport[] {
    return describe(this.state).instances;
  }

  get names(): readonly string[] {
    return this.instances.map(({ name }) => name);
  }

  get isStable(): boolean {
    return describe(this.state).isStable;
  }

  get running(): readonly SimulatedVm[] {
    return [...this.vms.values()].filter((vm) => vm.state.running && !vm.state.suspended);
  }

  /** `RUNNING/NONE` and the like, by name order. */
  get phases(): readonly string[] {
    return this.instances.map(({ status, action }) => `${status}/${action}`);
  }

  times(kind: Action["kind"]): readonly number[] {
    return this.log.filter((each) => each.action.kind === kind).map((each) => each.atMs);
  }

  #comeDue(): void {
    const due = this.#pending.filter((each) => each.atMs <= this.now);
    this.#pending = this.#pending.filter((each) => each.atMs > this.now);
    this.step(...due.map((each) => this.#happen(each)));
  }

  #happen({ action, startedAtMs }: Pending): Fact {
    const { key } = action;
    const error = "the fleet answered 500: out of order";
    switch (action.kind) {
      case "create":
        if (this.knobs.fleetFails) return { kind: "createFailed", key, id: action.instance.id, error };
        return { kind: "created", key, id: action.instance.id, state: this.#make(action.instance.name, action.instance.id) };
      case "delete":
        if (this.knobs.fleetFails) return { kind: "deleteFailed", key, id: action.id, error };
        this.vms.delete(action.id);
        return { kind: "deleted", key, id: action.id };
      case "suspend":
        if (this.knobs.fleetFails) return { kind: "deleteFailed", key, id: action.id, error };
        this.#change(action.id, { suspended: true });
        return { kind: "suspended", key, id: action.id };
      case "list":
        if (this.knobs.fleetFails) return { kind: "listFailed", key };
        return { kind: "listed", key, askedAtMs: startedAtMs, states: [...this.vms.values()].map((vm) => vm.state) };
      case "askReleased":
        return { kind: "released", key, names: action.names, released: this.knobs.released(action.names) };
      case "probe": {
        const name = this.instances.find((each) => each.id === action.id)?.name ?? "";
        return {
          kind: "probed",
          key,
          id: action.id,
          probeId: action.probe.id,
          startedAtMs,
          outcome: this.knobs.probe({ name, id: action.id }),
        };
      }
    }
  }

  #make(name: string, id: string): FleetState {
    const known = this.#change(id, {});
    if (known) return known;
    const state: FleetState = { name, id, address: `127.10.0.${this.#addresses++}`, pid: 100, running: true };
    this.vms.set(id, { state, startedAtMs: this.now });
    return state;
  }

  /** The VM of that id in another state, awake unless it is said to be `suspended`. */
  #change(id: string, { suspended }: Pick<FleetState, "suspended">): FleetState | undefined {
    const vm = this.vms.get(id);
    if (!vm) return undefined;
    const { suspended: _before, ...rest } = vm.state;
    const state = { ...rest, ...(suspended && { suspended }) };
    this.vms.set(id, { ...vm, state });
    return state;
  }
}
