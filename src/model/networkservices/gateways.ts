import { checkPort } from "../check/names.ts";
import { defineKind } from "../define.ts";
import type { Kind } from "../kind.ts";
import { list, message, number, text } from "../schema.ts";
import { checkCommon, commonShape, networkVerbs, ownedByServer } from "./common.ts";

const schema = message({ ...commonShape, type: text, ports: list(number), scope: text, serverTlsPolicy: text });

/** Google. */
const longestScope = 64;

/** An entry from outside the mesh, to which routes are attached by name. No field is obeyed beyond the name. */
export const gateways: Kind = defineKind({
  api: "networkservices",
  collection: "gateways",
  singular: "gateway",
  kind: "networkservices#gateway",
  scopes: ["location"],
  verbs: networkVerbs,
  message: "Gateway",
  fingerprint: false,
  outputOnly: ownedByServer,
  schema,
  check: (resource, report) => {
    checkCommon(report, resource);
    for (const [index, port] of (resource.ports ?? []).entries()) checkPort(report, `resource.ports[${index}]`, port);
    const { scope } = resource;
    if (scope !== undefined && scope.length > longestScope) {
      report.invalid("resource.scope", scope, `Must be at most ${longestScope} characters.`);
    }
  },
  references: ({ serverTlsPolicy }) => [{ field: "resource.serverTlsPolicy", value: serverTlsPolicy, collections: ["serverTlsPolicies"] }],
});
