import { checkPort } from "../check/names.ts";
import type { Report } from "../check/report.ts";
import { defineKind } from "../define.ts";
import type { Kind } from "../kind.ts";
import { checkCommon, commonShape, networkVerbs, ownedByServer } from "../networkservices/common.ts";
import { list, message, number, text, texts, type Reading } from "../schema.ts";

const source = message({ principals: texts, ipBlocks: texts });

const destinationSchema = message({
  hosts: texts,
  ports: list(number),
  methods: texts,
  httpHeaderMatch: message({ headerName: text, regexMatch: text }),
});

const schema = message({
  ...commonShape,
  action: text,
  rules: list(message({ sources: list(source), destinations: list(destinationSchema) })),
});

/** Who may call what. Stored and echoed; no field is obeyed. */
export const authorizationPolicies: Kind = defineKind({
  api: "networksecurity",
  collection: "authorizationPolicies",
  singular: "authorizationPolicy",
  kind: "networksecurity#authorizationPolicy",
  scopes: ["location"],
  verbs: networkVerbs,
  message: "AuthorizationPolicy",
  fingerprint: false,
  outputOnly: ownedByServer,
  schema,
  check: (resource, report) => {
    checkCommon(report, resource);
    if (resource.action === undefined) report.required("resource.action");
    for (const [index, { destinations = [] }] of (resource.rules ?? []).entries()) {
      for (const [place, one] of destinations.entries()) {
        checkDestination(report, `resource.rules[${index}].destinations[${place}]`, one);
      }
    }
  },
});

/** Google needs hosts and ports of a destination; the regular expression is of ECMAScript, not RE2, and is not read here. */
function checkDestination(report: Report, path: string, destination: Reading<typeof destinationSchema>): void {
  if ((destination.hosts ?? []).length === 0) report.required(`${path}.hosts`);
  if ((destination.ports ?? []).length === 0) report.required(`${path}.ports`);
  for (const [index, port] of (destination.ports ?? []).entries()) checkPort(report, `${path}.ports[${index}]`, port);
  const match = destination.httpHeaderMatch;
  if (match !== undefined && !match.headerName) report.required(`${path}.httpHeaderMatch.headerName`);
  if (match !== undefined && !match.regexMatch) report.required(`${path}.httpHeaderMatch.regexMatch`);
}
