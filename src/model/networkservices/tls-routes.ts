import { checkDurationText } from "../check/durations.ts";
import { defineKind } from "../define.ts";
import type { Kind } from "../kind.ts";
import { list, message, text, texts } from "../schema.ts";
import {
  checkCommon,
  checkDestinations,
  checkHasRules,
  destination,
  destinationReferences,
  networkVerbs,
  ownedByServer,
  routeShape,
  scopeReferences,
} from "./common.ts";

const action = message({ destinations: list(destination), idleTimeout: text });

const schema = message({ ...routeShape, rules: list(message({ matches: list(message({ sniHost: texts, alpn: texts })), action })) });

/** Routes of TLS connections, by server name. Stored and echoed; the mesh does not serve them. */
export const tlsRoutes: Kind = defineKind({
  api: "networkservices",
  collection: "tlsRoutes",
  singular: "tlsRoute",
  kind: "networkservices#tlsRoute",
  scopes: ["location"],
  verbs: networkVerbs,
  message: "TlsRoute",
  fingerprint: false,
  outputOnly: ownedByServer,
  schema,
  check: (resource, report) => {
    checkCommon(report, resource);
    checkHasRules(report, resource.rules);
    for (const [index, rule] of (resource.rules ?? []).entries()) {
      const path = `resource.rules[${index}]`;
      for (const [place, { sniHost, alpn }] of (rule.matches ?? []).entries()) {
        report.atMost(`${path}.matches[${place}].sniHost`, sniHost, 100);
        report.atMost(`${path}.matches[${place}].alpn`, alpn, 5);
      }
      checkDestinations(report, `${path}.action.destinations`, rule.action?.destinations);
      checkDurationText(report, `${path}.action.idleTimeout`, rule.action?.idleTimeout);
    }
  },
  references: (resource) => [
    ...scopeReferences(resource),
    ...(resource.rules ?? []).flatMap((rule, index) =>
      destinationReferences(`resource.rules[${index}].action.destinations`, rule.action?.destinations),
    ),
  ],
});
