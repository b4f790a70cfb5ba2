import type { JsonObject } from "#base/json.ts";
import type { EndpointHealth, Transport } from "./cluster.ts";
import { Inspector } from "./inspector.ts";
import { limits } from "./limits.ts";
import { schemaVersion } from "./snapshot.ts";
import { verifyMessagePolicies } from "./verify-actions.ts";
import { verifyChoice, verifyEndpointFacts } from "./verify-choice.ts";
import { verifyCapacity, verifyResilience } from "./verify-resilience.ts";
import { hostPattern, verifyMutation, verifyVirtualHost } from "./verify-rules.ts";

/**
 * Structural verification of what comes over the bus, written by hand because the proxy's bundle carries no schema library.
 * Each function throws at the first mistake; unknown fields are left alone, so that a later minor
 * addition does not cost an older reader its configuration.
 */

const digestPattern = /^[0-9a-f]{64}$/;
// An IP address or a host name, never anything that could change the meaning of a URL it is put into.
const addressPattern = /^[A-Za-z0-9._:-]{1,253}$/;
const transports: readonly Transport[] = ["vpc-network", "vpc-service", "public", "tunnel"];
const healthStates: readonly EndpointHealth[] = ["HEALTHY", "UNHEALTHY", "DRAINING", "UNKNOWN"];

/** Checks every field of a snapshot, its limits and its inner references. */
export function verifySnapshot(snapshot: JsonObject): void {
  const inspector = new Inspector();
  verifySchemaVersion(inspector, snapshot);
  inspector.name(snapshot, "project");
  inspector.text(snapshot, "service", hostPattern);
  inspector.object(snapshot, "tracing", (tracing) => inspector.number(tracing, "samplingRatio", [0, 1]));
  verifyMessagePolicies(inspector, snapshot);
  const secrets = new Set<string>();
  inspector.objects(snapshot, "secrets", (use) => {
    secrets.add(inspector.name(use, "name"));
    if (use["version"] !== null) inspector.integer(use, "version", [1, Number.MAX_SAFE_INTEGER]);
  });
  let endpoints = 0;
  inspector.values(snapshot, "clusters", (cluster) => {
    endpoints += verifyCluster({ inspector, secrets }, cluster);
    if (endpoints > limits.endpoints) inspector.fail("groups", `more than ${limits.endpoints} endpoints`);
  });
  const clusters = new Set(Object.keys(snapshot["clusters"] ?? {}));
  const scope = { inspector, clusters, secrets, hosts: new Set<string>(), rules: 0 };
  inspector.objects(snapshot, "virtualHosts", (host) => verifyVirtualHost(scope, host));
}

/** Returns the number of endpoints. */
function verifyCluster(scope: { inspector: Inspector; secrets: ReadonlySet<string> }, cluster: JsonObject): number {
  const { inspector, secrets } = scope;
  inspector.name(cluster, "name");
  inspector.oneOf(cluster, "scheme", ["http", "https"]);
  inspector.oneOf(cluster, "transport", transports);
  inspector.object(cluster, "requestHeaders", (mutation) => verifyMutation(scope, mutation));
  inspector.object(cluster, "responseHeaders", (mutation) => verifyMutation(scope, mutation));
  verifyChoice(inspector, cluster);
  verifyResilience(inspector, cluster);
  let count = 0;
  inspector.objects(cluster, "groups", (group) => {
    inspector.name(group, "group");
    inspector.number(group, "capacityScaler", [0, 1]);
    verifyCapacity(inspector, group);
    if (group["inboundKey"] !== undefined && !secrets.has(inspector.name(group, "inboundKey")))
      inspector.fail("inboundKey", "a secret that the snapshot does not list");
    inspector.objects(group, "endpoints", (endpoint) => {
      count += 1;
      inspector.name(endpoint, "instance");
      inspector.text(endpoint, "address", addressPattern);
      inspector.integer(endpoint, "port", [1, 65535]);
      inspector.string(endpoint, "zone");
      inspector.oneOf(endpoint, "health", healthStates);
      verifyEndpointFacts(inspector, endpoint);
    });
  });
  return count;
}

/** Checks the directory of a project's services. */
export function verifyDirectory(directory: JsonObject): void {
  const inspector = new Inspector();
  verifySchemaVersion(inspector, directory);
  inspector.name(directory, "project");
  const services = inspector.strings(directory, "services", (name) => hostPattern.test(name));
  if (services.length > limits.services) inspector.fail("services", `more than ${limits.services} services`);
}

/** Checks a pointer. Its schema version may be a later one: that is a reason to reject the snapshot, not to misread the pointer. */
export function verifyPointer(pointer: JsonObject): void {
  const inspector = new Inspector();
  inspector.integer(pointer, "generation", [1, Number.MAX_SAFE_INTEGER]);
  inspector.text(pointer, "digest", digestPattern);
  inspector.integer(pointer, "bytes", [1, limits.snapshotBytes]);
  inspector.integer(pointer, "schemaVersion", [1, Number.MAX_SAFE_INTEGER]);
  inspector.number(pointer, "createdAtMs", [0, Number.MAX_SAFE_INTEGER]);
}

function verifySchemaVersion(inspector: Inspector, document: JsonObject): void {
  const version = document["schemaVersion"];
  if (version !== schemaVersion)
    inspector.fail("schemaVersion", `${JSON.stringify(version)} is unknown; this reader knows ${schemaVersion}`);
}
