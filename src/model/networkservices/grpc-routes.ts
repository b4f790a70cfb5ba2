import { checkCookieTtl, checkDurationText } from "../check/durations.ts";
import { checkHeaderName } from "../check/headers.ts";
import { checkRegex } from "../check/regex.ts";
import type { Report } from "../check/report.ts";
import { defineKind } from "../define.ts";
import type { Kind } from "../kind.ts";
import { flag, list, message, number, text, texts, type Reading } from "../schema.ts";
import {
  checkCommon,
  checkDestinations,
  checkHasRules,
  checkHostnames,
  destination,
  destinationReferences,
  networkVerbs,
  ownedByServer,
  routeShape,
  scopeReferences,
} from "./common.ts";
import { checkFaultInjection, faultInjectionPolicy, statefulSessionAffinity } from "./http-route-action.ts";

const match = message({
  method: message({ type: text, grpcService: text, grpcMethod: text, caseSensitive: flag }),
  headers: list(message({ type: text, key: text, value: text })),
});

const action = message({
  destinations: list(destination),
  faultInjectionPolicy,
  timeout: text,
  idleTimeout: text,
  retryPolicy: message({ numRetries: number, retryConditions: texts }),
  statefulSessionAffinity,
});

const schema = message({ ...routeShape, hostnames: texts, rules: list(message({ matches: list(match), action })) });

export type GrpcRoute = Reading<typeof schema>;

/**
 * Routes of gRPC services, by method and metadata. Obeyed: `hostnames`, `meshes`, `gateways`, all of `matches`, and of `action`:
 * `destinations`, `faultInjectionPolicy`, `timeout` and `retryPolicy`.
 */
export const grpcRoutes: Kind<GrpcRoute> = defineKind({
  api: "networkservices",
  collection: "grpcRoutes",
  singular: "grpcRoute",
  kind: "networkservices#grpcRoute",
  scopes: ["location"],
  verbs: networkVerbs,
  message: "GrpcRoute",
  fingerprint: false,
  outputOnly: ownedByServer,
  schema,
  check: (resource, report) => {
    checkCommon(report, resource);
    checkHostnames(report, resource.hostnames);
    checkHasRules(report, resource.rules);
    for (const [index, rule] of (resource.rules ?? []).entries()) {
      const path = `resource.rules[${index}]`;
      for (const [place, one] of (rule.matches ?? []).entries()) checkMatch(report, `${path}.matches[${place}]`, one);
      if (rule.action !== undefined) checkAction(report, `${path}.action`, rule.action);
    }
  },
  references: (resource) => [
    ...scopeReferences(resource),
    ...(resource.rules ?? []).flatMap((rule, index) =>
      destinationReferences(`resource.rules[${index}].action.destinations`, rule.action?.destinations),
    ),
  ],
});

function checkMatch(report: Report, path: string, { method, headers }: Reading<typeof match>): void {
  if (method?.type === "REGULAR_EXPRESSION") {
    checkRegex(report, `${path}.method.grpcService`, method.grpcService);
    checkRegex(report, `${path}.method.grpcMethod`, method.grpcMethod);
  }
  for (const [index, header] of (headers ?? []).entries()) {
    checkHeaderName(report, `${path}.headers[${index}].key`, header.key);
    if (header.value === undefined) report.required(`${path}.headers[${index}].value`);
    if (header.type === "REGULAR_EXPRESSION") checkRegex(report, `${path}.headers[${index}].value`, header.value);
  }
}

function checkAction(report: Report, path: string, given: Reading<typeof action>): void {
  checkDestinations(report, `${path}.destinations`, given.destinations);
  checkFaultInjection(report, `${path}.faultInjectionPolicy`, given.faultInjectionPolicy);
  checkDurationText(report, `${path}.timeout`, given.timeout);
  checkDurationText(report, `${path}.idleTimeout`, given.idleTimeout);
  report.range(`${path}.retryPolicy.numRetries`, given.retryPolicy?.numRetries, [1, 2_147_483_647]);
  checkCookieTtl(report, `${path}.statefulSessionAffinity.cookieTtl`, given.statefulSessionAffinity?.cookieTtl);
}
