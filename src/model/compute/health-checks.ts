import { checkHeaderValue } from "../check/headers.ts";
import { checkName, checkPort } from "../check/names.ts";
import type { Report } from "../check/report.ts";
import { defineKind } from "../define.ts";
import type { Kind } from "../kind.ts";
import { message, number, text, type Reading } from "../schema.ts";
import { allVerbs, ownedByServer } from "./common.ts";

const block = message({
  port: number,
  portSpecification: text,
  portName: text,
  host: text,
  requestPath: text,
  request: text,
  response: text,
  proxyHeader: text,
});

const schema = message({
  name: text,
  type: text,
  checkIntervalSec: number,
  timeoutSec: number,
  healthyThreshold: number,
  unhealthyThreshold: number,
  httpHealthCheck: block,
  httpsHealthCheck: block,
  http2HealthCheck: block,
  tcpHealthCheck: block,
  sslHealthCheck: block,
  grpcHealthCheck: block,
  grpcTlsHealthCheck: block,
});

export type HealthCheck = Reading<typeof schema>;
type BlockField = Extract<keyof HealthCheck, `${string}HealthCheck`>;

/** Google: each type has its block and a default port. */
const types: readonly { readonly type: string; readonly field: BlockField; readonly port?: number }[] = [
  { type: "HTTP", field: "httpHealthCheck", port: 80 },
  { type: "HTTPS", field: "httpsHealthCheck", port: 443 },
  { type: "HTTP2", field: "http2HealthCheck", port: 443 },
  { type: "TCP", field: "tcpHealthCheck", port: 80 },
  { type: "SSL", field: "sslHealthCheck", port: 443 },
  { type: "GRPC", field: "grpcHealthCheck" },
  { type: "GRPC_WITH_TLS", field: "grpcTlsHealthCheck" },
];

/**
 * A probe. Obeyed: `type`, the interval, timeout and thresholds, and of the block `port`, `portSpecification`, `requestPath`, `host`,
 * `request`, `response`. Defaults are Google's: 5 s, 5 s, 2, 2, port 80 or 443, path `/`.
 */
export const healthChecks: Kind<HealthCheck> = defineKind({
  api: "compute",
  collection: "healthChecks",
  singular: "healthCheck",
  kind: "compute#healthCheck",
  scopes: ["global", "region"],
  verbs: allVerbs,
  message: "HealthCheck",
  fingerprint: false,
  outputOnly: ownedByServer,
  schema,
  defaults: (resource) => {
    const row = types.find(({ type, field }) => (resource["type"] ?? type) === type && Object.hasOwn(resource, field));
    const timing = { checkIntervalSec: 5, timeoutSec: 5, healthyThreshold: 2, unhealthyThreshold: 2 };
    return row === undefined ? timing : { ...timing, type: row.type, [row.field]: blockDefaults(row, resource[row.field]) };
  },
  check: (resource, report) => {
    checkName(report, "resource.name", resource.name);
    checkTiming(report, resource);
    checkType(report, resource);
  },
});

function blockDefaults(row: { readonly type: string; readonly port?: number }, given: unknown): { [field: string]: string | number } {
  const specification = typeof given === "object" && given !== null && "portSpecification" in given ? given.portSpecification : undefined;
  const fixed = specification === undefined || specification === "USE_FIXED_PORT";
  return {
    ...(fixed && row.port !== undefined ? { port: row.port } : {}),
    ...(row.type.startsWith("HTTP") ? { requestPath: "/" } : {}),
    ...(row.type.startsWith("GRPC") ? {} : { proxyHeader: "NONE" }),
  };
}

function checkTiming(report: Report, resource: HealthCheck): void {
  report.range("resource.checkIntervalSec", resource.checkIntervalSec, [1, 300]);
  report.range("resource.timeoutSec", resource.timeoutSec, [1, 300]);
  report.range("resource.healthyThreshold", resource.healthyThreshold, [1, 10]);
  report.range("resource.unhealthyThreshold", resource.unhealthyThreshold, [1, 10]);
  const { checkIntervalSec = 5, timeoutSec = 5 } = resource;
  if (timeoutSec > checkIntervalSec) {
    report.invalid("resource.timeoutSec", timeoutSec, `TimeoutSec should be less than or equal to checkIntervalSec (${checkIntervalSec}).`);
  }
}

function checkType(report: Report, resource: HealthCheck): void {
  const row = types.find(({ type }) => type === resource.type);
  if (resource.type === undefined) report.required("resource.type");
  else if (row === undefined) report.invalid("resource.type", resource.type, `Must be one of ${types.map(({ type }) => type).join(", ")}.`);
  if (row !== undefined && resource[row.field] === undefined) report.required(`resource.${row.field}`);
  for (const { field } of types) {
    const given = resource[field];
    if (given === undefined) continue;
    if (row !== undefined && field !== row.field) {
      report.invalid(`resource.${field}`, given, `Only ${row.field} may be specified for a health check of type ${row.type}.`);
    }
    checkBlock(report, `resource.${field}`, given);
  }
}

const longestText = 1024;

function checkBlock(report: Report, path: string, given: Reading<typeof block>): void {
  checkPort(report, `${path}.port`, given.port);
  const { portSpecification, requestPath } = given;
  if (portSpecification === "USE_SERVING_PORT" && given.port !== undefined) {
    report.invalid(`${path}.port`, given.port, "Must not be specified when portSpecification is USE_SERVING_PORT.");
  }
  if (portSpecification === "USE_NAMED_PORT")
    report.invalid(`${path}.portSpecification`, portSpecification, "USE_NAMED_PORT is not supported.");
  if (requestPath !== undefined && !requestPath.startsWith("/")) {
    report.invalid(`${path}.requestPath`, requestPath, "The path must start with '/'.");
  }
  for (const field of ["request", "response"] as const) {
    const length = given[field]?.length ?? 0;
    if (length > longestText) report.invalid(`${path}.${field}`, `${length} characters`, `Must be at most ${longestText} characters.`);
  }
  checkHeaderValue(report, `${path}.host`, given.host);
}
