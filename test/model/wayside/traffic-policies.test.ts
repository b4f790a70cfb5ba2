import { describe, expect, it } from "vitest";
import type { JsonObject } from "#base/json.ts";
import { trafficPolicies } from "#model/wayside/traffic-policies.ts";
import { faultsOf } from "../faults.ts";

const target = "backendServices/b";
const route = "httpRoutes/r";

describe("traffic policies", () => {
  const accepted: readonly JsonObject[] = [
    { name: "p", target },
    { name: "p", target: "projects/demo/global/backendServices/b", policy: { kind: "peak_ewma" } },
    { name: "p", target: "grpcRoutes/r", rateLimits: [{ perSecond: "0.5" }] },
    {
      name: "p",
      target: route,
      rateLimits: [
        { scope: "MESH", requests: 100_000, periodSec: "60", header: "x-user" },
        { scope: "PROXY", perSecond: 1 },
      ],
    },
    { name: "p", target: "urlMaps/m", hedge: { afterMs: 50, attempts: 3 } },
    {
      name: "p",
      target,
      policy: { kind: "LEAST_REQUEST", choices: 4 },
      slowStart: { windowMs: 30_000, aggression: 2, minWeightPercent: 5 },
      subset: { selectors: [{ label: "color", header: "X-Color" }], fallback: "DEFAULT", defaultLabels: { color: "blue" } },
      subsetSize: 10,
      zone: "us-central1-a",
      panicPercent: 0,
      maxRequestsPerEndpoint: 5,
      adaptiveConcurrency: { minConcurrency: 2, maxConcurrency: 2 },
    },
    { name: "p", target, inboundKey: "projects/demo/secrets/cart_key" },
    { name: "p", target, inboundKey: "secrets/cart-key" },
    { name: "p", target, degradedResponse: { body: "later" } },
    {
      name: "p",
      target,
      degradedResponse: { on: ["OVERFLOW", "upstream_timeout"], status: 200, body: "[]", contentType: "application/json; charset=utf-8" },
    },
  ];
  it.each(accepted)("accepts %j", (policy) => expect(faultsOf(trafficPolicies, policy)).toEqual([]));

  const refused: readonly (readonly [JsonObject, readonly string[]])[] = [
    [{ name: "p" }, ["Required field 'resource.target' not specified"]],
    [
      { name: "p", target: "meshes/m" },
      [
        "Invalid value for field 'resource.target': 'meshes/m'. Must name one of backendServices, httpRoutes, grpcRoutes, urlMaps, as in 'backendServices/x'.",
      ],
    ],
    [
      { name: "p", target: route, subsetSize: 2 },
      ["Invalid value for field 'resource.subsetSize': '2'. Only a policy whose target is a backend service can have it."],
    ],
    [
      { name: "p", target, hedge: { afterMs: 50 } },
      ["Invalid value for field 'resource.hedge': '{  \"afterMs\": 50}'. Only a policy whose target is a route or a URL map can have it."],
    ],
    [{ name: "p", target, policy: {} }, ["Required field 'resource.policy.kind' not specified"]],
    [
      { name: "p", target, policy: { kind: "BEST" } },
      [expect.stringContaining("Invalid value at 'resource.policy.kind'") as unknown as string],
    ],
    [
      { name: "p", target, policy: { kind: "LEAST_REQUEST", choices: 1 } },
      ["Invalid value for field 'resource.policy.choices': '1'. Must be greater than or equal to 2"],
    ],
    [{ name: "p", target, slowStart: {} }, ["Required field 'resource.slowStart.windowMs' not specified"]],
    [{ name: "p", target, subset: { fallback: "ANY" } }, ["Required field 'resource.subset.selectors' not specified"]],
    [
      { name: "p", target, subset: { selectors: [{}], fallback: "DEFAULT" } },
      [
        "Required field 'resource.subset.selectors[0].label' not specified",
        "Required field 'resource.subset.selectors[0].header' not specified",
        "Required field 'resource.subset.defaultLabels' not specified",
      ],
    ],
    [
      { name: "p", target, subset: { selectors: [{ label: "l", header: "x y" }] } },
      ["Invalid value for field 'resource.subset.selectors[0].header': 'x y'. Must be a valid HTTP header name."],
    ],
    [
      { name: "p", target, inboundKey: "global/secrets/k" },
      [
        "Invalid value for field 'resource.inboundKey': 'global/secrets/k'. Must name a secret, as in 'secrets/x' or 'projects/p/secrets/x'.",
      ],
    ],
    [
      { name: "p", target: route, inboundKey: "secrets/k" },
      ["Invalid value for field 'resource.inboundKey': 'secrets/k'. Only a policy whose target is a backend service can have it."],
    ],
    [{ name: "p", target, degradedResponse: { on: ["OVERFLOW"] } }, ["Required field 'resource.degradedResponse.body' not specified"]],
    [
      { name: "p", target, degradedResponse: { status: 199, body: "x".repeat(1025), contentType: "json\r\nx: y" } },
      [
        "Invalid value for field 'resource.degradedResponse.status': '199'. Must be greater than or equal to 200",
        expect.stringMatching(/'resource.degradedResponse.body'.*Must have at most 1024 characters/) as unknown as string,
        expect.stringContaining("Must be a media type, as in 'application/json'.") as unknown as string,
      ],
    ],
    [
      { name: "p", target, degradedResponse: { on: ["RATE_LIMITED"], body: "x" } },
      [expect.stringContaining("Invalid value at 'resource.degradedResponse.on[0]'") as unknown as string],
    ],
    [
      { name: "p", target: route, degradedResponse: { body: "x" } },
      [expect.stringContaining("Only a policy whose target is a backend service can have it.") as unknown as string],
    ],
    [{ name: "p", target, subsetSize: 0 }, ["Invalid value for field 'resource.subsetSize': '0'. Must be greater than or equal to 1"]],
    [{ name: "p", target: route, rateLimits: [{}] }, ["Required field 'resource.rateLimits[0].perSecond' not specified"]],
    [
      {
        name: "p",
        target: route,
        rateLimits: [
          { perSecond: 1, periodSec: 10 },
          { scope: "MESH", perSecond: 1 },
        ],
      },
      [
        "Invalid value for field 'resource.rateLimits[0].periodSec': '10'. Only a limit of scope MESH can have it.",
        "Invalid value for field 'resource.rateLimits[1].perSecond': '1'. Only a limit of scope PROXY can have it.",
        "Required field 'resource.rateLimits[1].requests' not specified",
        "Required field 'resource.rateLimits[1].periodSec' not specified",
      ],
    ],
    [
      { name: "p", target: route, rateLimits: [{ scope: "MESH", requests: 100_001, periodSec: 30 }] },
      [
        "Invalid value for field 'resource.rateLimits[0].requests': '100001'. Must be less than or equal to 100000",
        "Invalid value for field 'resource.rateLimits[0].periodSec': '30'. Must be 10 or 60: Cloudflare counts over no other periods.",
      ],
    ],
  ];
  it.each(refused)("refuses %j", (policy, messages) => expect(faultsOf(trafficPolicies, policy)).toEqual(messages));

  it("refer to what they are for", () => {
    expect(trafficPolicies.references({ target })).toEqual([
      { field: "resource.target", value: target, collections: ["backendServices", "httpRoutes", "grpcRoutes", "urlMaps"] },
    ]);
  });
});
