/** What a VM's start-up script finds in its environment. */
import type { FleetInstance } from "#instances/fleet.ts";

/** Of our own environment only these reach a VM: nothing that could hold a secret. */
const passedOn = ["PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR"];

/** Where the application of an instance is expected when its group names no port. */
const defaultPort = 8080;

export interface Place {
  readonly address: string;
  /** `address:port` of the instance's metadata server. */
  readonly metadataHost: string;
  /** Origin of the mesh entry, for applications that call other services. */
  readonly mesh?: string;
}

/** The ports that the group sends requests to; never empty. */
export function servingPorts(instance: FleetInstance): number[] {
  const ports = instance.namedPorts.map((named) => named.port);
  return ports.length > 0 ? [...new Set(ports)] : [defaultPort];
}

/**
 * The environment of an instance: `HOST`, `PORT` (first named port, 8080 when none), `PORT_<NAME>` (upper case, `-` as `_`),
 * `INSTANCE_NAME`, `ZONE`, `GCE_METADATA_HOST`, `WAYSIDE_MESH` (where services are called by Host header), and of `own` only what a
 * program needs to run.
 */
export function environmentOf(instance: FleetInstance, place: Place, own: NodeJS.ProcessEnv): Record<string, string> {
  const environment: Record<string, string> = {};
  for (const name of passedOn) {
    const value = own[name];
    if (value !== undefined) environment[name] = value;
  }
  for (const named of instance.namedPorts) {
    // As in the control plane, the first entry of a name that occurs twice is the one that counts.
    environment[`PORT_${named.name.toUpperCase().replaceAll("-", "_")}`] ??= String(named.port);
  }
  environment["HOST"] = place.address;
  environment["PORT"] = String(servingPorts(instance)[0]);
  environment["INSTANCE_NAME"] = instance.name;
  environment["ZONE"] = instance.zone;
  environment["GCE_METADATA_HOST"] = place.metadataHost;
  if (place.mesh !== undefined) environment["WAYSIDE_MESH"] = place.mesh;
  return environment;
}

/** A name that only this VM's processes have in their environment, as `NAME=value`. */
export function markOf(place: Place): string {
  return `GCE_METADATA_HOST=${place.metadataHost}`;
}
