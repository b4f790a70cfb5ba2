import { checkDurationText } from "../check/durations.ts";
import { defineKind } from "../define.ts";
import type { Kind } from "../kind.ts";
import { flag, list, message, text } from "../schema.ts";
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

const action = message({ destinations: list(destination), originalDestination: flag, idleTimeout: text });

const schema = message({ ...routeShape, rules: list(message({ matches: list(message({ address: text, port: text })), action })) });

/** The port is text in this API. */
function isPort(text: string): boolean {
  return /^\d{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= 65535;
}

const addressBlock = /^\d{1,3}(\.\d{1,3}){3}\/\d{1,2}$/;

/** Routes of TCP connections, by destination. Stored and echoed; the mesh does not serve them. */
export const tcpRoutes: Kind = defineKind({
  api: "networkservices",
  collection: "tcpRoutes",
  singular: "tcpRoute",
  kind: "networkservices#tcpRoute",
  scopes: ["location"],
  verbs: networkVerbs,
  message: "TcpRoute",
  fingerprint: false,
  outputOnly: ownedByServer,
  schema,
  check: (resource, report) => {
    checkCommon(report, resource);
    checkHasRules(report, resource.rules);
    for (const [index, rule] of (resource.rules ?? []).entries()) {
      const path = `resource.rules[${index}]`;
      for (const [place, { address, port }] of (rule.matches ?? []).entries()) {
        const field = `${path}.matches[${place}]`;
        if (!address) report.required(`${field}.address`);
        else if (!addressBlock.test(address)) report.invalid(`${field}.address`, address, "Must be an IPv4 range such as '10.0.0.1/32'.");
        if (!port) report.required(`${field}.port`);
        else if (!isPort(port)) report.invalid(`${field}.port`, port, "Must be from 1 to 65535.");
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
