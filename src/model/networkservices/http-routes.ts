import { defineKind } from "../define.ts";
import type { Kind } from "../kind.ts";
import { list, message, texts, type Reading } from "../schema.ts";
import {
  checkHasRules,
  checkHostnames,
  checkCommon,
  destinationReferences,
  networkVerbs,
  ownedByServer,
  routeShape,
  scopeReferences,
} from "./common.ts";
import { checkHttpAction, httpAction } from "./http-route-action.ts";
import { checkHttpMatch, httpMatch } from "./http-route-match.ts";

const schema = message({
  ...routeShape,
  hostnames: texts,
  rules: list(message({ matches: list(httpMatch), action: httpAction })),
});

export type HttpRoute = Reading<typeof schema>;

/**
 * Routes of the services named by `hostnames`, rules in the order of the list. Obeyed: `hostnames`, `meshes`, `gateways`, all of
 * `matches`, and of `action`: `destinations`, `redirect`, `directResponse`, `urlRewrite`, `timeout`, `retryPolicy`, `faultInjectionPolicy`,
 * `requestMirrorPolicy`, `corsPolicy` and the header modifiers on both levels.
 */
export const httpRoutes: Kind<HttpRoute> = defineKind({
  api: "networkservices",
  collection: "httpRoutes",
  singular: "httpRoute",
  kind: "networkservices#httpRoute",
  scopes: ["location"],
  verbs: networkVerbs,
  message: "HttpRoute",
  fingerprint: false,
  outputOnly: ownedByServer,
  schema,
  check: (resource, report) => {
    checkCommon(report, resource);
    checkHostnames(report, resource.hostnames);
    checkHasRules(report, resource.rules);
    for (const [index, { matches, action }] of (resource.rules ?? []).entries()) {
      const path = `resource.rules[${index}]`;
      for (const [place, match] of (matches ?? []).entries()) checkHttpMatch(report, `${path}.matches[${place}]`, match);
      if (action !== undefined) checkHttpAction(report, `${path}.action`, action);
    }
  },
  // A mirror's destination is not among them: Google takes a name that is nobody's.
  references: (resource) => [
    ...scopeReferences(resource),
    ...(resource.rules ?? []).flatMap(({ action }, index) =>
      destinationReferences(`resource.rules[${index}].action.destinations`, action?.destinations),
    ),
  ],
});
