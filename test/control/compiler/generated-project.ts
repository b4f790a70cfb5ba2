/** Projects for properties: right in themselves, wrong in what they refer to as often as not. */
import fc from "fast-check";
import type { JsonObject } from "#base/json.ts";
import type { InstanceReport } from "#instances/group/spec.ts";
import type { ProjectFile } from "./project-file.ts";

const zone = "zones/us-central1-a";
const services = ["s0", "s1", "s2", "constructor"];
const groupKeys = [`${zone}/instanceGroups/g0`, `${zone}/instanceGroups/g1`, `${zone}/networkEndpointGroups/n0`];
const checks = ["h0", "h1"];
const hosts = ["a.mesh", "b.mesh", "B.c.mesh", "*.c.mesh", "d.mesh"];

const share = fc.option(fc.integer({ min: 0, max: 100 }), { nil: undefined });
const path = fc.constantFrom("/", "/a", "/a/", "/a/b", "/A", "/long/path/to");
const headerValue = fc.constantFrom("x", "Bearer {secret.s}", "{secret.t}{secret.s}", "{client_region}", "");
const spelling = fc.constantFrom("projects/demo/", "https://www.googleapis.com/compute/v1/projects/demo/", "");
const service = fc.tuple(spelling, fc.constantFrom(...services)).map(([start, name]) => `${start}global/backendServices/${name}`);

/** A record of which fields that are undefined are left out. */
function partial(fields: { [name: string]: fc.Arbitrary<unknown> }): fc.Arbitrary<JsonObject> {
  return fc.record(fields).map((record) => JSON.parse(JSON.stringify(record)) as JsonObject);
}

const headerTest = fc.constantFrom<JsonObject>(
  { exactMatch: "x" },
  { prefixMatch: "x", invertMatch: true },
  { suffixMatch: "x" },
  { regexMatch: "x+" },
  { presentMatch: true },
);

const pathTest = fc.oneof(
  path.map((value): JsonObject => ({ prefixMatch: value })),
  path.map((value): JsonObject => ({ fullPathMatch: value, ignoreCase: true })),
  fc.constantFrom<JsonObject>({ regexMatch: "/v[0-9]/.*" }),
);

const modifier = fc.option(
  partial({
    set: fc.dictionary(fc.constantFrom("X-A", "x-b"), headerValue),
    add: fc.dictionary(fc.constantFrom("X-C", "x-d"), headerValue),
    remove: fc.subarray(["X-E", "X-F"]),
  }),
  { nil: undefined },
);

const routeAction = fc.oneof(
  fc
    .tuple(fc.array(fc.tuple(service, fc.integer({ min: 0, max: 10 })), { minLength: 1, maxLength: 3 }), fc.boolean(), modifier)
    .map(([ways, weighted, requestHeaderModifier]) => ({
      destinations: ways.map(([serviceName, weight]) => ({ serviceName, ...(weighted ? { weight } : {}) })),
      requestHeaderModifier,
      urlRewrite: { pathPrefixRewrite: "/r/" },
      timeout: "1.5s",
      retryPolicy: { retryConditions: ["5xx"], numRetries: 2 },
    })),
  fc.constant({ redirect: { hostRedirect: "x.mesh", responseCode: "FOUND" } }),
  fc.constant({ directResponse: { status: 200, stringBody: "ok" } }),
);

const httpRoute = partial({
  meshes: fc.constantFrom(["projects/demo/locations/global/meshes/m"], ["m", "gone"], undefined),
  hostnames: fc.subarray(hosts, { minLength: 1 }),
  rules: fc.array(
    partial({
      matches: fc.array(
        fc.tuple(pathTest, fc.option(headerTest, { nil: undefined })).map(([where, test]) => ({
          ...where,
          ...(test ? { headers: [{ header: "X-H", ...test }] } : {}),
        })),
        { maxLength: 2 },
      ),
      action: routeAction,
    }),
    { minLength: 1, maxLength: 3 },
  ),
});

const headerAction = fc.option(
  fc.tuple(headerValue, fc.option(fc.boolean(), { nil: undefined })).map(([value, replace]) => ({
    requestHeadersToAdd: [{ headerName: "X-A", headerValue: value, ...(replace === undefined ? {} : { replace }) }],
    responseHeadersToRemove: ["X-B"],
  })),
  { nil: undefined },
);

const outcome = fc.oneof(
  service.map((name): JsonObject => ({ service: name })),
  fc.array(service, { minLength: 1, maxLength: 3 }).map((ways): JsonObject => ({
    routeAction: { weightedBackendServices: ways.map((backendService, weight) => ({ backendService, weight })) },
  })),
  fc.constant<JsonObject>({ urlRedirect: { httpsRedirect: true } }),
);

const pathMatcher = fc
  .tuple(
    service,
    fc.array(fc.tuple(outcome, pathTest, headerAction), { maxLength: 3 }),
    fc.uniqueArray(fc.constantFrom("/a", "/a/*", "/*", "/a/b/*", "/c"), { maxLength: 4 }),
    outcome,
  )
  .map(([defaultService, rules, paths, pathOutcome]) => ({
    name: "pm",
    defaultService,
    ...(rules.length > 0
      ? {
          routeRules: rules.map(([action, match, header], index) => ({
            priority: 10 - index,
            matchRules: [match],
            headerAction: header,
            ...action,
          })),
        }
      : paths.length > 0
        ? { pathRules: paths.map((each) => ({ paths: [each], ...pathOutcome })) }
        : {}),
  }));

const urlMap = fc.tuple(service, fc.subarray(hosts, { minLength: 1 }), pathMatcher, headerAction).map(
  ([defaultService, claimed, matcher, header]) =>
    JSON.parse(
      JSON.stringify({
        defaultService,
        headerAction: header,
        hostRules: [{ hosts: claimed, pathMatcher: "pm" }],
        pathMatchers: [matcher],
      }),
    ) as JsonObject,
);

const backendService = partial({
  protocol: fc.constantFrom("HTTP", "HTTPS", "GRPC"),
  portName: fc.constantFrom(undefined, "http", "admin"),
  timeoutSec: fc.option(fc.integer({ min: 1, max: 100 }), { nil: undefined }),
  backends: fc
    .subarray(groupKeys)
    .map((keys) => keys.map((key) => ({ group: `projects/demo/${key}`, balancingMode: "RATE", maxRatePerEndpoint: 1 }))),
  healthChecks: fc.subarray(checks, { maxLength: 1 }).map((names) => names.map((name) => `global/healthChecks/${name}`)),
  customRequestHeaders: fc.constantFrom([], ["X-Key:{secret.s}"]),
  localityLbPolicy: fc.constantFrom(
    undefined,
    "ROUND_ROBIN",
    "RANDOM",
    "RING_HASH",
    "MAGLEV",
    "WEIGHTED_ROUND_ROBIN",
    "ORIGINAL_DESTINATION",
  ),
  sessionAffinity: fc.constantFrom(undefined, "CLIENT_IP", "HEADER_FIELD", "HTTP_COOKIE", "GENERATED_COOKIE", "STRONG_COOKIE_AFFINITY"),
  consistentHash: fc.constantFrom({}, { httpHeaderName: "X-User" }, { httpCookie: { name: "c" }, minimumRingSize: "99999999" }),
  subsetting: fc.constantFrom(undefined, { policy: "CONSISTENT_HASH_SUBSETTING" }),
  connectionDraining: fc.integer({ min: 0, max: 60 }).map((drainingTimeoutSec) => ({ drainingTimeoutSec })),
});

const trafficPolicy = partial({
  target: fc.constantFrom("backendServices/s0", "backendServices/s1"),
  policy: fc.constantFrom(undefined, { kind: "PEAK_EWMA" }, { kind: "LEAST_REQUEST", choices: 3 }),
  slowStart: fc.constantFrom(undefined, { windowMs: 1000 }),
  subset: fc.constantFrom(undefined, { selectors: [{ label: "a", header: "X-A" }], fallback: "ANY" }),
  subsetSize: fc.constantFrom(undefined, 1),
});

const manager = share.map((size): JsonObject => ({
  instanceTemplate: "projects/demo/global/instanceTemplates/t",
  targetSize: size ?? 0,
  ...(size === undefined ? {} : { namedPorts: [{ name: "http", port: 8080 }] }),
  autoHealingPolicies: [{ healthCheck: "global/healthChecks/h0" }],
}));

const healthCheck = fc.constantFrom<JsonObject>(
  { type: "HTTP", httpHealthCheck: { portSpecification: "USE_SERVING_PORT" } },
  { type: "TCP", tcpHealthCheck: { port: 80 } },
  { type: "GRPC", grpcHealthCheck: { port: 90 } },
);

const instance: fc.Arbitrary<Partial<InstanceReport>> = fc.record({
  name: fc.constantFrom("i1", "i2", "i3"),
  address: fc.constantFrom("127.8.0.2", "10.0.0.1", "::1"),
  status: fc.constantFrom("RUNNING", "STAGING"),
  action: fc.constantFrom("NONE", "DELETING"),
  health: fc.dictionary(
    fc.constantFrom("global/healthChecks/h0@8080", "global/healthChecks/h1@80", "global/healthChecks/h0@serving"),
    fc.constantFrom("HEALTHY", "UNHEALTHY", "TIMEOUT", "DRAINING", "UNKNOWN"),
  ),
});

const reached = {
  "global/targetHttpProxies/p": { urlMap: "projects/demo/global/urlMaps/m" },
  "global/forwardingRules/f": {
    loadBalancingScheme: "INTERNAL_SELF_MANAGED",
    IPAddress: "0.0.0.0",
    portRange: "80",
    network: "projects/demo/global/networks/default",
    target: "projects/demo/global/targetHttpProxies/p",
  },
};

const resources = fc.record(
  {
    ...Object.fromEntries(services.map((name) => [`global/backendServices/${name}`, backendService])),
    ...Object.fromEntries(checks.map((name) => [`global/healthChecks/${name}`, healthCheck])),
    "global/instanceTemplates/t": fc.constant<JsonObject>({ properties: { machineType: "e2-small" } }),
    [`${zone}/instanceGroupManagers/g0`]: manager,
    [`${zone}/instanceGroups/g1`]: fc.constant<JsonObject>({ namedPorts: [{ name: "admin", port: 9000 }] }),
    [`${zone}/instanceGroupMembers/g1`]: fc.constant<JsonObject>({
      members: [{ name: "i1", address: "10.0.0.1", port: 7000, instance: `${zone}/instances/i1` }],
    }),
    [groupKeys[2] ?? ""]: fc.constantFrom<JsonObject>(
      { networkEndpointType: "GCE_VM_IP_PORT" },
      { networkEndpointType: "INTERNET_FQDN_PORT" },
    ),
    [`${zone}/networkEndpoints/n0`]: fc.constant<JsonObject>({ endpoints: [{ ipAddress: "10.0.0.2", port: 80 }] }),
    "trafficPolicies/t": trafficPolicy,
    "meshSettings/m": fc.constant<JsonObject>({ tracing: { samplingRatio: 0.5 } }),
    "locations/global/httpRoutes/r0": httpRoute,
    "locations/global/httpRoutes/r1": httpRoute,
    "global/urlMaps/m": urlMap,
    ...Object.fromEntries(Object.entries(reached).map(([key, resource]) => [key, fc.constant<JsonObject>(resource)])),
  },
  { requiredKeys: [] },
);

/** Any of these resources may be missing, while others name it. */
export const generatedProject: fc.Arbitrary<ProjectFile> = fc.record({
  resources: resources.map((some) => JSON.parse(JSON.stringify(some)) as Record<string, JsonObject>),
  reports: fc.dictionary(fc.constantFrom(...groupKeys), fc.array(instance, { maxLength: 3 })),
  secrets: fc.constantFrom<Record<string, number>>({}, { s: 1 }, { s: 2, t: 5 }),
});

/** Keys of all groups that the generated projects speak of. */
export const generatedGroups: readonly string[] = groupKeys;
