/** What a URL map does with a request, at each of its levels: the schemas and checks of actions, redirects and header changes. */
import { rewriteProblem } from "#base/path-template.ts";
import { checkSecondsNanos } from "../check/durations.ts";
import { checkHeaderName, checkHeaderValue } from "../check/headers.ts";
import { checkRegex } from "../check/regex.ts";
import type { Report } from "../check/report.ts";
import type { MaybeReference } from "../define.ts";
import { flag, list, message, number, secondsNanos, text, texts, type Reading } from "../schema.ts";

const headerOption = message({ headerName: text, headerValue: text, replace: flag });

export const headerAction = message({
  requestHeadersToAdd: list(headerOption),
  requestHeadersToRemove: texts,
  responseHeadersToAdd: list(headerOption),
  responseHeadersToRemove: texts,
});

export const urlRedirect = message({
  hostRedirect: text,
  pathRedirect: text,
  prefixRedirect: text,
  httpsRedirect: flag,
  stripQuery: flag,
  redirectResponseCode: text,
});

export const routeAction = message({
  weightedBackendServices: list(message({ backendService: text, weight: number, headerAction })),
  urlRewrite: message({ hostRewrite: text, pathPrefixRewrite: text, pathTemplateRewrite: text }),
  timeout: secondsNanos,
  maxStreamDuration: secondsNanos,
  retryPolicy: message({ numRetries: number, perTryTimeout: secondsNanos, retryConditions: texts }),
  faultInjectionPolicy: message({
    abort: message({ httpStatus: number, percentage: number }),
    delay: message({ fixedDelay: secondsNanos, percentage: number }),
  }),
  requestMirrorPolicy: message({ backendService: text, mirrorPercent: number }),
  corsPolicy: message({
    allowOrigins: texts,
    allowOriginRegexes: texts,
    allowMethods: texts,
    allowHeaders: texts,
    exposeHeaders: texts,
    maxAge: number,
    allowCredentials: flag,
    disabled: flag,
  }),
});

export type HeaderAction = Reading<typeof headerAction>;
export type RouteAction = Reading<typeof routeAction>;
export type UrlRedirect = Reading<typeof urlRedirect>;

/** What a backend's place in a URL map may name. Buckets are accepted and not served. */
export const serviceCollections: readonly string[] = ["backendServices", "backendBuckets"];

export function checkHeaderAction(report: Report, path: string, action: HeaderAction | undefined): void {
  for (const field of ["requestHeadersToAdd", "responseHeadersToAdd"] as const) {
    for (const [index, option] of (action?.[field] ?? []).entries()) {
      checkHeaderName(report, `${path}.${field}[${index}].headerName`, option.headerName);
      checkHeaderValue(report, `${path}.${field}[${index}].headerValue`, option.headerValue);
    }
  }
  for (const field of ["requestHeadersToRemove", "responseHeadersToRemove"] as const) {
    for (const [index, name] of (action?.[field] ?? []).entries()) checkHeaderName(report, `${path}.${field}[${index}]`, name);
  }
}

export function checkUrlRedirect(report: Report, path: string, redirect: UrlRedirect | undefined): void {
  if (redirect !== undefined) report.oneOf(path, redirect, { of: ["pathRedirect", "prefixRedirect"], needed: false });
}

/** Whether an action says by itself where requests go. */
export function isWeighted(action: RouteAction | undefined): boolean {
  return (action?.weightedBackendServices ?? []).length > 0;
}

export function checkRouteAction(report: Report, path: string, action: RouteAction | undefined): void {
  if (action === undefined) return;
  checkWeights(report, `${path}.weightedBackendServices`, action.weightedBackendServices ?? []);
  checkSecondsNanos(report, `${path}.timeout`, action.timeout);
  checkSecondsNanos(report, `${path}.maxStreamDuration`, action.maxStreamDuration);
  checkRetryPolicy(report, `${path}.retryPolicy`, action.retryPolicy);
  checkFaults(report, `${path}.faultInjectionPolicy`, action.faultInjectionPolicy);
  if (action.urlRewrite !== undefined) {
    report.oneOf(`${path}.urlRewrite`, action.urlRewrite, { of: ["pathPrefixRewrite", "pathTemplateRewrite"], needed: false });
  }
  const mirror = action.requestMirrorPolicy;
  if (mirror !== undefined && !mirror.backendService) report.required(`${path}.requestMirrorPolicy.backendService`);
  report.range(`${path}.requestMirrorPolicy.mirrorPercent`, mirror?.mirrorPercent, [0, 100]);
  for (const [index, regex] of (action.corsPolicy?.allowOriginRegexes ?? []).entries()) {
    checkRegex(report, `${path}.corsPolicy.allowOriginRegexes[${index}]`, regex);
  }
}

/** `templates`: `pathTemplateMatch` of each match of the action's rule. All of them must have the variables that the rewrite names (Google). */
export function checkTemplateRewrite(
  report: Report,
  path: string,
  { action, templates }: { readonly action: RouteAction | undefined; readonly templates: readonly (string | undefined)[] },
): void {
  const rewrite = action?.urlRewrite?.pathTemplateRewrite;
  const problem = rewrite === undefined ? undefined : rewriteProblem(rewrite, templates);
  if (problem !== undefined) report.invalid(`${path}.urlRewrite.pathTemplateRewrite`, rewrite, `Must be a valid rewrite: ${problem}.`);
}

function checkWeights(report: Report, path: string, services: NonNullable<RouteAction["weightedBackendServices"]>): void {
  for (const [index, service] of services.entries()) {
    if (!service.backendService) report.required(`${path}[${index}].backendService`);
    report.range(`${path}[${index}].weight`, service.weight, [0, 1000]);
    checkHeaderAction(report, `${path}[${index}].headerAction`, service.headerAction);
  }
}

/** Google's list for URL maps; an HttpRoute also has `reset`. */
const retryConditions: readonly string[] = [
  "5xx",
  "gateway-error",
  "connect-failure",
  "retriable-4xx",
  "refused-stream",
  "cancelled",
  "deadline-exceeded",
  "internal",
  "resource-exhausted",
  "unavailable",
];

function checkRetryPolicy(report: Report, path: string, policy: RouteAction["retryPolicy"]): void {
  report.range(`${path}.numRetries`, policy?.numRetries, [1, 2_147_483_647]);
  checkSecondsNanos(report, `${path}.perTryTimeout`, policy?.perTryTimeout);
  for (const [index, condition] of (policy?.retryConditions ?? []).entries()) {
    if (!retryConditions.includes(condition)) {
      report.invalid(`${path}.retryConditions[${index}]`, condition, `Must be one of ${retryConditions.join(", ")}.`);
    }
  }
}

function checkFaults(report: Report, path: string, policy: RouteAction["faultInjectionPolicy"]): void {
  report.range(`${path}.abort.httpStatus`, policy?.abort?.httpStatus, [200, 599]);
  report.range(`${path}.abort.percentage`, policy?.abort?.percentage, [0, 100]);
  report.range(`${path}.delay.percentage`, policy?.delay?.percentage, [0, 100]);
  checkSecondsNanos(report, `${path}.delay.fixedDelay`, policy?.delay?.fixedDelay);
}

/** The backend services that an action names. */
export function referencesOfAction(path: string, action: RouteAction | undefined): MaybeReference[] {
  const weighted = (action?.weightedBackendServices ?? []).map(({ backendService }, index) => ({
    field: `${path}.weightedBackendServices[${index}].backendService`,
    value: backendService,
    collections: ["backendServices"],
  }));
  const mirror = { field: `${path}.requestMirrorPolicy.backendService`, value: action?.requestMirrorPolicy?.backendService };
  return [...weighted, { ...mirror, collections: ["backendServices"] }];
}
