import { stateIn, type GroupSwitch, type ServingState, type SwitchedInstance, type SwitchMove, type SwitchView } from "./switch.ts";

/** Below this many attempts a second no percentage of them says anything. */
const leastPerSecond = 1;

/**
 * The next move of a switch that goes on. Instances of the one group leave before those of the other take their place, a step at a time, and
 * each step is applied by every proxy before the next begins: whichever configuration a proxy has, no more than `capacity` are RUNNING in it.
 * None leaves for which nobody could come. Pure; called until it says `finish`.
 */
export function planSwitch(run: GroupSwitch, view: SwitchView): SwitchMove {
  if (run.usualErrorPercent === undefined) return { kind: "begin", usualErrorPercent: errorPercent(view) };
  const reason = run.phase === "SWITCHING" ? reasonToReturn(run, view) : undefined;
  if (reason !== undefined) return { kind: "return", reason };
  if (!view.isApplied) return { kind: "wait", for: "the proxies to apply the last step" };
  const { leaving, coming, running } = counted(run, view);
  // Whatever is wrong with those that served before, a way back does not wait for them to be well.
  const ready = run.phase === "SWITCHING" ? coming.filter(({ isReady }) => isReady) : coming;
  const step = run.phase === "SWITCHING" ? stepOf(run, view) : Number.POSITIVE_INFINITY;
  // The cap was kept by the state that it returns to, unless somebody resized a group meanwhile.
  const isBack = run.phase === "RETURNING" && leaving.length === 0;
  const room = isBack ? coming.length : Math.max(0, run.capacity - running);
  if (ready.length > 0 && room > 0) return set("RUNNING", ready.slice(0, Math.min(step, room)));
  if (leaving.length > 0 && (ready.length > 0 || coming.length === 0)) {
    return set("KEEPALIVE", leaving.slice(0, coming.length === 0 ? step : Math.min(step, ready.length)));
  }
  if (coming.length > 0)
    return {
      kind: "wait",
      for: ready.length > 0 ? `room for ${named(coming)} within the capacity of ${run.capacity}` : `${named(coming)} to be healthy`,
    };
  return { kind: "finish" };
}

/** The state that an instance is to have in the end. */
export function goalOf(
  { phase, before }: Pick<GroupSwitch, "phase" | "before">,
  { group, name }: Pick<SwitchedInstance, "group" | "name">,
): ServingState {
  if (phase === "RETURNING") return stateIn(before[group], name);
  return group === "from" ? "KEEPALIVE" : "RUNNING";
}

interface Counted {
  readonly leaving: readonly SwitchedInstance[];
  readonly coming: readonly SwitchedInstance[];
  readonly running: number;
}

function counted(run: GroupSwitch, { instances }: SwitchView): Counted {
  const changing = instances.filter((each) => each.state !== goalOf(run, each));
  return {
    leaving: changing.filter(({ state }) => state === "RUNNING"),
    coming: changing.filter(({ state }) => state === "KEEPALIVE"),
    running: instances.filter(({ state }) => state === "RUNNING").length,
  };
}

function stepOf({ stepPercent }: GroupSwitch, { instances }: SwitchView): number {
  const from = instances.filter(({ group }) => group === "from").length;
  return Math.max(1, Math.ceil((Math.max(from, instances.length - from) * stepPercent) / 100));
}

function reasonToReturn({ usualErrorPercent = 0, maxErrorPercent, ...run }: GroupSwitch, view: SwitchView): string | undefined {
  const percent = errorPercent(view);
  if (percent > usualErrorPercent + maxErrorPercent) {
    return `${round(percent)} % of the requests fail, ${round(usualErrorPercent)} % before; ${maxErrorPercent} % more are allowed`;
  }
  if (view.nowMs < run.deadlineMs) return undefined;
  const seconds = Math.round((run.deadlineMs - run.startedAtMs) / 1000);
  return `not done within ${seconds} s${run.waits === undefined ? "" : `; it waited for ${run.waits}`}`;
}

function errorPercent({ attempts: { perSecond, failedPerSecond } }: SwitchView): number {
  return perSecond < leastPerSecond ? 0 : (100 * failedPerSecond) / perSecond;
}

function set(state: ServingState, instances: readonly SwitchedInstance[]): SwitchMove {
  return { kind: "set", state, instances: instances.map(({ group, name }) => ({ group, name })) };
}

function named(instances: readonly SwitchedInstance[]): string {
  const [first, ...others] = instances.map(({ name }) => name);
  return others.length === 0 ? `${first}` : `${first} and ${others.length} more`;
}

function round(percent: number): number {
  return Math.round(percent * 10) / 10;
}
