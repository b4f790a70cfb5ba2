/** Health checks as probes of a group's instances. Equal probes have equal ids, so that each instance is probed once for all who ask. */
import type { ProbeSpec } from "#instances/group/spec.ts";
import type { BackendService } from "#model/compute/backend-services.ts";
import { healthChecks, type HealthCheck } from "#model/compute/health-checks.ts";
import { servingPort, type GroupSource } from "./group-source.ts";
import { resolve, shortName } from "./references.ts";
import { read, type ResourceView } from "./view.ts";

/** A probe's id: the key of its health check and what it takes its port from. Health in group reports is by it. */
function probeId(healthCheckKey: string, port: ProbeSpec["port"]): string {
  return `${healthCheckKey}@${port}`;
}

/** The probes that a backend service wants of a group: one for each of its health checks that exists. */
export function backendProbes(view: ResourceView, service: BackendService, source: GroupSource): ProbeSpec[] {
  return (service.healthChecks ?? []).flatMap((reference) => probe(view, reference, { source, portName: service.portName }));
}

interface Probed {
  readonly source: GroupSource;
  readonly portName: string | undefined;
}

/** The probe of one health check, alone in a list; an empty list when there is no such health check. */
export function probe(view: ResourceView, reference: string | undefined, probed: Probed): ProbeSpec[] {
  const key = resolve(view, reference, ["healthChecks"]);
  const check = read(view, healthChecks, key);
  return key === undefined || check === undefined ? [] : [probeSpec(key, check, probed)];
}

type Block = NonNullable<HealthCheck["httpHealthCheck"]>;

interface Manner {
  readonly type: ProbeSpec["type"];
  readonly field: Extract<keyof HealthCheck, `${string}HealthCheck`>;
  readonly defaultPort: number;
  /** Whether the block's request and response are text that a TCP probe exchanges. */
  readonly exchange?: boolean;
}

const http: Manner = { type: "HTTP", field: "httpHealthCheck", defaultPort: 80 };

/**
 * How each of Google's types is probed. Where the protocol itself is not spoken (SSL, gRPC), a connection that opens counts as healthy;
 * HTTP2 is probed over HTTPS, which such a server answers too.
 */
const manners: ReadonlyMap<string | undefined, Manner> = new Map([
  ["HTTP", http],
  ["HTTPS", { type: "HTTPS", field: "httpsHealthCheck", defaultPort: 443 }],
  ["HTTP2", { type: "HTTPS", field: "http2HealthCheck", defaultPort: 443 }],
  ["TCP", { type: "TCP", field: "tcpHealthCheck", defaultPort: 80, exchange: true }],
  ["SSL", { type: "TCP", field: "sslHealthCheck", defaultPort: 443 }],
  ["GRPC", { type: "TCP", field: "grpcHealthCheck", defaultPort: 80 }],
  ["GRPC_WITH_TLS", { type: "TCP", field: "grpcTlsHealthCheck", defaultPort: 443 }],
]);

/** Defaults are Google's: every 5 s, 5 s to answer, two in a row change the state. */
function probeSpec(key: string, check: HealthCheck, probed: Probed): ProbeSpec {
  const manner = manners.get(check.type) ?? http;
  const block = check[manner.field] ?? {};
  const port = block.portSpecification === "USE_SERVING_PORT" ? servingPortOf(probed) : (block.port ?? manner.defaultPort);
  return {
    id: probeId(key, port),
    healthCheck: `healthChecks/${shortName(key)}`,
    type: manner.type,
    port,
    intervalMs: (check.checkIntervalSec ?? 5) * 1000,
    timeoutMs: (check.timeoutSec ?? 5) * 1000,
    healthyThreshold: check.healthyThreshold ?? 2,
    unhealthyThreshold: check.unhealthyThreshold ?? 2,
    ...details(manner, block),
  };
}

/** USE_SERVING_PORT follows the backend service: its named port, or each endpoint's own where endpoints have one. */
function servingPortOf({ source, portName }: Probed): ProbeSpec["port"] {
  if (source.kind === "endpoints") return "serving";
  const ownPorts = source.kind === "unmanaged" && source.members.some((member) => member.port !== undefined);
  return ownPorts ? "serving" : servingPort(source, portName);
}

function details({ type, exchange }: Manner, block: Block): Pick<ProbeSpec, "http" | "tcp"> {
  if (type !== "TCP")
    return { http: { path: block.requestPath || "/", ...given("host", block.host), ...given("response", block.response) } };
  return exchange ? { tcp: { ...given("request", block.request), ...given("response", block.response) } } : {};
}

/** The field where it says something: Google takes an empty text for none. */
function given<Name extends string>(name: Name, text: string | undefined): { [K in Name]?: string } {
  return (text ? { [name]: text } : {}) as { [K in Name]?: string };
}
