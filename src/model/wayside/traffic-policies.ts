import { checkHeaderName } from "../check/headers.ts";
import { checkNetworkName } from "../check/names.ts";
import type { Report } from "../check/report.ts";
import { defineKind } from "../define.ts";
import type { Kind } from "../kind.ts";
import { list, message, number, text, textMap, texts, type Reading } from "../schema.ts";

const schema = message({
  name: text,
  target: text,
  policy: message({ kind: text, choices: number }),
  slowStart: message({ windowMs: number, aggression: number, minWeightPercent: number }),
  subset: message({ selectors: list(message({ label: text, header: text })), fallback: text, defaultLabels: textMap }),
  subsetSize: number,
  zone: text,
  panicPercent: number,
  maxRequestsPerEndpoint: number,
  adaptiveConcurrency: message({ minConcurrency: number, maxConcurrency: number }),
  inboundKey: text,
  degradedResponse: message({ on: texts, status: number, body: text, contentType: text }),
  hedge: message({ afterMs: number, attempts: number }),
  rateLimits: list(
    message({
      scope: text,
      perSecond: number,
      burst: number,
      requests: number,
      periodSec: number,
      header: text,
      status: number,
      body: text,
    }),
  ),
});

export type TrafficPolicy = Reading<typeof schema>;

/** What a policy for a backend service may say; all else is about routes. */
const ofBackends = [
  "policy",
  "slowStart",
  "subset",
  "subsetSize",
  "zone",
  "panicPercent",
  "maxRequestsPerEndpoint",
  "adaptiveConcurrency",
  "inboundKey",
  "degradedResponse",
] as const;
const ofRoutes = ["hedge", "rateLimits"] as const;

const targets = ["backendServices", "httpRoutes", "grpcRoutes", "urlMaps"];

/**
 * What Google's backend services and routes have no field for, and the mesh can do. `target` is `backendServices/x`, `httpRoutes/x`,
 * `grpcRoutes/x` or `urlMaps/x`; of several policies for one target the first by name that has a field gives it.
 *
 * For a backend service: `policy` takes the place of `localityLbPolicy` (PEAK_EWMA, or LEAST_REQUEST with more than two `choices`);
 * `slowStart`; `subset` by labels of instances (of the template, of the registered VM, and an endpoint's annotations), which headers of
 * requests name; `subsetSize`, how many endpoints each proxy uses; `zone`, where the proxies count themselves; `panicPercent`, default 50;
 * `maxRequestsPerEndpoint`; `adaptiveConcurrency`; `inboundKey`, the secret (`secrets/x`) that requests are signed with for inbound listeners;
 * `degradedResponse`, what callers get in place of the mesh's own answer for the reasons in `on` (those of `x-wayside-reason`, by
 * default OVERFLOW and NO_HEALTHY_ENDPOINTS): `status`, default 503, `body`, and its `contentType`, default `text/plain; charset=utf-8`.
 * For a route, and all of its rules: `hedge`, `rateLimits`. A limit of scope PROXY, the default, is counted by each proxy for each rule, as
 * `perSecond` and `burst`; one of scope MESH by all proxies for all rules, as `requests` in a `periodSec` of 10 or 60.
 */
export const trafficPolicies: Kind<TrafficPolicy> = defineKind({
  api: "wayside",
  collection: "trafficPolicies",
  singular: "trafficPolicy",
  kind: "wayside#trafficPolicy",
  scopes: ["project"],
  verbs: ["insert", "get", "list", "patch", "update", "delete"],
  message: "TrafficPolicy",
  fingerprint: false,
  outputOnly: ["kind"],
  schema,
  check: (policy, report) => {
    checkNetworkName(report, policy.name);
    checkTarget(report, policy);
    checkChoice(report, policy);
    report.range("resource.panicPercent", policy.panicPercent, [0, 100]);
    report.range("resource.maxRequestsPerEndpoint", policy.maxRequestsPerEndpoint, [1, 1_000_000]);
    const { minConcurrency, maxConcurrency } = policy.adaptiveConcurrency ?? {};
    report.range("resource.adaptiveConcurrency.minConcurrency", minConcurrency, [1, 1_000_000]);
    report.range("resource.adaptiveConcurrency.maxConcurrency", maxConcurrency, [minConcurrency ?? 1, 1_000_000]);
    checkInboundKey(report, policy);
    checkDegradedResponse(report, policy);
    checkRouteFields(report, policy);
  },
  references: ({ target }) => [{ field: "resource.target", value: target, collections: targets }],
});

function checkTarget(report: Report, policy: TrafficPolicy): void {
  const { target } = policy;
  if (target === undefined || target === "") return report.required("resource.target");
  const collection = target.split("/").at(-2);
  if (collection === undefined || !targets.includes(collection)) {
    return report.invalid("resource.target", target, `Must name one of ${targets.join(", ")}, as in 'backendServices/x'.`);
  }
  const foreign = collection === "backendServices" ? ofRoutes : ofBackends;
  for (const field of foreign) {
    if (policy[field] === undefined) continue;
    const wanted = collection === "backendServices" ? "a route or a URL map" : "a backend service";
    report.invalid(`resource.${field}`, policy[field], `Only a policy whose target is ${wanted} can have it.`);
  }
}

/** It need not be there yet: until it is, requests cost 503, like those whose headers name it. */
function checkInboundKey(report: Report, { inboundKey }: TrafficPolicy): void {
  if (inboundKey !== undefined && inboundKeySecret(inboundKey) === undefined)
    report.invalid("resource.inboundKey", inboundKey, "Must name a secret, as in 'secrets/x' or 'projects/p/secrets/x'.");
}

/** Name of the secret that `inboundKey` means; undefined when it is the name of none. */
export function inboundKeySecret(inboundKey: string): string | undefined {
  return /^(?:(?:projects\/[a-z0-9:.-]+\/)?secrets\/)?([A-Za-z0-9_-]{1,255})$/.exec(inboundKey)?.[1];
}

/** What decides which endpoint a request goes to. */
function checkChoice(report: Report, { policy, slowStart, subset, subsetSize }: TrafficPolicy): void {
  if (policy && policy.kind === undefined) report.required("resource.policy.kind");
  report.range("resource.policy.choices", policy?.choices, [2, 100]);
  report.range("resource.slowStart.windowMs", slowStart?.windowMs, [1, 3_600_000]);
  report.range("resource.slowStart.aggression", slowStart?.aggression, [0.01, 100]);
  report.range("resource.slowStart.minWeightPercent", slowStart?.minWeightPercent, [0, 100]);
  if (slowStart && slowStart.windowMs === undefined) report.required("resource.slowStart.windowMs");
  report.range("resource.subsetSize", subsetSize, [1, 1_000_000]);
  if (!subset) return;
  if (!subset.selectors?.length) report.required("resource.subset.selectors");
  report.atMost("resource.subset.selectors", subset.selectors, 8);
  for (const [index, { label, header }] of (subset.selectors ?? []).entries()) {
    if (label === undefined || label === "") report.required(`resource.subset.selectors[${index}].label`);
    checkHeaderName(report, `resource.subset.selectors[${index}].header`, header);
  }
  if (subset.fallback === "DEFAULT" && !subset.defaultLabels) report.required("resource.subset.defaultLabels");
}

/** The sum of a few of the largest of the counters that proxies have. */
const mostMeshRequests = 100_000;

/** As with a direct response (Google). */
const longestBody = 1024;

/** RFC 9110 8.3.1. */
const mediaType = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}\/[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}(?:[ \t]*;[\t\x20-\x7e]{0,120})?$/;

function checkDegradedResponse(report: Report, { degradedResponse }: TrafficPolicy): void {
  if (!degradedResponse) return;
  const path = "resource.degradedResponse";
  const { body, contentType, status } = degradedResponse;
  if (status === undefined && body === undefined) report.required(`${path}.body`);
  report.range(`${path}.status`, status, [200, 599]);
  checkBody(report, `${path}.body`, body);
  if (contentType !== undefined && !mediaType.test(contentType))
    report.invalid(`${path}.contentType`, contentType, "Must be a media type, as in 'application/json'.");
}

function checkBody(report: Report, path: string, body: string | undefined): void {
  if (body !== undefined && body.length > longestBody) report.invalid(path, body, `Must have at most ${longestBody} characters.`);
}

function checkRouteFields(report: Report, { hedge, rateLimits }: TrafficPolicy): void {
  report.range("resource.hedge.attempts", hedge?.attempts, [2, 4]);
  report.range("resource.hedge.afterMs", hedge?.afterMs, [1, 3_600_000]);
  if (hedge && hedge.afterMs === undefined) report.required("resource.hedge.afterMs");
  report.atMost("resource.rateLimits", rateLimits, 10);
  for (const [index, limit] of (rateLimits ?? []).entries()) {
    const path = `resource.rateLimits[${index}]`;
    const { header, status, body } = limit;
    checkAmount(report, path, limit);
    if (header !== undefined) checkHeaderName(report, `${path}.header`, header);
    report.range(`${path}.status`, status, [400, 599]);
    checkBody(report, `${path}.body`, body);
  }
}

type RateLimit = NonNullable<TrafficPolicy["rateLimits"]>[number];

/** How much a limit lets through: said in one of two ways, by its scope. */
function checkAmount(report: Report, path: string, limit: RateLimit): void {
  const isOfMesh = limit.scope === "MESH";
  for (const field of isOfMesh ? (["perSecond", "burst"] as const) : (["requests", "periodSec"] as const)) {
    if (limit[field] !== undefined)
      report.invalid(`${path}.${field}`, limit[field], `Only a limit of scope ${isOfMesh ? "PROXY" : "MESH"} can have it.`);
  }
  for (const field of isOfMesh ? (["requests", "periodSec"] as const) : (["perSecond"] as const)) {
    if (limit[field] === undefined) report.required(`${path}.${field}`);
  }
  if (!isOfMesh) {
    report.range(`${path}.perSecond`, limit.perSecond, [0.001, 1_000_000]);
    return report.range(`${path}.burst`, limit.burst, [1, 1_000_000]);
  }
  report.range(`${path}.requests`, limit.requests, [1, mostMeshRequests]);
  const { periodSec } = limit;
  if (periodSec !== undefined && periodSec !== 10 && periodSec !== 60)
    report.invalid(`${path}.periodSec`, periodSec, "Must be 10 or 60: Cloudflare counts over no other periods.");
}
