import type { Clock } from "#base/clock.ts";
import { messageOf } from "#base/errors.ts";
import type { JsonObject } from "#base/json.ts";
import { dependency } from "#control/compiler/view.ts";
import type { GroupKey } from "#instances/group/spec.ts";
import { planSwitch } from "#instances/switching/plan.ts";
import type { SwitchMove, SwitchView } from "#instances/switching/switch.ts";
import type { Command, Outcome } from "../command.ts";
import { activeSwitches, groupSwitchesCollection, switchedInstances, type StoredSwitch } from "../resources/group-switches.ts";
import { isGone } from "../status/reports.ts";
import type { ProjectState } from "./state.ts";

export interface SwitchPorts {
  readonly project: string;
  readonly state: Pick<ProjectState, "store" | "view" | "configurations" | "ledger" | "reports">;
  readonly clock: Clock;
  /** What the groups got lately. */
  readonly attempts: (groups: readonly GroupKey[]) => SwitchView["attempts"];
  readonly run: (command: Command) => Promise<Outcome>;
  readonly log: (line: string) => void;
}

/** How often a switch is looked at while it goes on. */
const everyMs = 500;

/** What the audit log names for moves of switches. */
const switchUser = "switch";

/** Newest generations, by service. */
type Generations = Readonly<Record<string, number>>;

/** Carries out the switches that go on, a move at a time. Each move is a command like any other. */
export class Switches {
  readonly #ports: SwitchPorts;
  /** By switch: the generations that its last step made. After a restart of the object those of that moment, which are no older. */
  readonly #steps = new Map<string, Generations>();

  constructor(ports: SwitchPorts) {
    this.#ports = ports;
  }

  /** Makes the moves that are due and never throws. Returns how many there were, and when to look again. */
  async pass(): Promise<{ readonly attempts: number; readonly wakeAtMs?: number }> {
    const { clock, state } = this.#ports;
    const active = activeSwitches(state.store);
    for (const name of this.#steps.keys()) if (!active.some((each) => each.name === name)) this.#steps.delete(name);
    let attempts = 0;
    for (const each of active) if (await this.#move(each)) attempts += 1;
    return { attempts, ...(active.length > 0 && { wakeAtMs: clock.now() + everyMs }) };
  }

  async #move(stored: StoredSwitch): Promise<boolean> {
    const { log, project, run } = this.#ports;
    const move = planSwitch(stored.run, this.#view(stored));
    if (move.kind === "wait" && move.for === stored.run.waits) return false;
    try {
      const target = { project, scope: "", collection: groupSwitchesCollection, verb: "advance", query: {}, user: switchUser };
      await run({ ...target, name: stored.name, body: { move: move as unknown as JsonObject } });
      if (isStep(move)) this.#steps.set(stored.name, this.#newest(stored));
      return true;
    } catch (thrown) {
      log(`${stored.name} did not go on: ${messageOf(thrown)}`);
      return false;
    }
  }

  #view(stored: StoredSwitch): SwitchView {
    const { attempts, clock, state } = this.#ports;
    const { from, to } = stored.run;
    return {
      instances: switchedInstances(state.view, stored.run),
      isApplied: this.#isApplied(stored),
      attempts: attempts([from, to]),
      nowMs: clock.now(),
    };
  }

  /** Whether every proxy that is alive has the configuration that the last step made. */
  #isApplied(stored: StoredSwitch): boolean {
    const { clock, state } = this.#ports;
    const known = this.#steps.get(stored.name);
    const wanted = known ?? this.#newest(stored);
    if (!known) this.#steps.set(stored.name, wanted);
    const now = clock.now();
    return Object.entries(wanted).every(([service, generation]) =>
      state.reports.of(service, now).every((report) => isGone(report, now) || report.generation >= generation),
    );
  }

  #newest({ run }: StoredSwitch): Generations {
    const { configurations, ledger } = this.#ports.state;
    const services = configurations.dependents([dependency.group(run.from), dependency.group(run.to)]);
    return Object.fromEntries(services.map((service) => [service, ledger.newest(service)?.generation ?? 0]));
  }
}

function isStep({ kind }: SwitchMove): boolean {
  return kind === "set" || kind === "finish";
}
