import { checkSecondsNanos } from "../check/durations.ts";
import { checkCookieName, checkHeaderLines, checkHeaderName } from "../check/headers.ts";
import { checkName } from "../check/names.ts";
import type { Report } from "../check/report.ts";
import { defineKind } from "../define.ts";
import type { Kind } from "../kind.ts";
import { flag, int64, list, message, number, secondsNanos, text, texts, type Reading } from "../schema.ts";
import { allVerbs, ownedByServer } from "./common.ts";

const backend = message({
  group: text,
  balancingMode: text,
  capacityScaler: number,
  preference: text,
  maxUtilization: number,
  maxRate: number,
  maxRatePerInstance: number,
  maxRatePerEndpoint: number,
  maxConnections: number,
  maxConnectionsPerInstance: number,
  maxConnectionsPerEndpoint: number,
  maxInFlightRequests: number,
  maxInFlightRequestsPerInstance: number,
  maxInFlightRequestsPerEndpoint: number,
});

const capacities = [
  "maxRate",
  "maxRatePerInstance",
  "maxRatePerEndpoint",
  "maxConnections",
  "maxConnectionsPerInstance",
  "maxConnectionsPerEndpoint",
  "maxInFlightRequests",
  "maxInFlightRequestsPerInstance",
  "maxInFlightRequestsPerEndpoint",
] as const;

const httpCookie = message({ name: text, path: text, ttl: secondsNanos });

const schema = message({
  name: text,
  protocol: text,
  portName: text,
  timeoutSec: number,
  sessionAffinity: text,
  localityLbPolicy: text,
  localityLbPolicies: list(message({ policy: message({ name: text }) })),
  consistentHash: message({ httpCookie, httpHeaderName: text, minimumRingSize: int64 }),
  affinityCookieTtlSec: number,
  strongSessionAffinityCookie: httpCookie,
  customMetrics: list(message({ name: text, dryRun: flag })),
  subsetting: message({ policy: text }),
  backends: list(backend),
  healthChecks: texts,
  customRequestHeaders: texts,
  customResponseHeaders: texts,
  connectionDraining: message({ drainingTimeoutSec: number }),
  circuitBreakers: message({
    maxConnections: number,
    maxPendingRequests: number,
    maxRequests: number,
    maxRequestsPerConnection: number,
    maxRetries: number,
  }),
  outlierDetection: message({
    consecutiveErrors: number,
    consecutiveGatewayFailure: number,
    successRateMinimumHosts: number,
    successRateRequestVolume: number,
    successRateStdevFactor: number,
    enforcingConsecutiveErrors: number,
    enforcingConsecutiveGatewayFailure: number,
    enforcingSuccessRate: number,
    maxEjectionPercent: number,
    baseEjectionTime: secondsNanos,
    interval: secondsNanos,
  }),
  securitySettings: message({ clientTlsPolicy: text }),
  serviceLbPolicy: text,
  maxStreamDuration: secondsNanos,
});

export type BackendService = Reading<typeof schema>;

/** Protocols for which Google fills in `port` 80 and `portName` "http". */
const webProtocols: ReadonlySet<unknown> = new Set(["HTTP", "HTTPS", "HTTP2"]);

/**
 * A service's instances and how requests get to them. Obeyed: `protocol`, `portName`, `timeoutSec` (the default of a route's timeout),
 * `backends[]` (all but `customMetrics` and `failover`), `healthChecks`, `circuitBreakers` (all but `maxRequestsPerConnection`: a Worker
 * sees no connections), `outlierDetection`, `serviceLbPolicy`, `maxStreamDuration`, `localityLbPolicy` and `localityLbPolicies`, `sessionAffinity` with its
 * cookies, `consistentHash`, `customMetrics`, `subsetting`, `customRequestHeaders`, `customResponseHeaders`, `connectionDraining`.
 * Defaults are those that Google fills in on insert.
 */
export const backendServices: Kind<BackendService> = defineKind({
  api: "compute",
  collection: "backendServices",
  singular: "backendService",
  kind: "compute#backendService",
  scopes: ["global", "region"],
  verbs: allVerbs,
  message: "BackendService",
  fingerprint: true,
  outputOnly: [...ownedByServer, "usedBy", "edgeSecurityPolicy"],
  schema,
  defaults: (resource) => {
    const protocol = resource["protocol"] ?? "HTTP";
    return {
      description: "",
      loadBalancingScheme: "EXTERNAL",
      protocol,
      ...(webProtocols.has(protocol) ? { port: 80, portName: "http" } : {}),
      sessionAffinity: "NONE",
      affinityCookieTtlSec: 0,
      timeoutSec: 30,
      connectionDraining: { drainingTimeoutSec: 0 },
    };
  },
  check: (resource, report) => {
    checkName(report, "resource.name", resource.name);
    if (resource.portName !== undefined && resource.portName !== "") checkName(report, "resource.portName", resource.portName);
    report.range("resource.timeoutSec", resource.timeoutSec, [1, 2_147_483_647]);
    checkAffinity(report, resource);
    report.range("resource.connectionDraining.drainingTimeoutSec", resource.connectionDraining?.drainingTimeoutSec, [0, 3600]);
    report.atMost("resource.healthChecks", resource.healthChecks, 1);
    checkHeaderLines(report, "resource.customRequestHeaders", resource.customRequestHeaders);
    checkHeaderLines(report, "resource.customResponseHeaders", resource.customResponseHeaders);
    checkBackends(report, resource.backends ?? []);
    checkOutlierDetection(report, resource.outlierDetection);
    checkSecondsNanos(report, "resource.maxStreamDuration", resource.maxStreamDuration);
    for (const [field, limit] of Object.entries(resource.circuitBreakers ?? {}))
      if (typeof limit === "number") report.range(`resource.circuitBreakers.${field}`, limit, [0, 2_147_483_647]);
  },
  references: (resource) => [
    ...(resource.backends ?? []).map(({ group }, index) => ({
      field: `resource.backends[${index}].group`,
      value: group,
      collections: ["instanceGroups", "networkEndpointGroups"],
    })),
    ...(resource.healthChecks ?? []).map((value, index) => ({
      field: `resource.healthChecks[${index}]`,
      value,
      collections: ["healthChecks"],
    })),
    {
      field: "resource.securitySettings.clientTlsPolicy",
      value: resource.securitySettings?.clientTlsPolicy,
      collections: ["clientTlsPolicies"],
    },
    { field: "resource.serviceLbPolicy", value: resource.serviceLbPolicy, collections: ["serviceLbPolicies"] },
  ],
});

function checkBackends(report: Report, backends: NonNullable<BackendService["backends"]>): void {
  const seen = new Set<string>();
  for (const [index, backend] of backends.entries()) {
    const { group, capacityScaler, maxUtilization } = backend;
    const path = `resource.backends[${index}]`;
    if (group === undefined || group === "") report.required(`${path}.group`);
    else if (seen.has(group)) report.invalid(`${path}.group`, group, "Duplicate instance groups in backend service.");
    else seen.add(group);
    report.range(`${path}.maxUtilization`, maxUtilization, [0, 1]);
    for (const field of capacities) report.range(`${path}.${field}`, backend[field], [0, 2_147_483_647]);
    checkCapacity(report, path, { capacityScaler, isOnly: backends.length === 1 });
  }
}

/** Google: two weeks. */
const longestCookieSec = 1_209_600;

function checkAffinity(report: Report, resource: BackendService): void {
  const { affinityCookieTtlSec, consistentHash, strongSessionAffinityCookie } = resource;
  report.range("resource.affinityCookieTtlSec", affinityCookieTtlSec, [0, longestCookieSec]);
  checkCookie(report, "resource.consistentHash.httpCookie", consistentHash?.httpCookie);
  checkCookie(report, "resource.strongSessionAffinityCookie", strongSessionAffinityCookie);
  report.range("resource.strongSessionAffinityCookie.ttl.seconds", secondsOf(strongSessionAffinityCookie?.ttl), [0, longestCookieSec]);
  if (consistentHash?.httpHeaderName) checkHeaderName(report, "resource.consistentHash.httpHeaderName", consistentHash.httpHeaderName);
  const size = consistentHash?.minimumRingSize;
  if (size !== undefined && !/^[0-9]+$/.test(size))
    report.invalid("resource.consistentHash.minimumRingSize", size, "Must be greater than or equal to 0");
}

type HttpCookie = BackendService["strongSessionAffinityCookie"];

/** Name and path stand in a `Set-Cookie` header, where other characters would begin another attribute. */
function checkCookie(report: Report, path: string, cookie: HttpCookie): void {
  if (cookie?.name) checkCookieName(report, `${path}.name`, cookie.name);
  if (cookie?.path && !isCookiePath(cookie.path))
    report.invalid(`${path}.path`, cookie.path, "Must be a path without ';' and control characters.");
  checkSecondsNanos(report, `${path}.ttl`, cookie?.ttl);
}

function isCookiePath(path: string): boolean {
  return /^[\x20-\x3a\x3c-\x7e]*$/.test(path);
}

function secondsOf(ttl: NonNullable<HttpCookie>["ttl"]): number | undefined {
  return ttl?.seconds === undefined ? undefined : Number(ttl.seconds);
}

/** Google: 0 takes a backend out, which the only backend cannot be; else 0.1 to 1. */
function checkCapacity(report: Report, path: string, of: { capacityScaler: number | undefined; isOnly: boolean }): void {
  const { capacityScaler, isOnly } = of;
  if (capacityScaler === undefined) return;
  if (capacityScaler !== 0 && !(capacityScaler >= 0.1 && capacityScaler <= 1)) {
    report.invalid(`${path}.capacityScaler`, capacityScaler, "Must be 0 or from 0.1 to 1.0.");
  } else if (capacityScaler === 0 && isOnly) {
    report.invalid(`${path}.capacityScaler`, capacityScaler, "Cannot be 0 when the backend service has only one backend.");
  }
}

function checkOutlierDetection(report: Report, settings: BackendService["outlierDetection"]): void {
  const path = "resource.outlierDetection";
  const percents = [
    "enforcingConsecutiveErrors",
    "enforcingConsecutiveGatewayFailure",
    "enforcingSuccessRate",
    "maxEjectionPercent",
  ] as const;
  for (const field of percents) report.range(`${path}.${field}`, settings?.[field], [0, 100]);
  const counts = [
    "consecutiveErrors",
    "consecutiveGatewayFailure",
    "successRateMinimumHosts",
    "successRateRequestVolume",
    "successRateStdevFactor",
  ] as const;
  for (const field of counts) report.range(`${path}.${field}`, settings?.[field], [0, 2_147_483_647]);
  checkSecondsNanos(report, `${path}.interval`, settings?.interval);
  checkSecondsNanos(report, `${path}.baseEjectionTime`, settings?.baseEjectionTime);
}
