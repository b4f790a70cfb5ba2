/** Two groups that take each other's place: one becomes KEEPALIVE while the other becomes RUNNING, within a cap on what runs at once. */
import type { GroupKey } from "#instances/group/spec.ts";

/** RUNNING: takes its whole share of the traffic; KEEPALIVE: stays warm with a hundredth of it. */
export type ServingState = "RUNNING" | "KEEPALIVE";

/** The state that the instances of a group have, and the names of those that have the other one. */
export interface ServingStates {
  readonly state: ServingState;
  readonly others: readonly string[];
}

/** SWITCHING and RETURNING go on; DONE and RETURNED are ends. */
type SwitchPhase = "SWITCHING" | "RETURNING" | "DONE" | "RETURNED";

/** A switch as it is kept. Times in ms since the epoch. */
export interface GroupSwitch {
  readonly from: GroupKey;
  readonly to: GroupKey;
  /** So many instances of both groups together are RUNNING at any time, at the most. */
  readonly capacity: number;
  /** Of the larger group, how many percent change at a time. */
  readonly stepPercent: number;
  /** Percent of failed attempts above those before the switch at which it returns. */
  readonly maxErrorPercent: number;
  /** Percent of attempts that failed before it began; absent until that is known, which comes first. */
  readonly usualErrorPercent?: number;
  readonly startedAtMs: number;
  /** Not done by then, it returns. */
  readonly deadlineMs: number;
  /** What it returns to. */
  readonly before: { readonly from: ServingStates; readonly to: ServingStates };
  readonly phase: SwitchPhase;
  /** What the next step waits for. */
  readonly waits?: string;
  /** Why it returns. */
  readonly reason?: string;
  readonly endedAtMs?: number;
}

/** An instance that takes part in traffic. */
export interface SwitchedInstance {
  readonly group: "from" | "to";
  readonly name: string;
  readonly state: ServingState;
  /** Whether it could take its whole share: no health check speaks against it. */
  readonly isReady: boolean;
}

/** What a switch sees of the world at one moment. */
export interface SwitchView {
  readonly instances: readonly SwitchedInstance[];
  /** Every proxy that is alive has applied what the switch changed last. */
  readonly isApplied: boolean;
  /** Attempts that both groups got lately, per second, and those of them that failed. */
  readonly attempts: { readonly perSecond: number; readonly failedPerSecond: number };
  readonly nowMs: number;
}

/** What is to be done next. */
export type SwitchMove =
  | { readonly kind: "begin"; readonly usualErrorPercent: number }
  | { readonly kind: "set"; readonly state: ServingState; readonly instances: readonly Pick<SwitchedInstance, "group" | "name">[] }
  | { readonly kind: "wait"; readonly for: string }
  | { readonly kind: "return"; readonly reason: string }
  /** All is as it is to be; what comes to the groups later has the state of its group. */
  | { readonly kind: "finish" };

/** The state of an instance of that name. */
export function stateIn({ state, others }: ServingStates, name: string): ServingState {
  return others.includes(name) ? otherState(state) : state;
}

export function otherState(state: ServingState): ServingState {
  return state === "RUNNING" ? "KEEPALIVE" : "RUNNING";
}
