import { describe, expect, it } from "vitest";
import type { JsonObject } from "#base/json.ts";
import { backendServices } from "#model/compute/backend-services.ts";
import { faultsOf } from "../faults.ts";

const group = "zones/z/instanceGroups/g";

describe("backend services", () => {
  it("are filled in as Google does", () => {
    expect(backendServices.defaults({ name: "b", connectionDraining: {}, timeoutSec: 5 })).toEqual({
      name: "b",
      description: "",
      loadBalancingScheme: "EXTERNAL",
      protocol: "HTTP",
      port: 80,
      portName: "http",
      sessionAffinity: "NONE",
      affinityCookieTtlSec: 0,
      timeoutSec: 5,
      connectionDraining: { drainingTimeoutSec: 0 },
    });
    expect(backendServices.defaults({ name: "b", protocol: "TCP" })).not.toHaveProperty("portName");
  });

  it("refer to groups, health checks and policies", () => {
    const references = backendServices.references({
      backends: [{ group }, { group: "" }],
      healthChecks: ["global/healthChecks/h"],
      securitySettings: { clientTlsPolicy: "c" },
      serviceLbPolicy: "s",
    });
    expect(references).toEqual([
      { field: "resource.backends[0].group", value: group, collections: ["instanceGroups", "networkEndpointGroups"] },
      { field: "resource.healthChecks[0]", value: "global/healthChecks/h", collections: ["healthChecks"] },
      { field: "resource.securitySettings.clientTlsPolicy", value: "c", collections: ["clientTlsPolicies"] },
      { field: "resource.serviceLbPolicy", value: "s", collections: ["serviceLbPolicies"] },
    ]);
  });

  const accepted: readonly JsonObject[] = [
    { name: "b" },
    { name: "b", backends: [{ group, capacityScaler: 0.1 }] },
    {
      name: "b",
      backends: [
        { group, capacityScaler: 0 },
        { group: "zones/y/instanceGroups/g", capacityScaler: "1.0" },
      ],
    },
    { name: "b", customRequestHeaders: ["X-Key:{secret.api-key}", "X-Empty:", "host: example.com"] },
    { name: "b", customResponseHeaders: ["X-Cache-Hit: {cdn_cache_status}"] },
    { name: "b", localityLbPolicy: "RING_HASH", consistentHash: { minimumRingSize: "1024" } },
    {
      name: "b",
      consistentHash: { httpCookie: { name: "sid", path: "/a b", ttl: { seconds: "90", nanos: 5 } }, httpHeaderName: "X-User" },
    },
    { name: "b", strongSessionAffinityCookie: { name: "stay", ttl: { seconds: 1_209_600 } } },
  ];
  it.each(accepted)("accepts %j", (resource) => {
    expect(faultsOf(backendServices, resource)).toEqual([]);
  });

  const refused: readonly (readonly [JsonObject, readonly string[]])[] = [
    [
      { name: "b", consistentHash: { httpCookie: { name: "a;b", path: "/; Domain=x" }, httpHeaderName: "x y" } },
      [
        "Invalid value for field 'resource.consistentHash.httpCookie.name': 'a;b'. Must be a valid cookie name.",
        "Invalid value for field 'resource.consistentHash.httpCookie.path': '/; Domain=x'. Must be a path without ';' and control characters.",
        "Invalid value for field 'resource.consistentHash.httpHeaderName': 'x y'. Must be a valid HTTP header name.",
      ],
    ],
    [
      { name: "b", strongSessionAffinityCookie: { name: "c", ttl: { seconds: 1_209_601 } } },
      ["Invalid value for field 'resource.strongSessionAffinityCookie.ttl.seconds': '1209601'. Must be less than or equal to 1209600"],
    ],
    [
      { name: "b", consistentHash: { minimumRingSize: "-1" } },
      ["Invalid value for field 'resource.consistentHash.minimumRingSize': '-1'. Must be greater than or equal to 0"],
    ],
    [{ name: "b", timeoutSec: 0 }, ["Invalid value for field 'resource.timeoutSec': '0'. Must be greater than or equal to 1"]],
    [{ name: "b", backends: [{}] }, ["Required field 'resource.backends[0].group' not specified"]],
    [
      {
        name: "b",
        backends: [
          { group, capacityScaler: 0.05 },
          { group, capacityScaler: 2 },
        ],
      },
      [
        "Invalid value for field 'resource.backends[0].capacityScaler': '0.05'. Must be 0 or from 0.1 to 1.0.",
        `Invalid value for field 'resource.backends[1].group': '${group}'. Duplicate instance groups in backend service.`,
        "Invalid value for field 'resource.backends[1].capacityScaler': '2'. Must be 0 or from 0.1 to 1.0.",
      ],
    ],
    [
      { name: "b", backends: [{ group, capacityScaler: 0 }] },
      ["Invalid value for field 'resource.backends[0].capacityScaler': '0'. Cannot be 0 when the backend service has only one backend."],
    ],
    [{ name: "b", healthChecks: ["a", "b"] }, ["Invalid value for field 'resource.healthChecks': '2 items'. Must have at most 1 items."]],
    [{ name: "b", healthChecks: ["a b"] }, ["Invalid value for field 'resource.healthChecks[0]': 'a b'. The URL is malformed."]],
    [
      { name: "b", customRequestHeaders: ["no colon", "bad name: x", "x: a\r\nSet-Cookie: b", "x: {secret.}"] },
      [
        "Invalid value for field 'resource.customRequestHeaders[0]': 'no colon'. Must have the form 'Header-Name: value'.",
        "Invalid value for field 'resource.customRequestHeaders[1]': 'bad name'. Must be a valid HTTP header name.",
        `Invalid value for field 'resource.customRequestHeaders[2]': '" a\\r\\nSet-Cookie: b"'. Must be a valid HTTP header value: no CR, LF or other control characters.`,
        "Invalid value for field 'resource.customRequestHeaders[3]': ' {secret.}'. A secret is written {secret.NAME}, NAME being 1 to 255 letters, digits, '_' or '-'.",
      ],
    ],
    [
      { name: "b", connectionDraining: { drainingTimeoutSec: 3601 } },
      ["Invalid value for field 'resource.connectionDraining.drainingTimeoutSec': '3601'. Must be less than or equal to 3600"],
    ],
    [
      { name: "b", outlierDetection: { maxEjectionPercent: 101 } },
      ["Invalid value for field 'resource.outlierDetection.maxEjectionPercent': '101'. Must be less than or equal to 100"],
    ],
  ];
  it.each(refused)("refuses %j", (resource, messages) => {
    expect(faultsOf(backendServices, resource)).toEqual(messages);
  });
});
