/**
 * Where an instance is that only a tunnel reaches: a host name of its own, which stands wherever other instances have an IP address. The
 * ending is reserved: no endpoint can be registered under it.
 */

const ending = ".tunnel";

/** `web-1.web.us-central1-a.tunnel`. */
export function tunnelHost(zone: string, group: string, instance: string): string {
  return `${instance}.${group}.${zone}${ending}`;
}

/** Whether a host, as in an endpoint's address, is that of a tunnel. */
export function isTunnelHost(host: string): boolean {
  return host.endsWith(ending);
}

/** Name of the Tunnel object: `project/zones/z/instanceGroups/g/instance`. Undefined for a host that is no tunnel's. */
export function tunnelObjectName(project: string, host: string): string | undefined {
  const [instance, group, zone, last, ...more] = host.split(".");
  if (!instance || !group || !zone || `.${last}` !== ending || more.length > 0) return undefined;
  return `${project}/zones/${zone}/instanceGroups/${group}/${instance}`;
}
