/** What an HttpRoute does with a request. */
import { checkCookieTtl, checkDurationText } from "../check/durations.ts";
import { checkHeaderName, checkHeaderValue } from "../check/headers.ts";
import { checkPort } from "../check/names.ts";
import { checkRegex } from "../check/regex.ts";
import type { Report } from "../check/report.ts";
import { bytes, flag, list, message, number, text, textMap, texts, type Reading } from "../schema.ts";
import { checkDestinations } from "./common.ts";

const headerModifier = message({ set: textMap, add: textMap, remove: texts });

const httpDestination = message({
  serviceName: text,
  weight: number,
  requestHeaderModifier: headerModifier,
  responseHeaderModifier: headerModifier,
});

/** Of HTTP and gRPC routes alike. */
export const faultInjectionPolicy = message({
  delay: message({ fixedDelay: text, percentage: number }),
  abort: message({ httpStatus: number, percentage: number }),
});

/** Of HTTP and gRPC routes alike. */
export const statefulSessionAffinity = message({ cookieTtl: text });

export const httpAction = message({
  destinations: list(httpDestination),
  redirect: message({
    hostRedirect: text,
    pathRedirect: text,
    prefixRewrite: text,
    responseCode: text,
    httpsRedirect: flag,
    stripQuery: flag,
    portRedirect: number,
  }),
  directResponse: message({ status: number, stringBody: text, bytesBody: bytes }),
  urlRewrite: message({ hostRewrite: text, pathPrefixRewrite: text }),
  requestHeaderModifier: headerModifier,
  responseHeaderModifier: headerModifier,
  timeout: text,
  idleTimeout: text,
  retryPolicy: message({ numRetries: number, perTryTimeout: text, retryConditions: texts }),
  faultInjectionPolicy,
  requestMirrorPolicy: message({ destination: message({ serviceName: text }), mirrorPercent: number }),
  corsPolicy: message({
    allowOrigins: texts,
    allowOriginRegexes: texts,
    allowMethods: texts,
    allowHeaders: texts,
    exposeHeaders: texts,
    maxAge: text,
    allowCredentials: flag,
    disabled: flag,
  }),
  statefulSessionAffinity,
});

export type HeaderModifier = Reading<typeof headerModifier>;
export type HttpDestination = Reading<typeof httpDestination>;
export type HttpAction = Reading<typeof httpAction>;

/**
 * An action without destinations, redirect or direct response is accepted (Google does); more than one of them is not. Retry conditions
 * are free text to Google.
 */
export function checkHttpAction(report: Report, path: string, action: HttpAction): void {
  report.oneOf(path, action, { of: ["destinations", "redirect", "directResponse"], needed: false });
  checkDestinations(report, `${path}.destinations`, action.destinations);
  for (const [index, { requestHeaderModifier, responseHeaderModifier }] of (action.destinations ?? []).entries()) {
    checkHeaderModifier(report, `${path}.destinations[${index}].requestHeaderModifier`, requestHeaderModifier);
    checkHeaderModifier(report, `${path}.destinations[${index}].responseHeaderModifier`, responseHeaderModifier);
  }
  checkHeaderModifier(report, `${path}.requestHeaderModifier`, action.requestHeaderModifier);
  checkHeaderModifier(report, `${path}.responseHeaderModifier`, action.responseHeaderModifier);
  checkPort(report, `${path}.redirect.portRedirect`, action.redirect?.portRedirect);
  checkDirectResponse(report, `${path}.directResponse`, action.directResponse);
  checkDurationText(report, `${path}.timeout`, action.timeout);
  checkDurationText(report, `${path}.idleTimeout`, action.idleTimeout);
  report.range(`${path}.retryPolicy.numRetries`, action.retryPolicy?.numRetries, [1, 2_147_483_647]);
  checkDurationText(report, `${path}.retryPolicy.perTryTimeout`, action.retryPolicy?.perTryTimeout);
  checkFaultInjection(report, `${path}.faultInjectionPolicy`, action.faultInjectionPolicy);
  report.range(`${path}.requestMirrorPolicy.mirrorPercent`, action.requestMirrorPolicy?.mirrorPercent, [0, 100]);
  for (const [index, regex] of (action.corsPolicy?.allowOriginRegexes ?? []).entries()) {
    checkRegex(report, `${path}.corsPolicy.allowOriginRegexes[${index}]`, regex);
  }
  checkCookieTtl(report, `${path}.statefulSessionAffinity.cookieTtl`, action.statefulSessionAffinity?.cookieTtl);
}

function checkHeaderModifier(report: Report, path: string, modifier: HeaderModifier | undefined): void {
  for (const part of ["set", "add"] as const) {
    for (const [name, value] of Object.entries(modifier?.[part] ?? {})) {
      checkHeaderName(report, `${path}.${part}`, name);
      checkHeaderValue(report, `${path}.${part}.${name}`, value);
    }
  }
  for (const [index, name] of (modifier?.remove ?? []).entries()) checkHeaderName(report, `${path}.remove[${index}]`, name);
}

const longestStringBody = 1024;
const longestBytesBody = 4096;

function checkDirectResponse(report: Report, path: string, response: HttpAction["directResponse"]): void {
  if (response === undefined) return;
  report.oneOf(path, response, { of: ["stringBody", "bytesBody"], needed: false });
  if (response.status === undefined) report.required(`${path}.status`);
  report.range(`${path}.status`, response.status, [200, 599]);
  const characters = response.stringBody?.length ?? 0;
  if (characters > longestStringBody) {
    report.invalid(`${path}.stringBody`, `${characters} characters`, `Must be at most ${longestStringBody} characters.`);
  }
  const bytes = Math.floor(((response.bytesBody ?? "").replace(/=+$/, "").length * 3) / 4);
  if (bytes > longestBytesBody) report.invalid(`${path}.bytesBody`, `${bytes} bytes`, `Must be at most ${longestBytesBody} bytes.`);
}

export function checkFaultInjection(report: Report, path: string, policy: Reading<typeof faultInjectionPolicy> | undefined): void {
  checkDurationText(report, `${path}.delay.fixedDelay`, policy?.delay?.fixedDelay);
  report.range(`${path}.delay.percentage`, policy?.delay?.percentage, [0, 100]);
  report.range(`${path}.abort.httpStatus`, policy?.abort?.httpStatus, [200, 599]);
  report.range(`${path}.abort.percentage`, policy?.abort?.percentage, [0, 100]);
}
