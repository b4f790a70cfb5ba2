import { defineKind } from "../define.ts";
import type { Kind } from "../kind.ts";
import { message, number } from "../schema.ts";
import { checkCommon, commonShape, networkVerbs, ownedByServer } from "./common.ts";

const schema = message({ ...commonShape, failoverConfig: message({ failoverHealthThreshold: number }) });

/** How a backend service's groups share traffic over zones and regions. Stored and echoed; no field is obeyed. */
export const serviceLbPolicies: Kind = defineKind({
  api: "networkservices",
  collection: "serviceLbPolicies",
  singular: "serviceLbPolicy",
  kind: "networkservices#serviceLbPolicy",
  scopes: ["location"],
  verbs: networkVerbs,
  message: "ServiceLbPolicy",
  fingerprint: false,
  outputOnly: ownedByServer,
  schema,
  check: (resource, report) => {
    checkCommon(report, resource);
    report.range("resource.failoverConfig.failoverHealthThreshold", resource.failoverConfig?.failoverHealthThreshold, [1, 99]);
  },
});
