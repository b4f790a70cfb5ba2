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
            retry: { conditions: ["5xx", "reset"], retries: 2, perTryTimeoutMs: 500 },
          },
          requestHeaders: [mutation],
          responseHeaders: [mutation],
        },
        {
          ref: { resource: "httpRoutes/cart", index: 1 },
          matches: [{ path: { kind: "exact", value: "/old" }, headers: [], query: [] }],
          action: { kind: "redirect", status: 308, host: "new.mesh", path: "/new?x=1", port: 8443, https: true, stripQuery: false },
          requestHeaders: [],
          responseHeaders: [],
        },
        {
          ref: { resource: "httpRoutes/cart", index: 2 },
          matches: [],
          action: { kind: "directResponse", status: 200, body: { text: "pong" } },
          requestHeaders: [],
          responseHeaders: [mutation],
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
          endpoints: [{ instance: "cart-abcd", address: "127.10.0.5", port: 8080, zone: "z", health: "HEALTHY" }],
        },
      ],
      requestHeaders: mutation,
      responseHeaders: mutation,
    },
  },
};
