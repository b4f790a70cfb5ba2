import { checkName, checkPort } from "../check/names.ts";
import { defineKind } from "../define.ts";
import type { Kind } from "../kind.ts";
import { message, number, text, type Reading } from "../schema.ts";
import { immutableVerbs, ownedByServer } from "./common.ts";

const schema = message({ name: text, networkEndpointType: text, defaultPort: number });

export type NetworkEndpointGroup = Reading<typeof schema>;

/**
 * A group of `address:port` endpoints, attached and detached one by one. Obeyed: `networkEndpointType` (addresses of VMs, or hosts on
 * the internet), `defaultPort`.
 */
export const networkEndpointGroups: Kind<NetworkEndpointGroup> = defineKind({
  api: "compute",
  collection: "networkEndpointGroups",
  singular: "networkEndpointGroup",
  kind: "compute#networkEndpointGroup",
  scopes: ["zone", "region", "global"],
  verbs: immutableVerbs,
  message: "NetworkEndpointGroup",
  fingerprint: false,
  outputOnly: [...ownedByServer, "size"],
  schema,
  defaults: () => ({ networkEndpointType: "GCE_VM_IP_PORT" }),
  check: (resource, report) => {
    checkName(report, "resource.name", resource.name);
    checkPort(report, "resource.defaultPort", resource.defaultPort);
  },
});
