import type { Random } from "#base/random.ts";
import type { FleetEvent } from "../fleet.ts";
import { plan } from "../group/plan.ts";
import type { GroupSpec } from "../group/spec.ts";
import type { Signals } from "../scale/spec.ts";
import { withSpec } from "../group/state.ts";
import type { Action, Fact, GroupState } from "../group/state.ts";
import { carryOut } from "./actions.ts";
import type { ActionPorts } from "./actions.ts";
import { Reports } from "./reports.ts";
import type { GroupStorage } from "./storage.ts";

/** All that a group touches of the world outside; the Group object gives the real ones. */
export interface GroupPorts extends ActionPorts {
  readonly random: Random;
  readonly storage: GroupStorage;
  /** Sees to it that `tick` is called at that time or later, also when the object has been evicted since. Replaces the time set before. */
  readonly setAlarm: (atMs: number) => void;
  /** Keeps the object alive until the work is done. */
  readonly keep: (work: Promise<void>) => void;
  /** A line for the operators. */
  readonly log: (line: string) => void;
}

/**
 * Carries out what the planner asks for. Each step (take facts, plan, store, send off) runs without a pause, so no two can interleave;
 * what was sent off comes back as a fact and starts the next step. Nothing waits for anything else: a probe never holds up a resize.
 */
export class GroupRunner {
  readonly #ports: GroupPorts;
  #state: GroupState | undefined;
  #reports: Reports;
  #alarmAtMs = Number.POSITIVE_INFINITY;

  constructor(ports: GroupPorts) {
    this.#ports = ports;
    const { state, sequence } = ports.storage.load();
    this.#state = state && withSpec(state, state.spec);
    this.#reports = new Reports(ports, sequence);
  }

  /** Takes a newer specification; an older one, or the same again, only looks whether something is due. */
  configure(spec: GroupSpec): void {
    if (!this.#state || spec.version > this.#state.spec.version) {
      const next = withSpec(this.#state, spec);
      this.#ports.storage.save(this.#state, next);
      this.#state = next;
    }
    this.#step([]);
  }

  fleetEvent(event: FleetEvent): void {
    this.#step([{ kind: "exited", id: event.id, exit: event.exit }]);
  }

  /** Somebody has measured the group's load. */
  measure(signals: Signals): void {
    this.#step([{ kind: "measured", signals }]);
  }

  /** The alarm has rung. */
  tick(): void {
    this.#alarmAtMs = Number.POSITIVE_INFINITY;
    this.#step([]);
  }

  #step(facts: readonly Fact[]): void {
    const { clock, random, storage, fleet } = this.#ports;
    const before = this.#state;
    if (!before) return;
    const planned = plan(before, facts, { now: clock.now(), random, hasFleet: fleet !== undefined });
    storage.save(before, planned.state);
    this.#state = planned.state;
    for (const action of planned.actions) {
      this.#ports.keep(this.#perform(planned.state.spec, action).then((fact) => this.#step([fact])));
    }
    const reportDueAtMs = this.#reports.send(planned.state, () => this.#step([]));
    if (this.#isOver()) return this.#end();
    this.#wakeAt(Math.min(planned.wakeAtMs, reportDueAtMs));
  }

  /** Proxies are asked to let go only after the Project object has taken the drain in: before that it would answer for a time gone by. */
  async #perform(spec: GroupSpec, action: Action): Promise<Fact> {
    if (action.kind === "askReleased" && !this.#reports.hasAnnounced(action.names)) {
      return { kind: "released", key: action.key, names: action.names, released: false };
    }
    return carryOut(this.#ports, spec, action);
  }

  /** A deleted group is over once nothing is left of it and the Project object knows. */
  #isOver(): boolean {
    const state = this.#state;
    return state?.spec.kind === "deleted" && state.instances.size === 0 && state.memory.inFlight.size === 0 && this.#reports.settled;
  }

  #end(): void {
    this.#ports.storage.wipe();
    this.#state = undefined;
    this.#reports = new Reports(this.#ports, 0);
    this.#alarmAtMs = Number.POSITIVE_INFINITY;
  }

  /** An alarm that is set for an earlier time is left alone: a step too many is cheaper than a write each time. */
  #wakeAt(atMs: number): void {
    if (atMs >= this.#alarmAtMs) return;
    this.#alarmAtMs = Math.max(atMs, this.#ports.clock.now() + 1);
    this.#ports.setAlarm(this.#alarmAtMs);
  }
}
