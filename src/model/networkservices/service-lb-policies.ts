import { defineKind } from "../define.ts";
import type { Kind } from "../kind.ts";
import { flag, message, number, text, type Reading } from "../schema.ts";
import { checkCommon, commonShape, networkVerbs, ownedByServer } from "./common.ts";

const schema = message({
  ...commonShape,
  loadBalancingAlgorithm: text,
  autoCapacityDrain: message({ enable: flag }),
  failoverConfig: message({ failoverHealthThreshold: number }),
  isolationConfig: message({ isolationGranularity: text, isolationMode: text }),
});

export type ServiceLbPolicy = Reading<typeof schema>;

/** How a backend service's groups share traffic over zones and regions. All fields are obeyed, as seen from the zone that a traffic policy gives. */
export const serviceLbPolicies: Kind<ServiceLbPolicy> = defineKind({
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
