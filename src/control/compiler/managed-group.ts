/** What a group is told of its manager: versions, how they are rolled out, how instances are repaired, what is asked of single ones. */
import type { GroupSpec, InstanceConfig, ProbeSpec, RepairSpec, TemplateSpec, UpdateAction, UpdateSpec } from "#instances/group/spec.ts";
import { isJsonObject } from "#base/json.ts";
import type { InstanceGroupManager } from "#model/compute/instance-group-managers.ts";
import { instanceTemplates } from "#model/compute/instance-templates.ts";
import type { GroupSource } from "./group-source.ts";
import { configsKey, intentsKey, type GroupIntents, type InstanceConfigs } from "./membership.ts";
import { resolve, scopeOf, shortName } from "./references.ts";
import { spreadOf, zonesOf } from "./spread.ts";
import { read, type ResourceView } from "./view.ts";

type Managed = NonNullable<GroupSpec["managed"]>;

export function managedSpec(view: ResourceView, source: GroupSource & { kind: "managed" }, healing: ProbeSpec | undefined): Managed {
  const { manager, name, key } = source;
  const initialDelayMs = (manager.autoHealingPolicies?.[0]?.initialDelaySec ?? 0) * 1000;
  const targetSize = manager.targetSize ?? 0;
  const open = openVersionOf(manager);
  const canaries = (manager.versions ?? []).filter((version) => version !== open);
  const specOf = (reference: string | undefined): TemplateSpec => withConfig(templateSpec(view, reference), manager);
  const intents = (view.get(intentsKey(scopeOf(key), name)) as GroupIntents | undefined)?.intents ?? [];
  return {
    baseInstanceName: manager.baseInstanceName ?? name,
    targetSize,
    template: specOf(templateOf(manager)),
    ...(canaries.length > 0 && {
      canaries: canaries.map((version) => ({
        template: specOf(version.instanceTemplate),
        size: countOf(version.targetSize, targetSize),
      })),
    }),
    update: updateSpec(manager, scopeOf(key)),
    ...(healing ? { autoHealing: { probeId: healing.id, initialDelayMs } } : {}),
    repair: repairSpec(manager),
    ...spreadOf(scopeOf(key), manager),
    ...configsOf(view, configsKey(scopeOf(key), name)),
    ...(isStateful(manager) && { stateful: true }),
    ...(intents.length > 0 && { intents }),
  };
}

/** Per-instance configs, as far as they reach an instance. */
function configsOf(view: ResourceView, key: string): Pick<Managed, "configs"> {
  const stored = (view.get(key) as InstanceConfigs | undefined)?.configs ?? [];
  const wanted = new Map(stored.map((config) => [config.name, config]));
  const configs = [...wanted.values()].flatMap(({ name, revision, preservedState, deleted }): [string, InstanceConfig][] =>
    deleted ? [] : [[name, { revision, metadata: textsOf(preservedState["metadata"]) }]],
  );
  return configs.length > 0 ? { configs: Object.fromEntries(configs) } : {};
}

function textsOf(map: unknown): Record<string, string> {
  if (!isJsonObject(map)) return {};
  return Object.fromEntries(Object.entries(map).flatMap(([name, value]) => (typeof value === "string" ? [[name, value]] : [])));
}

/** Whether all instances keep what they have. */
export function isStateful({ statefulPolicy }: InstanceGroupManager): boolean {
  return statefulPolicy?.preservedState !== undefined;
}

type Version = NonNullable<InstanceGroupManager["versions"]>[number];
type Count = Version["targetSize"];

/** The version without a target size gets what the others leave. */
function openVersionOf({ versions = [] }: InstanceGroupManager): Version | undefined {
  return versions.find(({ targetSize }) => targetSize === undefined) ?? versions[0];
}

/** The template of new instances. `versions` stands before `instanceTemplate`; its entry without a target size is what they get. */
export function templateOf(manager: InstanceGroupManager): string | undefined {
  return openVersionOf(manager)?.instanceTemplate ?? manager.instanceTemplate;
}

/** Of all versions. */
export function templatesOf(manager: InstanceGroupManager): (string | undefined)[] {
  return [templateOf(manager), ...(manager.versions ?? []).map(({ instanceTemplate }) => instanceTemplate)];
}

/** Google's `FixedOrPercent.calculated`: a percentage is rounded to the nearest number. */
export function countOf(count: Count, of: number): number {
  return count?.percent === undefined ? (count?.fixed ?? 0) : Math.round((count.percent / 100) * of);
}

/**
 * Google's defaults: as many more, and as many fewer, as there are zones. Instances that keep what they have (`statefulPolicy`) keep their
 * names, so that none is made beside them.
 */
export function updateSpec(manager: InstanceGroupManager, scope: string): UpdateSpec {
  const { updatePolicy = {}, targetSize = 0 } = manager;
  const zones = zonesOf(scope, manager).length;
  const recreates = updatePolicy.replacementMethod === "RECREATE" || isStateful(manager);
  const maxSurge = recreates ? 0 : updatePolicy.maxSurge ? countOf(updatePolicy.maxSurge, targetSize) : zones;
  const mostDisruptive = actionOf(updatePolicy.mostDisruptiveAllowedAction);
  const maxUnavailable = updatePolicy.maxUnavailable ? countOf(updatePolicy.maxUnavailable, targetSize) : zones;
  return {
    type: updatePolicy.type === "PROACTIVE" ? "PROACTIVE" : "OPPORTUNISTIC",
    method: recreates ? "RECREATE" : "SUBSTITUTE",
    minimalAction: actionOf(updatePolicy.minimalAction),
    mostDisruptive,
    maxSurge,
    // A percentage may come to nothing; an update that may neither make an instance nor take one out would never end.
    maxUnavailable: maxSurge === 0 || mostDisruptive === "RESTART" ? Math.max(1, maxUnavailable) : maxUnavailable,
  };
}

/** REPLACE when absent. */
export function actionOf(text: string | undefined): UpdateAction {
  return text === "NONE" || text === "REFRESH" || text === "RESTART" ? text : "REPLACE";
}

function repairSpec({ instanceLifecyclePolicy = {} }: InstanceGroupManager): RepairSpec {
  const { defaultActionOnFailure, onFailedHealthCheck = "DEFAULT_ACTION", forceUpdateOnRepair } = instanceLifecyclePolicy;
  const onFailure = defaultActionOnFailure !== "DO_NOTHING";
  return {
    onFailure,
    onFailedHealthCheck: onFailedHealthCheck === "DEFAULT_ACTION" ? onFailure : onFailedHealthCheck !== "DO_NOTHING",
    updates: forceUpdateOnRepair === "YES",
  };
}

/** Google's `allInstancesConfig` stands before what templates say; changing it is an update like that of a version. */
function withConfig(template: TemplateSpec, { allInstancesConfig }: InstanceGroupManager): TemplateSpec {
  const { labels, metadata } = allInstancesConfig?.properties ?? {};
  return { ...template, labels: { ...template.labels, ...labels }, metadata: { ...template.metadata, ...metadata } };
}

function templateSpec(view: ResourceView, reference: string | undefined): TemplateSpec {
  const key = resolve(view, reference, ["instanceTemplates"]) ?? "";
  const properties = read(view, instanceTemplates, key)?.properties;
  const items = properties?.metadata?.items ?? [];
  return {
    name: `instanceTemplates/${shortName(key)}`,
    metadata: Object.fromEntries(items.flatMap((item) => (item.key === undefined ? [] : [[item.key, item.value ?? ""]]))),
    labels: properties?.labels ?? {},
    tags: properties?.tags?.items ?? [],
    machineType: properties?.machineType ?? "",
  };
}
