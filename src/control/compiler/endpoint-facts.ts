/** What the proxy is told of an endpoint beyond its address, where its cluster asks for it: labels for subsets, its age for slow start. */
import type { Cluster, Endpoint } from "#ir/cluster.ts";
import type { InstanceReport } from "#instances/group/spec.ts";
import { instanceTemplates } from "#model/compute/instance-templates.ts";
import { instances } from "#model/compute/instances.ts";
import type { GroupSource } from "./group-source.ts";
import { type AttachedEndpoint, type AttachedEndpoints, endpointsKey } from "./membership.ts";
import { resolve, scopeOf, shortName } from "./references.ts";
import { read, type ResourceView } from "./view.ts";

type Wanted = Pick<Cluster, "subset" | "slowStart">;
type Labels = Readonly<Record<string, string>>;

/** A function that tells these facts of the instances of one group; `probes` are the ids of the probes that decide their health. */
export function factsOf(
  view: ResourceView,
  source: GroupSource,
  { wanted, probes }: { readonly wanted: Wanted; readonly probes: readonly string[] },
): (instance: InstanceReport) => Pick<Endpoint, "labels" | "healthySinceMs"> {
  const names = new Set([
    ...(wanted.subset?.selectors ?? []).map(({ label }) => label),
    ...Object.keys(wanted.subset?.defaultLabels ?? {}),
  ]);
  return (instance) => ({
    ...(wanted.subset && { labels: only(names, labelsOf(view, source, instance)) }),
    ...(wanted.slowStart && { healthySinceMs: healthySince(instance, probes) }),
  });
}

/** Of a managed instance those of its template and of all instances of its manager; of another VM its own; of an endpoint its VM's, and its annotations before them. */
function labelsOf(view: ResourceView, source: GroupSource, instance: InstanceReport): Labels {
  if (source.kind === "managed") {
    const key = resolve(view, instance.template, ["instanceTemplates"]);
    return { ...read(view, instanceTemplates, key)?.properties?.labels, ...source.manager.allInstancesConfig?.properties?.labels };
  }
  const vmLabels = (name: string): Labels | undefined =>
    read(view, instances, `${scopeOf(source.key)}/instances/${shortName(name)}`)?.labels;
  if (source.kind === "unmanaged") return vmLabels(instance.name) ?? {};
  const endpoint = attached(view, source, instance);
  return { ...(endpoint?.instance !== undefined && vmLabels(endpoint.instance)), ...endpoint?.annotations };
}

function attached(view: ResourceView, { key, name }: GroupSource, instance: InstanceReport): AttachedEndpoint | undefined {
  const stored = view.get(endpointsKey(scopeOf(key), name)) as AttachedEndpoints | undefined;
  return stored?.endpoints.find(
    ({ instance: vm, ipAddress, fqdn, port }) =>
      (port === undefined || port === instance.port) &&
      (ipAddress === undefined && fqdn === undefined
        ? vm !== undefined && shortName(vm) === shortName(instance.name.replace(/:\d+$/, ""))
        : (ipAddress ?? fqdn) === instance.address),
  );
}

function only(names: ReadonlySet<string>, labels: Labels): Labels {
  return Object.fromEntries(Object.entries(labels).filter(([name]) => names.has(name)));
}

/** When the last of the probes began to succeed; without probes, or before any did, when the instance was made. */
function healthySince({ createdAtMs, healthySinceMs = {} }: InstanceReport, probes: readonly string[]): number {
  return Math.max(createdAtMs, ...probes.map((id) => healthySinceMs[id] ?? 0));
}
