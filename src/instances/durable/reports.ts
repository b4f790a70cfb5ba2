import type { Clock } from "#base/clock.ts";
import { messageOf } from "#base/errors.ts";
import { within } from "#base/within.ts";
import { describe } from "../group/report.ts";
import type { GroupObserver, GroupReport } from "../group/spec.ts";
import type { GroupState } from "../group/state.ts";
import { backoffMs } from "../group/times.ts";
import { observerTimeoutMs } from "./actions.ts";

export interface ReportPorts {
  readonly clock: Clock;
  readonly observer: (project: string) => GroupObserver;
  readonly storage: { saveSequence(sequence: number): void };
  readonly keep: (work: Promise<void>) => void;
  /** A line for the operators. */
  readonly log: (line: string) => void;
}

interface Described {
  readonly state: GroupState;
  readonly report: Omit<GroupReport, "sequence">;
  readonly text: string;
}

/**
 * Tells the Project object what has changed: always the newest state, one call at a time, again until it is taken. After an eviction the state is
 * reported once more; that is harmless, and nothing about delivery needs storing but the sequence.
 */
export class Reports {
  readonly #ports: ReportPorts;
  #sequence: number;
  #described: Described | undefined;
  #delivered: Described | undefined;
  #sending = false;
  #failures = 0;
  #retryAtMs = 0;

  constructor(ports: ReportPorts, sequence: number) {
    this.#ports = ports;
    this.#sequence = sequence;
  }

  /** Whether the Project object knows that none of these instances takes requests any more; before that nobody can have let go of them. */
  hasAnnounced(names: readonly string[]): boolean {
    const staying = new Set(
      this.#delivered?.report.instances
        .filter(({ action, status }) => status === "RUNNING" && action !== "DELETING")
        .map(({ name }) => name),
    );
    return this.#delivered !== undefined && names.every((name) => !staying.has(name));
  }

  /** Whether the Project object has the newest state. */
  get settled(): boolean {
    return !this.#sending && this.#described !== undefined && this.#described.text === this.#delivered?.text;
  }

  /** Sends a report where one is due; `ended` is called when that call is over, either way. Returns when to try again, Infinity when nothing is to be sent. */
  send(state: GroupState, ended: () => void): number {
    const described = this.#describe(state);
    if (this.#sending || described.text === this.#delivered?.text) return Number.POSITIVE_INFINITY;
    const now = this.#ports.clock.now();
    this.#retryAtMs = Math.min(this.#retryAtMs, now + backoffMs(this.#failures));
    if (this.#retryAtMs > now) return this.#retryAtMs;
    this.#sending = true;
    // Beginning with the time, it also grows from one life of a group's name to the next.
    this.#sequence = Math.max(this.#sequence + 1, now);
    this.#ports.storage.saveSequence(this.#sequence);
    this.#ports.keep(this.#deliver(described).then(ended));
    return Number.POSITIVE_INFINITY;
  }

  /** Most steps change no instance (a probe with the expected result); those are not described again. */
  #describe(state: GroupState): Described {
    const known = this.#described;
    const isSame = known?.state.instances === state.instances && known.state.spec === state.spec;
    if (known && isSame && known.report.scaling === state.memory.scaling.report) return known;
    const report = describe(state);
    this.#described = { state, report, text: JSON.stringify(report) };
    return this.#described;
  }

  async #deliver(described: Described): Promise<void> {
    const { project } = described.state.spec;
    const report = { ...described.report, sequence: this.#sequence };
    try {
      await within("the project", observerTimeoutMs, () => this.#ports.observer(project).observeGroup(report));
      this.#delivered = described;
      this.#failures = 0;
    } catch (thrown) {
      this.#ports.log(`project ${project} did not take report ${report.sequence} of group ${report.key}: ${messageOf(thrown)}`);
      this.#failures++;
      this.#retryAtMs = this.#ports.clock.now() + backoffMs(this.#failures);
    }
    this.#sending = false;
  }
}
