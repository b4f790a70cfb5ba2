import { defineKind } from "../define.ts";
import type { Kind } from "../kind.ts";
import { message, text, texts } from "../schema.ts";
import { checkCommon, commonShape, networkVerbs, ownedByServer } from "./common.ts";

const schema = message({
  ...commonShape,
  type: text,
  endpointMatcher: message({ metadataLabelMatcher: message({ metadataLabelMatchCriteria: text }) }),
  trafficPortSelector: message({ ports: texts }),
  serverTlsPolicy: text,
  clientTlsPolicy: text,
  authorizationPolicy: text,
});

/** Security of what comes in at endpoints, chosen by labels. Stored and echoed; no field is obeyed. */
export const endpointPolicies: Kind = defineKind({
  api: "networkservices",
  collection: "endpointPolicies",
  singular: "endpointPolicy",
  kind: "networkservices#endpointPolicy",
  scopes: ["location"],
  verbs: networkVerbs,
  message: "EndpointPolicy",
  fingerprint: false,
  outputOnly: ownedByServer,
  schema,
  check: (resource, report) => {
    checkCommon(report, resource);
    if (resource.type === undefined) report.required("resource.type");
    if (resource.endpointMatcher === undefined) report.required("resource.endpointMatcher");
  },
  references: ({ serverTlsPolicy, clientTlsPolicy, authorizationPolicy }) => [
    { field: "resource.serverTlsPolicy", value: serverTlsPolicy, collections: ["serverTlsPolicies"] },
    { field: "resource.clientTlsPolicy", value: clientTlsPolicy, collections: ["clientTlsPolicies"] },
    { field: "resource.authorizationPolicy", value: authorizationPolicy, collections: ["authorizationPolicies"] },
  ],
});
