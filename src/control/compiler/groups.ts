/** Groups as the Group objects carry them out: what to run, how to probe it, how long to drain it. */
import type { GroupKey, GroupSpec, MemberSpec, ProbeSpec } from "#instances/group/spec.ts";
import { autoscalers } from "#model/compute/autoscalers.ts";
import { backendServices, type BackendService } from "#model/compute/backend-services.ts";
import { instanceGroupManagers, type InstanceGroupManager } from "#model/compute/instance-group-managers.ts";
import { autoscalerOf, autoscalingSpec, managerOf, type ServiceOfGroup } from "./autoscaling.ts";
import { groupKeyOf, groupSource, type GroupSource } from "./group-source.ts";
import { managedSpec, templatesOf } from "./managed-group.ts";
import { configsCollection, endpointsCollection, intentsCollection, membersCollection } from "./membership.ts";
import { backendProbes, probe } from "./probes.ts";
import { resolve, scopeOf, shortName } from "./references.ts";
import { collectionOf, read, recordingView, type RecordingView, type ResourceView } from "./view.ts";

export interface CompiledGroup {
  /** All but the version, which whoever keeps the last specification counts. */
  readonly spec: Omit<GroupSpec, "version">;
  /** Keys of what the specification was made of, sorted. A change in one of them may change it. */
  readonly dependencies: string[];
}

/**
 * The specification of a group; undefined when there is no such group (any more). A backend service that begins to list the group is no
 * dependency yet: `affectedGroups` finds it.
 */
export function compileGroup(view: ResourceView, key: GroupKey): CompiledGroup | undefined {
  const recording = recordingView(view);
  const source = groupSource(recording, key);
  if (!source) return undefined;
  const users = usersOf(view, key);
  const listed = users.flatMap((user): ServiceOfGroup[] => {
    const service = read(recording, backendServices, user);
    return service ? [{ key: user, service }] : [];
  });
  const services = listed.map(({ service }) => service);
  const healing = source.kind === "managed" ? healingProbe(recording, source, source.manager) : undefined;
  const probes = services.flatMap((service) => backendProbes(recording, service, source));
  const spec: CompiledGroup["spec"] = {
    project: view.project,
    key,
    zone: source.zone,
    name: source.name,
    namedPorts: source.namedPorts,
    probes: unique(healing ? [...probes, healing] : probes),
    drainingTimeoutMs: Math.max(0, ...services.map((service) => (service.connectionDraining?.drainingTimeoutSec ?? 0) * 1000)),
    kind: source.kind,
    ...(source.kind === "managed"
      ? { managed: { ...managedSpec(recording, source, healing), ...scalingOf(recording, source, listed) } }
      : { members: source.members.map(memberSpec) }),
  };
  return { spec, dependencies: recording.dependencies() };
}

/** What the group needs of a member: where to probe it. */
function memberSpec({ name, address, port }: MemberSpec): MemberSpec {
  return { name, address, ...(port === undefined ? {} : { port }) };
}

/** Keys of the backend services that list a group, in the order of the view. */
function usersOf(view: ResourceView, key: GroupKey): string[] {
  const name = shortName(key);
  const lists = (service: BackendService): boolean =>
    // Comparing the end first spares the reading of every reference of the project.
    (service.backends ?? []).some(({ group }) => group !== undefined && shortName(group) === name && groupKeyOf(view, group) === key);
  return view.list("backendServices").flatMap((service) => (lists(backendServices.read(service.resource)) ? [service.key] : []));
}

function unique(probes: readonly ProbeSpec[]): ProbeSpec[] {
  return [...new Map(probes.map((spec) => [spec.id, spec])).values()].toSorted((a, b) => (a.id < b.id ? -1 : 1));
}

/** Google knows one autohealing policy per group. */
function healingProbe(view: ResourceView, source: GroupSource, manager: InstanceGroupManager): ProbeSpec | undefined {
  return probe(view, manager.autoHealingPolicies?.[0]?.healthCheck, { source, portName: undefined })[0];
}

type Managed = NonNullable<GroupSpec["managed"]>;

/** An autoscaler that begins to size the group is no dependency yet: `affectedGroups` finds it. */
function scalingOf(view: RecordingView, { key }: GroupSource, services: readonly ServiceOfGroup[]): Pick<Managed, "autoscaling"> {
  const found = autoscalerOf(view.unrecorded, key.replace("/instanceGroups/", "/instanceGroupManagers/"));
  const autoscaler = read(view, autoscalers, found?.key);
  return autoscaler ? { autoscaling: autoscalingSpec(view, autoscaler, { key, services }) } : {};
}

/**
 * Groups whose specification a change of these resources may have changed, as the view stands now, sorted. To be joined with the groups
 * whose stored dependencies name a changed key: a backend service that no longer lists a group cannot be found from here.
 */
export function affectedGroups(view: ResourceView, changes: readonly { readonly key: string }[]): GroupKey[] {
  return [...new Set(changes.flatMap(({ key }) => groupsTouchedBy(view, key)))].toSorted();
}

function groupsTouchedBy(view: ResourceView, key: string): GroupKey[] {
  const groupIn = (collection: string): GroupKey[] => [`${scopeOf(key)}/${collection}/${shortName(key)}`];
  switch (collectionOf(key)) {
    case "instanceGroups":
    case "instanceGroupManagers":
    case membersCollection:
    case intentsCollection:
    case configsCollection:
      return groupIn("instanceGroups");
    case "networkEndpointGroups":
    case endpointsCollection:
      return groupIn("networkEndpointGroups");
    case "autoscalers": {
      const autoscaler = read(view, autoscalers, key);
      const manager = autoscaler && managerOf(view, autoscaler);
      return manager === undefined ? [] : [groupKeyOf(view, manager) ?? manager];
    }
    case "backendServices":
      return groupsOfService(view, read(view, backendServices, key));
    case "instanceTemplates":
      return managersNaming(view, (manager) => templatesOf(manager).some((one) => resolve(view, one, ["instanceTemplates"]) === key));
    case "healthChecks":
      return [
        ...view.list("backendServices").flatMap(({ resource }) => {
          const service = backendServices.read(resource);
          return names(view, service.healthChecks, key) ? groupsOfService(view, service) : [];
        }),
        ...managersNaming(view, (manager) => names(view, [manager.autoHealingPolicies?.[0]?.healthCheck], key)),
      ];
    default:
      return [];
  }
}

function groupsOfService(view: ResourceView, service: BackendService | undefined): GroupKey[] {
  return (service?.backends ?? []).flatMap(({ group }) => groupKeyOf(view, group) ?? []);
}

function names(view: ResourceView, references: readonly (string | undefined)[] | undefined, key: string): boolean {
  return (references ?? []).some((reference) => resolve(view, reference, ["healthChecks"]) === key);
}

function managersNaming(view: ResourceView, test: (manager: InstanceGroupManager) => boolean): GroupKey[] {
  return view
    .list("instanceGroupManagers")
    .filter(({ resource }) => test(instanceGroupManagers.read(resource)))
    .map(({ key }) => `${scopeOf(key)}/instanceGroups/${shortName(key)}`);
}
