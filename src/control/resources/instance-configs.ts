import { type Json, type JsonObject, sameJson } from "#base/json.ts";
import { configsCollection, configsKey, type InstanceConfigs, type StoredConfig } from "#control/compiler/membership.ts";
import type { InstanceReport } from "#instances/group/spec.ts";
import type { Change } from "../command.ts";
import type { StoredResource } from "../store/store.ts";
import type { Call } from "./context.ts";
import { groupKeyOfManager } from "./derived.ts";
import { putResource } from "./draft.ts";
import { fingerprintText } from "./fingerprint.ts";
import { namesToCome } from "./intents.ts";
import { scopeOf } from "./names.ts";

/**
 * Per-instance configs of a manager: what is wanted, held against what its instances report to have. They end with their instances, whoever
 * ended these, so that what is kept of one that is gone counts for nothing and goes with the next change.
 */

/** Google's `PerInstanceConfig.status`; one that is deleted is listed until its instance has let go of it. */
type ConfigStatus = "APPLYING" | "EFFECTIVE" | "UNAPPLIED" | "DELETING" | "UNAPPLIED_DELETION";

export interface InstanceConfigState {
  readonly config: StoredConfig;
  /** The config that the instance has now. */
  readonly applied: StoredConfig | undefined;
  readonly status: ConfigStatus;
}

/** Of one manager, by name of the instance, in the order in which they were first given. */
export function configStates(call: Call, manager: StoredResource): ReadonlyMap<string, InstanceConfigState> {
  const reported = reportsOf(call, manager);
  const toCome = namesToCome(call, manager);
  const states = new Map<string, InstanceConfigState>();
  for (const [name, history] of historyOf(call, manager)) {
    const config = history.at(-1);
    const report = reported.get(name);
    const isHere = report !== undefined || toCome.has(name);
    if (!config || !isHere || (config.deleted && report?.config === undefined)) continue;
    const applied = history.find(({ revision }) => revision === report?.config);
    states.set(name, { config, applied, status: statusOf(config, report) });
  }
  return states;
}

const remaking: ReadonlySet<string> = new Set(["CREATING", "RECREATING", "RESTARTING", "STARTING", "RESUMING"]);

/** Whoever is being made takes on what is wanted. */
function statusOf({ revision, deleted }: StoredConfig, report: InstanceReport | undefined): ConfigStatus {
  const isBeingMade = report === undefined || remaking.has(report.action);
  if (deleted) return isBeingMade ? "DELETING" : "UNAPPLIED_DELETION";
  if (isBeingMade) return "APPLYING";
  return report.config === revision ? "EFFECTIVE" : "UNAPPLIED";
}

/** Google's `PerInstanceConfig.fingerprint`. */
export function configFingerprint(manager: StoredResource, { name, revision }: StoredConfig): string {
  return fingerprintText(`${manager.key}#${name}#${revision}`);
}

/**
 * Sets what instances are to preserve: undefined for nothing more. Each change gets a revision of its own; one that changes nothing
 * has none.
 */
export function putConfigs(call: Call, manager: StoredResource, wanted: ReadonlyMap<string, JsonObject | undefined>): Change[] {
  const { store } = call.context;
  const key = configsKey(scopeOf(manager.key), manager.name);
  const before = store.get(key);
  const history = historyOf(call, manager);
  const changed = [...wanted].filter(([name, preservedState]) => !sameJson(presentOf(history, name), preservedState));
  if (changed.length === 0) return [];
  const revision = store.nextRevision();
  for (const [name, preservedState] of changed) {
    const config: StoredConfig = preservedState
      ? { name, revision, preservedState }
      : { name, revision, preservedState: {}, deleted: true };
    history.set(name, [...(history.get(name) ?? []), config]);
  }
  const configs = withoutPast(history, { reported: reportsOf(call, manager), toCome: namesToCome(call, manager) });
  if (configs.length === 0) {
    store.delete(key);
    return before ? [{ key, kind: "deleted" }] : [];
  }
  // Plain data, which is JSON.
  const resource = { configs: configs as unknown as Json };
  putResource(call, { key, collection: configsCollection, ...(before ? { before } : {}) }, { resource, references: [] });
  return [{ key, kind: before ? "updated" : "created" }];
}

/** Forgets the configs of instances that leave the group. */
export function forgetConfigs(call: Call, manager: StoredResource, names: readonly string[]): Change[] {
  return putConfigs(call, manager, new Map(names.map((name) => [name, undefined])));
}

function presentOf(history: ReadonlyMap<string, readonly StoredConfig[]>, name: string): JsonObject | undefined {
  const last = history.get(name)?.at(-1);
  return last?.deleted ? undefined : last?.preservedState;
}

/** What an instance has, or may have by the time this is read, and what is wanted for it. A report may lag behind by a change. */
function withoutPast(
  history: ReadonlyMap<string, readonly StoredConfig[]>,
  { reported, toCome }: { reported: ReadonlyMap<string, InstanceReport>; toCome: ReadonlySet<string> },
): StoredConfig[] {
  return [...history].flatMap(([name, configs]) => {
    const report = reported.get(name);
    if (!report && !toCome.has(name)) return [];
    return configs.filter(({ revision }, index) => index >= configs.length - 2 || revision === report?.config);
  });
}

/** The stored configs of each name, the latest last. */
function historyOf(call: Call, manager: StoredResource): Map<string, StoredConfig[]> {
  const stored = call.context.store.get(configsKey(scopeOf(manager.key), manager.name))?.resource as InstanceConfigs | undefined;
  return Map.groupBy(stored?.configs ?? [], ({ name }) => name);
}

function reportsOf(call: Call, manager: StoredResource): ReadonlyMap<string, InstanceReport> {
  const instances = call.context.store.groupReport(groupKeyOfManager(manager.key))?.instances ?? [];
  return new Map(instances.map((instance) => [instance.name, instance]));
}
