import type { Clock } from "#base/clock.ts";
import { messageOf } from "#base/errors.ts";
import type { Random } from "#base/random.ts";
import type { GroupControl } from "#instances/group/spec.ts";
import { backoffMs } from "../publish/plan.ts";
import type { Groups, GroupTask } from "./groups.ts";

/** Calls to other objects that are under way at once. */
const parallelCalls = 6;

export interface CourierPorts {
  readonly groups: Groups;
  /** The object of a group of this project. A new stub for each call: one that has thrown stays broken. */
  object(key: string): GroupControl;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: (line: string) => void;
}

/** Takes specifications to their groups. One pass at a time: the caller sees to it. */
export class Courier {
  readonly #ports: CourierPorts;

  constructor(ports: CourierPorts) {
    this.#ports = ports;
  }

  /** Delivers what is due and never throws: a failed delivery is postponed. Returns the number of attempts, and when to look again. */
  async pass(): Promise<{ readonly attempts: number; readonly wakeAtMs?: number }> {
    const { groups, clock } = this.#ports;
    const now = clock.now();
    const due = [...groups.due(now)];
    const attempts = due.length;
    const worker = async (): Promise<void> => {
      for (let task = due.shift(); task; task = due.shift()) await this.#deliver(task);
    };
    await Promise.all(Array.from({ length: Math.min(parallelCalls, attempts) }, worker));
    const wakeAtMs = groups.dueAfterMs(now);
    return { attempts, ...(wakeAtMs !== undefined && { wakeAtMs }) };
  }

  async #deliver({ spec, attempts }: GroupTask): Promise<void> {
    const { groups, clock, random, log } = this.#ports;
    try {
      await this.#ports.object(spec.key).configure(spec);
      groups.acknowledge(spec, clock.now());
    } catch (failure) {
      log(`group ${spec.key} did not take specification ${spec.version}: ${messageOf(failure)}`);
      groups.postpone(spec, clock.now() + backoffMs(attempts + 1, random.float()));
    }
  }
}
