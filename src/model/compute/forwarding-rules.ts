import { checkLabels, checkName } from "../check/names.ts";
import { defineKind } from "../define.ts";
import type { Kind } from "../kind.ts";
import { list, message, text, textMap, type Reading } from "../schema.ts";
import { ownedByServer, patchableVerbs } from "./common.ts";
import { checkMetadataFilters, metadataFilter } from "./match-rules.ts";

const schema = message({
  name: text,
  loadBalancingScheme: text,
  target: text,
  backendService: text,
  portRange: text,
  labels: textMap,
  metadataFilters: list(metadataFilter),
});

const portRange = /^\d{1,5}(-\d{1,5})?$/;

/**
 * Where a URL map is entered. Obeyed: `loadBalancingScheme` (INTERNAL_SELF_MANAGED makes the mesh serve the map), `target` and
 * `metadataFilters`. Addresses
 * and ports are stored; the mesh is entered by host name.
 */
export const forwardingRules: Kind<Reading<typeof schema>> = defineKind({
  api: "compute",
  collection: "forwardingRules",
  singular: "forwardingRule",
  kind: "compute#forwardingRule",
  scopes: ["global", "region"],
  verbs: patchableVerbs,
  message: "ForwardingRule",
  fingerprint: true,
  outputOnly: [...ownedByServer, "labelFingerprint", "pscConnectionId", "pscConnectionStatus", "serviceName", "baseForwardingRule"],
  schema,
  defaults: () => ({ loadBalancingScheme: "EXTERNAL", IPProtocol: "TCP" }),
  check: (resource, report) => {
    const { target, backendService } = resource;
    checkName(report, "resource.name", resource.name);
    checkLabels(report, "resource.labels", resource.labels);
    checkMetadataFilters(report, "resource.metadataFilters", resource.metadataFilters ?? []);
    if (!isGiven(target) && !isGiven(backendService)) report.required("resource.target");
    if (isGiven(target) && isGiven(backendService)) {
      report.invalid("resource.backendService", backendService, "Only one of target, backendService may be specified.");
    }
    if (isGiven(resource.portRange) && !isPortRange(resource.portRange)) {
      report.invalid("resource.portRange", resource.portRange, "Must be a port or a range of ports such as '80-90'.");
    }
  },
  references: ({ target, backendService }) => [
    { field: "resource.target", value: target, collections: ["targetHttpProxies", "targetGrpcProxies"] },
    { field: "resource.backendService", value: backendService, collections: ["backendServices"] },
  ],
});

function isGiven(value: string | undefined): value is string {
  return value !== undefined && value !== "";
}

function isPortRange(value: string): boolean {
  if (!portRange.test(value)) return false;
  const ports = value.split("-").map(Number);
  return ports.every((port) => port >= 1 && port <= 65535) && (ports[0] ?? 0) <= (ports.at(-1) ?? 0);
}
