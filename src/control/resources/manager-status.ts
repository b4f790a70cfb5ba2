import type { Json, JsonObject } from "#base/json.ts";
import type { CurrentAction, GroupReport, InstanceReport } from "#instances/group/spec.ts";
import { autoscalerOf } from "#control/compiler/autoscaling.ts";
import { countOf, isStateful, templateOf, updateSpec } from "#control/compiler/managed-group.ts";
import { resolve } from "#control/compiler/references.ts";
import { isRegional } from "#control/compiler/spread.ts";
import { instanceGroupManagers, type InstanceGroupManager } from "#model/compute/instance-group-managers.ts";
import type { StoredResource } from "../store/store.ts";
import type { Call } from "./context.ts";
import { groupKeyOfManager } from "./derived.ts";
import { configStates } from "./instance-configs.ts";
import { areIntentsDone } from "./intents.ts";
import { computeLink, nameOf, scopeOf } from "./names.ts";
import { distributionOf } from "./regional-managers.ts";
import { viewOf } from "./view.ts";

/** What an instance group manager answers beyond what was given: its group, its versions, and how far its instances have come. */
export function managerStatus(call: Call, manager: StoredResource): JsonObject {
  const { project } = call.command;
  const groupKey = groupKeyOfManager(manager.key);
  const report = call.context.store.groupReport(groupKey);
  const wanted = instanceGroupManagers.read(manager.resource);
  const size = wanted.targetSize ?? 0;
  return {
    ...versionsOf(wanted, size),
    ...updatePolicyOf(wanted, scopeOf(manager.key)),
    ...distributionOf(call, manager),
    instanceGroup: computeLink(project, groupKey),
    targetSize: size,
    currentActions: actionsOf(report, size),
    status: {
      isStable: isStable(report, size) && areIntentsDone(call, manager, report?.intentsDone ?? 0),
      versionTarget: { isReached: isOnVersion(call, wanted, report) },
      stateful: statefulOf(call, manager),
      allInstancesConfig: { effective: wanted.allInstancesConfig === undefined || (report?.outdated ?? 0) === 0 },
      ...autoscalerLink(call, manager),
    },
  };
}

/** Google: a config that is deleted makes a group stateful no more, and counts as not effective until its instance has let go of it. */
function statefulOf(call: Call, manager: StoredResource): JsonObject {
  const states = [...configStates(call, manager).values()];
  const hasStatefulConfig = isStateful(instanceGroupManagers.read(manager.resource)) || states.some(({ config }) => !config.deleted);
  return { hasStatefulConfig, perInstanceConfigs: { allEffective: states.every(({ status }) => status === "EFFECTIVE") } };
}

function autoscalerLink(call: Call, { key }: StoredResource): JsonObject {
  const autoscaler = autoscalerOf(viewOf(call), key);
  return autoscaler ? { autoscaler: computeLink(call.command.project, autoscaler.key) } : {};
}

/** Google answers both spellings of the template, whichever was given, and what percentages come to. */
function versionsOf(manager: InstanceGroupManager, size: number): JsonObject {
  const template = templateOf(manager);
  if (template === undefined) return {};
  const counted = sizedVersions(manager).map(({ version, count }) => ({
    ...version,
    targetSize: { ...version.targetSize, calculated: count },
  }));
  if (counted.length > 0) return { instanceTemplate: template, versions: counted as unknown as Json };
  return { versions: [{ instanceTemplate: template, targetSize: { calculated: size } }] };
}

/** Versions with the number of instances that each is to have; the one without a size of its own gets what is left. */
function sizedVersions({ versions = [], targetSize = 0 }: InstanceGroupManager) {
  const counts = versions.map(({ targetSize: wanted }) => (wanted ? Math.min(countOf(wanted, targetSize), targetSize) : undefined));
  const left = targetSize - counts.reduce((sum: number, count) => sum + (count ?? 0), 0);
  return versions.map((version, index) => ({ version, count: counts[index] ?? Math.max(0, left) }));
}

function updatePolicyOf(manager: InstanceGroupManager, scope: string): JsonObject {
  const { updatePolicy } = manager;
  if (!updatePolicy) return {};
  const { maxSurge, maxUnavailable } = updateSpec(manager, scope);
  const counted = {
    ...(isRegional(scope) && { instanceRedistributionType: "PROACTIVE" }),
    ...updatePolicy,
    maxSurge: { ...updatePolicy.maxSurge, calculated: maxSurge },
    maxUnavailable: { ...updatePolicy.maxUnavailable, calculated: maxUnavailable },
  };
  return { updatePolicy: counted as unknown as Json as JsonObject };
}

const actionFields: Readonly<Record<CurrentAction, string>> = {
  NONE: "none",
  CREATING: "creating",
  RECREATING: "recreating",
  DELETING: "deleting",
  VERIFYING: "verifying",
  RESTARTING: "restarting",
  STOPPING: "stopping",
  SUSPENDING: "suspending",
  STARTING: "starting",
  RESUMING: "resuming",
};

/** Every kind of action is answered, as Google does; instances that the group has not begun with yet count as being created. */
function actionsOf(report: GroupReport | undefined, size: number): JsonObject {
  const counts = new Map<string, number>(
    ["none", "creating", "creatingWithoutRetries", "verifying", "recreating", "refreshing", "restarting", "deleting", "abandoning"].map(
      (action) => [action, 0],
    ),
  );
  const add = (action: string, count: number): unknown => counts.set(action, (counts.get(action) ?? 0) + count);
  for (const instance of report?.instances ?? []) add(actionFields[instance.action], 1);
  add("creating", Math.max(0, size - staying(report).length));
  return Object.fromEntries(counts);
}

/** Those that count among the target size. */
function staying(report: GroupReport | undefined): readonly InstanceReport[] {
  const halted = new Set(["STOPPED", "SUSPENDED", "SUSPENDING"]);
  return (report?.instances ?? []).filter(({ action, status }) => action !== "DELETING" && action !== "STOPPING" && !halted.has(status));
}

/** A report may be older than the last `resize`, so that its own word counts only where its size is the wanted one. */
function isStable(report: GroupReport | undefined, size: number): boolean {
  return report === undefined ? size === 0 : report.isStable && staying(report).length === size;
}

function isOnVersion(call: Call, manager: InstanceGroupManager, report: GroupReport | undefined): boolean {
  const present = staying(report);
  const sized = sizedVersions(manager);
  const wanted = sized.length > 0 ? sized : [{ version: { instanceTemplate: templateOf(manager) }, count: present.length }];
  return wanted.every(({ version, count }) => {
    const key = resolve(viewOf(call), version.instanceTemplate, ["instanceTemplates"]);
    const name = `instanceTemplates/${key === undefined ? "" : nameOf(key)}`;
    return present.filter(({ template }) => template === undefined || template === name).length >= Math.min(count, present.length);
  });
}
