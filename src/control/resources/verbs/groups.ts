import type { JsonObject } from "#base/json.ts";
import type { GroupSource } from "#control/compiler/group-source.ts";
import { servingStatesOf } from "#control/compiler/traffic.ts";
import type { GroupReport } from "#instances/group/spec.ts";
import type { ServingState } from "#instances/switching/switch.ts";
import type { Call, Result, Verb } from "../context.ts";
import { groupKeys } from "../group-keys.ts";
import { refuseSwitched } from "../group-switches.ts";
import { findGroup } from "../membership.ts";
import { putServingStates } from "../membership-state.ts";
import { viewOf } from "../view.ts";
import { groupIn } from "./registration.ts";

/** Groups of any kind as a whole: whether they are at work or kept warm. A state that is set counts for all instances, those to come too. */
export const groupVerbs: ReadonlyMap<string, Verb> = new Map<string, Verb>([
  ["list", { method: "GET", on: "collection", mutates: false, run: (call) => ({ answer: { groups: all(call) } }) }],
  ["get", { method: "GET", on: "resource", mutates: false, run: (call) => ({ answer: rowOf(call, one(call)) }) }],
  ["keepalive", { method: "POST", on: "resource", mutates: true, run: (call) => serve(call, "KEEPALIVE") }],
  ["run", { method: "POST", on: "resource", mutates: true, run: (call) => serve(call, "RUNNING") }],
]);

function all(call: Call): JsonObject[] {
  return groupKeys(call).flatMap((key) => {
    const group = findGroup(call, key);
    return group ? [rowOf(call, group)] : [];
  });
}

/** The group of the path; `zone` or `region` in the query where its name alone is that of several. */
function one(call: Call): GroupSource {
  const { name = "", query } = call.command;
  const { zone, region } = query;
  if (region !== undefined) return groupIn(call, { group: `regions/${region}/instanceGroups/${name}` });
  return groupIn(call, { group: name, ...(zone === undefined ? {} : { zone }) });
}

function serve(call: Call, state: ServingState): Result {
  const group = one(call);
  refuseSwitched(call, group.key);
  const changes = putServingStates(call, group.key, { state, others: [] });
  return { answer: rowOf(call, group), changes };
}

/** `others`: instances that were given the other state by themselves. */
function rowOf(call: Call, { key, name, zone }: GroupSource): JsonObject {
  const { state, others } = servingStatesOf(viewOf(call), key);
  return {
    name,
    groupKey: key,
    zone,
    servingState: state,
    ...(others.length > 0 && { others: [...others] }),
    ...lastBatch(call.context.store.groupReport(key)),
  };
}

/** Instances that were decided on together, and how many of them came to run in a second. */
function lastBatch(report: GroupReport | undefined): JsonObject {
  if (!report?.creation) return {};
  const { decidedAtMs, made, lastMadeAtMs } = report.creation;
  const seconds = (lastMadeAtMs - decidedAtMs) / 1000;
  const perSecond = Math.round((10 * made) / Math.max(0.001, seconds)) / 10;
  return { lastBatch: { decidedAt: new Date(decidedAtMs).toISOString(), instances: made, seconds, perSecond } };
}
