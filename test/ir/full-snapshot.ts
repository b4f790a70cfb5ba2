import type { HeaderMutation } from "#ir/route.ts";
import type { Snapshot } from "#ir/snapshot.ts";

const mutation: HeaderMutation = {
  remove: ["X-Debug"],
  set: [["X-Key", ["key ", { secret: "api-key" }]]],
  add: [["X-Trace", "on\tand off"]],
};

/** A snapshot in which every field of the format is there at least once. */
export const full: Snapshot = {
  schemaVersion: 1,
  project: "demo",
  service: "cart.shop.mesh",
  tracing: { samplingRatio: 0.5 },
  paths: { escapedSlashes: "DECODE", mergeSlashes: true },
  limits: {
    urlBytes: 8192,
    requestHeaders: 50,
    requestHeaderBytes: 8192,
    requestBodyBytes: 1_000_000,
    responseHeaders: 50,
    responseHeaderBytes: 8192,
  },
  secrets: [
    { name: "api-key", version: 3 },
    { name: "gone", version: null },
  ],
  virtualHosts: [
    {
      hosts: ["cart.shop.mesh", "cart.shop.mesh:8080", "*.cart.mesh", "*-cart.mesh", "*"],
      rules: [
        {
          ref: { resource: "httpRoutes/cart", index: 0, priority: 1, pathMatcher: "pm", isDefault: false },
          matches: [
            {
              path: { kind: "prefix", value: "/cart", ignoreCase: true },
              headers: [
                { name: ":method", test: { kind: "exact", value: "GET" }, invert: false },
                { name: "n", test: { kind: "range", start: "-5", end: "0" }, invert: true },
                { name: "v", test: { kind: "present" } },
              ],
              query: [{ name: "q", test: { kind: "regex", value: "x+" } }],
            },
            { path: { kind: "regex", value: "/c(art)?/[0-9]+" }, headers: [], query: [] },
            { path: { kind: "any" }, headers: [{ name: "never", test: { kind: "present" } }], query: [] },
          ],
          action: {
            kind: "route",
            destinations: [{ cluster: "cart", weight: 90, requestHeaders: [mutation], responseHeaders: [mutation] }],
            rewrite: { prefix: "/v1", host: "cart.internal:8080" },
            timeoutMs: 30_000,
            idleTimeoutMs: 60_000,
            maxStreamDurationMs: 3_600_000,
            retry: { conditions: ["5xx", "reset"], retries: 2, perTryTimeoutMs: 500 },
            hedge: { afterMs: 50, attempts: 3 },
            stickyCookie: { name: "GSSA", ttlSec: 3600 },
          },
          requestHeaders: [mutation],
          responseHeaders: [mutation],
        },
        {
          ref: { resource: "httpRoutes/cart", index: 1 },
          matches: [{ path: { kind: "exact", value: "/old" }, headers: [], query: [] }],
          fault: { delay: { ms: 100, percent: 0.5 }, abort: { status: 503, percent: 100 } },
          action: { kind: "redirect", status: 308, host: "new.mesh", path: "/new?x=1", port: 8443, https: true, stripQuery: false },
          requestHeaders: [],
          responseHeaders: [],
        },
        {
          ref: { resource: "httpRoutes/cart", index: 2 },
          matches: [],
          rateLimits: [
            { perSecond: 0.5, burst: 2, header: "x-user", status: 503, body: "later" },
            { perSecond: 2, burst: 20, mesh: { key: "httpRoutes/cart#1", requests: 20, periodSec: 10 } },
          ],
          action: { kind: "directResponse", status: 200, body: { text: "pong" } },
          requestHeaders: [],
          responseHeaders: [mutation],
        },
        {
          ref: { resource: "httpRoutes/cart", index: 4 },
          matches: [{ path: { kind: "template", value: "/users/{id}/{rest=**}" }, headers: [], query: [] }],
          action: {
            kind: "route",
            destinations: [{ cluster: "cart", weight: 1, requestHeaders: [], responseHeaders: [] }],
            rewrite: { template: "/u/{rest}/{id}" },
            timeoutMs: 0,
            mirror: { cluster: "cart", percent: 12.5 },
          },
          requestHeaders: [{ remove: [], set: [["X-Client", [{ variable: "client_region" }, "!"]]], add: [] }],
          responseHeaders: [],
          cors: {
            allowOrigins: ["https://a.test"],
            allowOriginRegexes: ["https://.*[.]b[.]test"],
            allowMethods: ["GET", "*"],
            allowHeaders: ["x-a"],
            exposeHeaders: ["x-b"],
            maxAgeSec: 600,
            allowCredentials: true,
          },
        },
        {
          ref: { resource: "httpRoutes/cart", index: 3 },
          matches: [],
          action: { kind: "directResponse", status: 503, body: { base64: "aGk=" } },
          requestHeaders: [],
          responseHeaders: [],
        },
      ],
    },
  ],
  clusters: {
    cart: {
      name: "cart",
      scheme: "http",
      transport: "vpc-network",
      groups: [
        {
          group: "zones/z/instanceGroups/cart",
          capacityScaler: 1,
          preferred: true,
          inboundKey: "api-key",
          capacity: { mode: "RATE", max: 12.5, perEndpoint: true },
          endpoints: [
            {
              instance: "cart-abcd",
              address: "127.10.0.5",
              port: 8080,
              zone: "z",
              health: "HEALTHY",
              labels: { color: "blue" },
              healthySinceMs: 1_700_000_000_000,
              weight: 0.01,
            },
          ],
        },
      ],
      requestHeaders: mutation,
      responseHeaders: mutation,
      policy: { kind: "RING_HASH", minimumRingSize: 1024 },
      affinity: { kind: "COOKIE", name: "sid", path: "/", ttlSec: 60, generate: true },
      slowStart: { windowMs: 30_000, aggression: 1, minWeightPercent: 10 },
      subset: { selectors: [{ label: "color", header: "x-color" }], fallback: "DEFAULT", defaultLabels: { color: "blue" } },
      subsetSize: 20,
      circuitBreakers: { maxConnections: 1, maxPendingRequests: 0, maxRequests: 2, maxRequestsPerEndpoint: 3, maxRetries: 4 },
      outlierDetection: {
        intervalMs: 1000,
        baseEjectionMs: 30_000,
        maxEjectionMs: 300_000,
        maxEjectionPercent: 50,
        consecutiveErrors: 5,
        enforcingConsecutiveErrors: 0,
        consecutiveGatewayFailure: 3,
        enforcingConsecutiveGatewayFailure: 100,
        enforcingSuccessRate: 100,
        successRateMinimumHosts: 5,
        successRateRequestVolume: 100,
        successRateStdevFactor: 1900,
      },
      locality: {
        algorithm: "WATERFALL_BY_ZONE",
        zone: "us-central1-a",
        failoverHealthThreshold: 70,
        autoCapacityDrain: true,
        isolation: "NEAREST",
      },
      panicPercent: 50,
      adaptiveConcurrency: { minConcurrency: 2, maxConcurrency: 200 },
      degradedResponse: { reasons: ["overflow", "upstream_timeout"], status: 200, body: "[]", contentType: "application/json" },
    },
  },
};
