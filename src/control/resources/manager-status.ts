import type { JsonObject } from "#base/json.ts";
import type { CurrentAction, GroupReport } from "#instances/group/spec.ts";
import { autoscalerOf } from "#control/compiler/autoscaling.ts";
import { templateOf } from "#control/compiler/groups.ts";
import { resolve } from "#control/compiler/references.ts";
import { instanceGroupManagers, type InstanceGroupManager } from "#model/compute/instance-group-managers.ts";
import type { StoredResource } from "../store/store.ts";
import type { Call } from "./context.ts";
import { groupKeyOfManager } from "./derived.ts";
import { computeLink, nameOf } from "./names.ts";
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
    instanceGroup: computeLink(project, groupKey),
    targetSize: size,
    currentActions: actionsOf(report, size),
    status: {
      isStable: isStable(report, size),
      versionTarget: { isReached: isOnVersion(call, wanted, report) },
      stateful: { hasStatefulConfig: false, perInstanceConfigs: { allEffective: true } },
      allInstancesConfig: { effective: true },
      ...autoscalerLink(call, manager),
    },
  };
}

function autoscalerLink(call: Call, { key }: StoredResource): JsonObject {
  const autoscaler = autoscalerOf(viewOf(call), key);
  return autoscaler ? { autoscaler: computeLink(call.command.project, autoscaler.key) } : {};
}

/** Google answers both spellings of the template, whichever was given. */
function versionsOf(manager: InstanceGroupManager, size: number): JsonObject {
  const template = templateOf(manager);
  if (template === undefined) return {};
  if ((manager.versions ?? []).length > 0) return { instanceTemplate: template };
  return { versions: [{ instanceTemplate: template, targetSize: { calculated: size } }] };
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
  add("creating", Math.max(0, size - staying(report)));
  return Object.fromEntries(counts);
}

function staying(report: GroupReport | undefined): number {
  return (report?.instances ?? []).filter(({ action }) => action !== "DELETING").length;
}

/** A report may be older than the last `resize`, so that its own word counts only where its size is the wanted one. */
function isStable(report: GroupReport | undefined, size: number): boolean {
  return report === undefined ? size === 0 : report.isStable && staying(report) === size && report.instances.length === size;
}

function isOnVersion(call: Call, manager: InstanceGroupManager, report: GroupReport | undefined): boolean {
  const key = resolve(viewOf(call), templateOf(manager), ["instanceTemplates"]);
  const wanted = `instanceTemplates/${key === undefined ? "" : nameOf(key)}`;
  return (report?.instances ?? []).every((instance) => instance.template === undefined || instance.template === wanted);
}
