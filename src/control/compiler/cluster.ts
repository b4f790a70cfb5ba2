/** Backend services as clusters: groups with the endpoints that their last reports show. */
import type { Cluster, Endpoint, EndpointGroup, EndpointHealth, Transport } from "#ir/cluster.ts";
import { secondsNanosToMs } from "#base/duration.ts";
import type { InstanceReport } from "#instances/group/spec.ts";
import { backendServices, type BackendService } from "#model/compute/backend-services.ts";
import { healthChecks } from "#model/compute/health-checks.ts";
import { inboundKeySecret, type TrafficPolicy } from "#model/wayside/traffic-policies.ts";
import { warnIgnored, type CompiledBackend, type Context } from "./context.ts";
import { choiceOf } from "./endpoint-choice.ts";
import { factsOf } from "./endpoint-facts.ts";
import { groupKeyOf, groupSource, servingPort, type GroupSource } from "./group-source.ts";
import { customHeaders, noMutation } from "./headers.ts";
import { backendProbes } from "./probes.ts";
import { resolve, shortName } from "./references.ts";
import { resilienceOf, shareOf } from "./resilience.ts";
import { ownNamedPorts, servingInstances } from "./traffic.ts";
import { trafficPolicyOf } from "./traffic-policies.ts";
import { read, type ResourceView } from "./view.ts";

/** Google's default of `timeoutSec`. */
const defaultTimeoutMs = 30_000;

/** A KEEPALIVE instance gets a hundredth of its share: enough to stay warm. */
const keptAliveWeight = 0.01;

/** Fields of a backend service that ask for something the mesh does not do. */
const ignoredFields = [
  "cdnPolicy",
  "compressionMode",
  "connectionTrackingPolicy",
  "edgeSecurityPolicy",
  "enableCDN",
  "failoverPolicy",
  "haPolicy",
  "iap",
  "ipAddressSelectionPolicy",
  "logConfig",
  "networkPassThroughLbTrafficPolicy",
  "securityPolicy",
  "securitySettings",
  "serviceBindings",
  "tlsSettings",
];

/**
 * The backend that a reference to a backend service leads to, compiled once per snapshot. A service that does not exist (or text that is
 * no reference) becomes a cluster without groups, so that its requests are answered 503 and all others are served.
 */
export function backendOf(context: Context, reference: string | undefined): CompiledBackend {
  const key = backendKey(context.view, reference);
  const name = shortName(key);
  const sameName = context.backends.get(name);
  // Global and regional services may share a name; the second one met then stands under its whole key.
  const id = sameName === undefined || sameName.key === key ? name : key;
  const known = context.backends.get(id);
  if (known) return known;
  const backend = { id, key, ...compileBackend(context, name, key) };
  context.backends.set(id, backend);
  return backend;
}

/** The key that a reference to a backend service leads to. Text that is no reference gets a key that no resource has. */
export function backendKey(view: ResourceView, reference: string | undefined): string {
  return resolve(view, reference, ["backendServices"]) ?? `global/backendServices/${reference ?? ""}`;
}

function compileBackend(context: Context, name: string, key: string): Omit<CompiledBackend, "id" | "key"> {
  const service = read(context.view, backendServices, key);
  if (!service) {
    const cluster: Cluster = {
      name,
      scheme: "http",
      transport: "vpc-network",
      groups: [],
      requestHeaders: noMutation,
      responseHeaders: noMutation,
    };
    return { cluster, timeoutMs: defaultTimeoutMs };
  }
  warnUnused(context, name, service);
  const where = `backendServices/${name}`;
  const policy = trafficPolicyOf(context, key);
  const choice = choiceOf(context, { where, service, policy });
  const inboundKey = inboundKeyOf(context, policy);
  const backends = groupsOf(context, { where, service, choice, ...(inboundKey !== undefined && { inboundKey }) });
  const cluster: Cluster = {
    name,
    scheme: service.protocol === "HTTPS" ? "https" : "http",
    transport: transportOf(backends.map(({ source }) => source)),
    groups: backends.map(({ group }) => group),
    requestHeaders: customHeaders(context, service.customRequestHeaders),
    responseHeaders: customHeaders(context, service.customResponseHeaders),
    ...choice,
    ...resilienceOf(context, { where, service, policy }),
  };
  const { timeoutSec, maxStreamDuration } = service;
  return {
    cluster,
    timeoutMs: timeoutSec === undefined ? defaultTimeoutMs : timeoutSec * 1000,
    ...(maxStreamDuration && { maxStreamDurationMs: secondsNanosToMs(maxStreamDuration) }),
  };
}

/** Types of health checks that are probed by less than what they ask for. */
const partlyProbed: ReadonlySet<string | undefined> = new Set(["HTTP2", "SSL", "GRPC", "GRPC_WITH_TLS"]);

function warnUnused(context: Context, name: string, service: BackendService): void {
  for (const reference of service.healthChecks ?? []) {
    const key = resolve(context.view, reference, ["healthChecks"]);
    const type = read(context.view, healthChecks, key)?.type;
    if (partlyProbed.has(type))
      context.warnings.add(`${key} is of type ${type}; it is probed by ${type === "HTTP2" ? "HTTPS" : "opening a connection"}`);
  }
  const where = `backendServices/${name}`;
  warnIgnored(context, where, { object: service, fields: ignoredFields });
}

interface Backend {
  readonly source: GroupSource | undefined;
  readonly group: EndpointGroup;
}

interface Service {
  /** `backendServices/x`, for warnings. */
  readonly where: string;
  readonly service: BackendService;
  readonly choice: Pick<Cluster, "subset" | "slowStart">;
  readonly inboundKey?: string;
}

function groupsOf(context: Context, { where, service, choice, inboundKey }: Service): Backend[] {
  const signed = inboundKey === undefined ? {} : { inboundKey };
  return (service.backends ?? []).flatMap((backend, index) => {
    const key = groupKeyOf(context.view, backend.group);
    if (key === undefined) return [];
    const source = groupSource(context.view, key);
    const endpoints = source ? endpointsOf(context, { service, choice }, source) : [];
    const share = shareOf(context, `${where}.backends[${index}]`, backend);
    return [{ source, group: { group: key, capacityScaler: backend.capacityScaler ?? 1, endpoints, ...share, ...signed } }];
  });
}

/** The secret that requests are signed with, noted as one that the proxies need; undefined when they are not signed. */
function inboundKeyOf(context: Context, { inboundKey }: TrafficPolicy): string | undefined {
  const secret = inboundKey === undefined ? undefined : inboundKeySecret(inboundKey);
  if (secret !== undefined) context.secretNames.add(secret);
  return secret;
}

/** Google does not let a backend service mix internet endpoints with others. */
function transportOf(sources: readonly (GroupSource | undefined)[]): Transport {
  return sources.some((source) => source?.kind === "endpoints" && source.internet) ? "public" : "vpc-network";
}

/** Instances that take part in traffic. */
function endpointsOf(context: Context, { service, choice }: Omit<Service, "where">, source: GroupSource): Endpoint[] {
  const port = defaultPort(service, source);
  const ownPort = ownNamedPorts(source, service.portName);
  const probes = backendProbes(context.view, service, source).map(({ id }) => id);
  const facts = factsOf(context.view, source, { wanted: choice, probes });
  return servingInstances(context.view, source).map(({ instance, lease, servingState }) => ({
    instance: instance.name,
    address: instance.address,
    port: ownPort(instance.name) ?? instance.port ?? port,
    zone: instance.zone ?? source.zone,
    // What the agent found is known before the first probe, and where there is none.
    health: lease?.report?.healthy === false ? "UNHEALTHY" : healthOf(instance, probes),
    ...facts(instance),
    ...(servingState === "KEEPALIVE" && { weight: keptAliveWeight }),
  }));
}

/** Of instances without a port of their own. Endpoints have none only where Google infers it from the protocol. */
function defaultPort(service: BackendService, source: GroupSource): number {
  if (source.kind !== "endpoints") return servingPort(source, service.portName);
  return service.protocol === "HTTPS" ? 443 : 80;
}

const worstFirst: readonly EndpointHealth[] = ["UNHEALTHY", "DRAINING", "UNKNOWN", "HEALTHY"];

/** The worst that any of the probes says. Without a health check Google takes every instance for healthy. */
function healthOf({ health }: InstanceReport, probes: readonly string[]): EndpointHealth {
  const states = new Set(
    probes.map((id): EndpointHealth => {
      const state = health[id] ?? "UNKNOWN";
      return state === "TIMEOUT" ? "UNHEALTHY" : state;
    }),
  );
  return worstFirst.find((state) => states.has(state)) ?? "HEALTHY";
}
