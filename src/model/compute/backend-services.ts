import { checkSecondsNanos } from "../check/durations.ts";
import { checkHeaderLines } from "../check/headers.ts";
import { checkName } from "../check/names.ts";
import type { Report } from "../check/report.ts";
import { defineKind } from "../define.ts";
import type { Kind } from "../kind.ts";
import { list, message, number, secondsNanos, text, texts, type Reading } from "../schema.ts";
import { allVerbs, ownedByServer } from "./common.ts";

const backend = message({ group: text, balancingMode: text, capacityScaler: number, maxUtilization: number });

const schema = message({
  name: text,
  protocol: text,
  portName: text,
  timeoutSec: number,
  sessionAffinity: text,
  localityLbPolicy: text,
  affinityCookieTtlSec: number,
  backends: list(backend),
  healthChecks: texts,
  customRequestHeaders: texts,
  customResponseHeaders: texts,
  connectionDraining: message({ drainingTimeoutSec: number }),
  outlierDetection: message({
    enforcingConsecutiveErrors: number,
    enforcingConsecutiveGatewayFailure: number,
    enforcingSuccessRate: number,
    maxEjectionPercent: number,
    baseEjectionTime: secondsNanos,
    interval: secondsNanos,
  }),
  securitySettings: message({ clientTlsPolicy: text }),
  serviceLbPolicy: text,
});

export type BackendService = Reading<typeof schema>;

/** Protocols for which Google fills in `port` 80 and `portName` "http". */
const webProtocols: ReadonlySet<unknown> = new Set(["HTTP", "HTTPS", "HTTP2"]);

/**
 * A service's instances and how requests get to them. Obeyed: `protocol`, `portName`, `timeoutSec` (the default of a route's timeout),
 * `backends[].group` and `capacityScaler`, `healthChecks`, `customRequestHeaders`, `customResponseHeaders`, `connectionDraining`.
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
    report.range("resource.affinityCookieTtlSec", resource.affinityCookieTtlSec, [0, 1_209_600]);
    report.range("resource.connectionDraining.drainingTimeoutSec", resource.connectionDraining?.drainingTimeoutSec, [0, 3600]);
    report.atMost("resource.healthChecks", resource.healthChecks, 1);
    checkHeaderLines(report, "resource.customRequestHeaders", resource.customRequestHeaders);
    checkHeaderLines(report, "resource.customResponseHeaders", resource.customResponseHeaders);
    checkBackends(report, resource.backends ?? []);
    checkOutlierDetection(report, resource.outlierDetection);
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
  for (const [index, { group, capacityScaler, maxUtilization }] of backends.entries()) {
    const path = `resource.backends[${index}]`;
    if (group === undefined || group === "") report.required(`${path}.group`);
    else if (seen.has(group)) report.invalid(`${path}.group`, group, "Duplicate instance groups in backend service.");
    else seen.add(group);
    report.range(`${path}.maxUtilization`, maxUtilization, [0, 1]);
    checkCapacity(report, path, { capacityScaler, isOnly: backends.length === 1 });
  }
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
  checkSecondsNanos(report, `${path}.interval`, settings?.interval);
  checkSecondsNanos(report, `${path}.baseEjectionTime`, settings?.baseEjectionTime);
}
