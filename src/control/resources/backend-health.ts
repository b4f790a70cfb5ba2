import type { JsonObject } from "#base/json.ts";
import type { HealthState, InstanceReport } from "#instances/group/spec.ts";
import { groupKeyOf, servingPort, type GroupSource } from "#control/compiler/group-source.ts";
import type { AttachedEndpoint } from "#control/compiler/membership.ts";
import { backendProbes } from "#control/compiler/probes.ts";
import { trafficOf } from "#control/compiler/traffic.ts";
import { read } from "#control/compiler/view.ts";
import { backendServices } from "#model/compute/backend-services.ts";
import type { StoredResource } from "../store/store.ts";
import type { Call } from "./context.ts";
import { instanceKey } from "./derived.ts";
import { findGroup } from "./membership.ts";
import { collectionOf, computeLink } from "./names.ts";
import { viewOf } from "./view.ts";

/** Health of the members of groups, as the answers of `getHealth` and `listNetworkEndpoints` spell it. */

const worstFirst: readonly HealthState[] = ["UNHEALTHY", "TIMEOUT", "DRAINING", "UNKNOWN", "HEALTHY"];

/**
 * The worst that the probes say; without a health check everything counts as healthy, as it does for the proxies. What was taken out of
 * traffic is draining, and an agent that is not heard makes its instance unhealthy.
 */
function worst(
  call: Call,
  source: GroupSource,
  { instance, probes }: { instance: InstanceReport; probes: readonly string[] },
): HealthState {
  const { drained, lease } = trafficOf(viewOf(call), source)(instance.name);
  if (drained) return "DRAINING";
  if (lease && (lease.report?.state !== "CONNECTED" || lease.report.healthy === false)) return "UNHEALTHY";
  const states = new Set(probes.map((id) => instance.health[id] ?? "UNKNOWN"));
  return worstFirst.find((state) => states.has(state)) ?? "HEALTHY";
}

/** `healthStatus` of one group of a backend service: each member with its address and port. What is not healthy is UNHEALTHY to Google. */
export function groupHealth(call: Call, service: StoredResource, group: GroupSource): JsonObject[] {
  const backend = backendServices.read(service.resource);
  const probes = backendProbes(viewOf(call), backend, group).map(({ id }) => id);
  const port = servingPort(group, backend.portName);
  const instances = call.context.store.groupReport(group.key)?.instances ?? [];
  return instances.map((instance) => ({
    ...(group.kind === "endpoints" ? {} : { instance: computeLink(call.command.project, instanceKey(group.key, instance)) }),
    ipAddress: instance.address,
    port: instance.port ?? port,
    healthState: worst(call, group, { instance, probes }) === "HEALTHY" ? "HEALTHY" : "UNHEALTHY",
  }));
}

/** What the backend services that use a network endpoint group say of one of its endpoints. */
export function endpointHealth(call: Call, group: StoredResource, endpoint: AttachedEndpoint): JsonObject[] {
  const { store } = call.context;
  const source = findGroup(call, group.key);
  const address = endpoint.ipAddress ?? endpoint.fqdn;
  const report = store
    .groupReport(group.key)
    ?.instances.find((instance) => instance.address === address && instance.port === endpoint.port);
  const users = store.referrers(group.key).filter((key) => collectionOf(key) === "backendServices");
  if (!source) return [];
  return users.map((key) => {
    const service = read(viewOf(call), backendServices, key) ?? {};
    const probes = backendProbes(viewOf(call), service, source).map(({ id }) => id);
    return {
      backendService: { backendService: computeLink(call.command.project, key) },
      healthState: report === undefined ? "UNKNOWN" : healthStateOf(worst(call, source, { instance: report, probes })),
    };
  });
}

/** Google's endpoint states have no TIMEOUT. */
function healthStateOf(state: HealthState): HealthState {
  return state === "TIMEOUT" ? "UNHEALTHY" : state;
}

/** Keys of the groups that are backends of a service. */
export function backendGroups(call: Call, service: StoredResource): string[] {
  const view = viewOf(call);
  const { backends } = backendServices.read(service.resource);
  return (backends ?? []).flatMap(({ group }) => groupKeyOf(view, group) ?? []);
}
