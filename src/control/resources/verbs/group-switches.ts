import { UserError } from "#base/errors.ts";
import type { JsonObject } from "#base/json.ts";
import { randomHex } from "#base/random.ts";
import { servingStatesOf } from "#control/compiler/traffic.ts";
import { goalOf } from "#instances/switching/plan.ts";
import { type GroupSwitch, type SwitchedInstance, type SwitchMove } from "#instances/switching/switch.ts";
import type { Change } from "../../command.ts";
import { objectIn, wholeIn } from "../body-fields.ts";
import type { Call, Result, Verb } from "../context.ts";
import { putResource } from "../draft.ts";
import { invalid, notFound } from "../faults.ts";
import {
  allSwitches,
  groupSwitchesCollection,
  isActive,
  refuseSwitched,
  switchedInstances,
  switchOf,
  type StoredSwitch,
} from "../group-switches.ts";
import { findGroup } from "../membership.ts";
import { putServingStates } from "../membership-state.ts";
import { viewOf } from "../view.ts";
import { groupIn } from "./registration.ts";

/**
 * Two groups that take each other's place under load. A switch is begun here and carried out by the project, move by move (`advance`, which
 * no path leads to); whoever begins the same one again gets the one that there is.
 */
export const groupSwitchVerbs: ReadonlyMap<string, Verb> = new Map<string, Verb>([
  ["insert", { method: "POST", on: "collection", mutates: true, run: insert }],
  ["list", { method: "GET", on: "collection", mutates: false, run: list }],
  ["get", { method: "GET", on: "resource", mutates: false, run: (call) => ({ answer: shown(call, one(call)) }) }],
  ["return", { method: "POST", on: "resource", mutates: true, run: goBack }],
  ["advance", { method: "POST", on: "resource", mutates: true, run: advance }],
]);

/** So many that have ended are remembered. */
const mostEnded = 20;

function list(call: Call): Result {
  return { answer: { groupSwitches: allSwitches(call.context.store).map((each) => shown(call, each)) } };
}

function insert(call: Call): Result {
  const body = objectIn(call, "from");
  const { clock, random, store } = call.context;
  const [from, to] = [groupNamed(call, body, "from"), groupNamed(call, body, "to")];
  if (from === to) throw invalid("to", to, "A group cannot take its own place.");
  const known = allSwitches(store).findLast(({ run }) => run.from === from && run.to === to);
  if (known && (isActive(known.run) || isDoneAlready(call, known.run))) return { answer: shown(call, known) };
  refuseSwitched(call, from);
  refuseSwitched(call, to);
  const now = clock.now();
  const view = viewOf(call);
  const run: GroupSwitch = {
    from,
    to,
    capacity: capacityIn(body, switchedInstances(view, { from, to }), to),
    stepPercent: wholeIn(body, "stepPercent", [1, 100]) ?? 25,
    maxErrorPercent: wholeIn(body, "maxErrorPercent", [0, 100]) ?? 5,
    startedAtMs: now,
    deadlineMs: now + (wholeIn(body, "timeoutSec", [1, 86_400]) ?? 300) * 1000,
    before: { from: servingStatesOf(view, from), to: servingStatesOf(view, to) },
    phase: "SWITCHING",
  };
  const begun = { key: `${groupSwitchesCollection}/switch-${randomHex(random, 4)}`, name: "", run };
  const changes = [...forgetEnded(call), put(call, begun)];
  return { answer: shown(call, { ...begun, name: begun.key.slice(begun.key.indexOf("/") + 1) }), changes };
}

/** `group` in the message of a fault is one of two. */
function groupNamed(call: Call, body: JsonObject, field: "from" | "to"): string {
  const named = body[field];
  if (typeof named !== "string" || named === "") throw invalid(field, named, "It must be the name or the key of a group.");
  return groupIn(call, { group: named }).key;
}

/** Both groups are as that switch left them. */
function isDoneAlready(call: Call, { from, to, phase }: GroupSwitch): boolean {
  if (phase !== "DONE") return false;
  const view = viewOf(call);
  const [left, taken] = [servingStatesOf(view, from), servingStatesOf(view, to)];
  return left.state === "KEEPALIVE" && taken.state === "RUNNING" && left.others.length + taken.others.length === 0;
}

/** At the least what runs now and what is to run; so much when nothing else is asked for. */
function capacityIn(body: JsonObject, instances: readonly SwitchedInstance[], to: string): number {
  const running = instances.filter(({ state }) => state === "RUNNING").length;
  const wanted = instances.filter(({ group }) => group === "to").length;
  if (wanted === 0) {
    throw new UserError({
      code: "failedPrecondition",
      field: "to",
      message: `The group '${to}' has no instance that takes part in traffic: nobody could take over.`,
    });
  }
  const least = Math.max(running, wanted);
  const capacity = wholeIn(body, "capacity", [1, 1_000_000]) ?? least;
  if (capacity >= least) return capacity;
  throw invalid(
    "capacity",
    capacity,
    `${running} instances are RUNNING now and ${wanted} are to be in the end; it must be at least ${least}.`,
  );
}

function goBack(call: Call): Result {
  const before = one(call);
  if (before.run.phase !== "SWITCHING") return { answer: shown(call, before) };
  const after = { ...before, run: returning(before.run, `asked for by ${call.command.user}`) };
  return { answer: shown(call, after), changes: [put(call, after)] };
}

/** Makes the move that the project has planned. */
function advance(call: Call): Result {
  // The Project object is the only caller.
  const { move } = call.command.body as unknown as { readonly move: SwitchMove };
  const before = one(call);
  const { run, changes = [] } = moved(call, before.run, move);
  const after = { ...before, run };
  return { answer: shown(call, after), changes: [...changes, put(call, after)] };
}

function moved(call: Call, run: GroupSwitch, move: SwitchMove): { readonly run: GroupSwitch; readonly changes?: readonly Change[] } {
  switch (move.kind) {
    case "begin":
      return { run: { ...run, usualErrorPercent: move.usualErrorPercent } };
    case "wait":
      return { run: { ...run, waits: move.for } };
    case "return":
      return { run: returning(run, move.reason) };
    case "set":
      return { run, changes: setStates(call, run, move) };
    case "finish": {
      const { waits: _waits, ...rest } = run;
      const phase = run.phase === "SWITCHING" ? "DONE" : "RETURNED";
      return { run: { ...rest, phase, endedAtMs: call.context.clock.now() }, changes: settle(call, run) };
    }
  }
}

function returning({ waits: _waits, ...run }: GroupSwitch, reason: string): GroupSwitch {
  return { ...run, phase: "RETURNING", reason };
}

/** While a switch goes on, what comes to either group is KEEPALIVE from its beginning, so that the cap holds. */
function setStates(call: Call, run: GroupSwitch, { state, instances }: Extract<SwitchMove, { kind: "set" }>): Change[] {
  const view = viewOf(call);
  const now = switchedInstances(view, run);
  return (["from", "to"] as const).flatMap((group) => {
    const changed = new Set(instances.filter((each) => each.group === group).map(({ name }) => name));
    if (changed.size === 0 || !findGroup(call, run[group])) return [];
    const mine = now.filter((each) => each.group === group);
    const running = mine.filter((each) => (changed.has(each.name) ? state : each.state) === "RUNNING").map(({ name }) => name);
    return putServingStates(call, run[group], { state: "KEEPALIVE", others: running.toSorted() });
  });
}

/** What comes to the groups from now on has the state that they were switched to. */
function settle(call: Call, run: GroupSwitch): Change[] {
  return (["from", "to"] as const).flatMap((group) => {
    if (!findGroup(call, run[group])) return [];
    const states = run.phase === "RETURNING" ? run.before[group] : { state: goalOf(run, { group, name: "" }), others: [] };
    return putServingStates(call, run[group], states);
  });
}

function one(call: Call): StoredSwitch {
  const { project, name = "" } = call.command;
  const key = `${groupSwitchesCollection}/${name}`;
  const stored = call.context.store.get(key);
  if (!stored) throw notFound(project, key);
  return { key, name, run: switchOf(stored.resource) };
}

function put(call: Call, { key, run }: StoredSwitch): Change {
  const before = call.context.store.get(key);
  // Plain data of optional fields, which is JSON.
  const resource = run as unknown as JsonObject;
  putResource(call, { key, collection: groupSwitchesCollection, ...(before && { before }) }, { resource, references: [] });
  return { key, kind: before ? "updated" : "created" };
}

function forgetEnded(call: Call): Change[] {
  const { store } = call.context;
  const ended = allSwitches(store).filter(({ run }) => !isActive(run));
  return ended.slice(0, Math.max(0, ended.length + 1 - mostEnded)).map(({ key }) => {
    store.delete(key);
    return { key, kind: "deleted" };
  });
}

function shown(call: Call, { name, run }: StoredSwitch): JsonObject {
  const { from, to, phase, capacity, stepPercent, maxErrorPercent, startedAtMs, endedAtMs, waits, reason } = run;
  const instances = switchedInstances(viewOf(call), run);
  const count = (group: SwitchedInstance["group"]): JsonObject => {
    const mine = instances.filter((each) => each.group === group);
    const running = mine.filter(({ state }) => state === "RUNNING").length;
    return { running, keptAlive: mine.length - running };
  };
  return {
    name,
    from,
    to,
    state: phase,
    capacity,
    stepPercent,
    maxErrorPercent,
    startTime: new Date(startedAtMs).toISOString(),
    ...(endedAtMs !== undefined && { endTime: new Date(endedAtMs).toISOString() }),
    instances: { from: count("from"), to: count("to") },
    ...(isActive(run) && waits !== undefined && { waits }),
    ...(reason !== undefined && { reason }),
  };
}
