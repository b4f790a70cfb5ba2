import { describe, expect, it } from "vitest";
import type { JsonObject } from "#base/json.ts";
import type { Kind } from "#model/kind.ts";
import { authorizationPolicies } from "#model/networksecurity/authorization-policies.ts";
import { clientTlsPolicies } from "#model/networksecurity/client-tls-policies.ts";
import { serverTlsPolicies } from "#model/networksecurity/server-tls-policies.ts";
import { endpointPolicies } from "#model/networkservices/endpoint-policies.ts";
import { gateways } from "#model/networkservices/gateways.ts";
import { grpcRoutes } from "#model/networkservices/grpc-routes.ts";
import { meshes } from "#model/networkservices/meshes.ts";
import { serviceLbPolicies } from "#model/networkservices/service-lb-policies.ts";
import { tcpRoutes } from "#model/networkservices/tcp-routes.ts";
import { tlsRoutes } from "#model/networkservices/tls-routes.ts";
import { secrets } from "#model/secretmanager/secrets.ts";
import { meshSettings } from "#model/wayside/mesh-settings.ts";
import { faultsOf } from "../faults.ts";

const rule = "resource.rules[0]";

describe("meshes, routes and policies", () => {
  const rows: readonly (readonly [Kind, JsonObject, readonly string[]])[] = [
    [meshes, {}, []],
    [meshes, { interceptionPort: 0 }, ["Invalid value for field 'resource.interceptionPort': '0'. Must be greater than or equal to 1"]],
    [gateways, { type: "OPEN_MESH", ports: [443], scope: "s" }, []],
    [
      gateways,
      { ports: [0, 80], scope: "s".repeat(65) },
      [
        "Invalid value for field 'resource.ports[0]': '0'. Must be greater than or equal to 1",
        `Invalid value for field 'resource.scope': '${"s".repeat(65)}'. Must be at most 64 characters.`,
      ],
    ],
    [grpcRoutes, { hostnames: ["a:50051"], rules: [{ matches: [{ method: { grpcService: "s", grpcMethod: "m" } }] }] }, []],
    [
      grpcRoutes,
      {
        hostnames: ["a"],
        rules: [
          {
            matches: [{ method: { type: "REGULAR_EXPRESSION", grpcService: "(" }, headers: [{ key: "a b" }] }],
            action: { timeout: "-2s" },
          },
        ],
      },
      [
        `Invalid value for field '${rule}.matches[0].method.grpcService': '('. Must be a valid RE2 regular expression: missing closing ): '(' at position 0.`,
        `Invalid value for field '${rule}.matches[0].headers[0].key': 'a b'. Must be a valid HTTP header name.`,
        `Required field '${rule}.matches[0].headers[0].value' not specified`,
        `Invalid value for field '${rule}.action.timeout': '-2s'. Must not be negative.`,
      ],
    ],
    [
      tcpRoutes,
      { rules: [{ matches: [{ address: "10.0.0.1", port: "http" }, {}] }] },
      [
        `Invalid value for field '${rule}.matches[0].address': '10.0.0.1'. Must be an IPv4 range such as '10.0.0.1/32'.`,
        `Invalid value for field '${rule}.matches[0].port': 'http'. Must be from 1 to 65535.`,
        `Required field '${rule}.matches[1].address' not specified`,
        `Required field '${rule}.matches[1].port' not specified`,
      ],
    ],
    [tcpRoutes, {}, ["Required field 'resource.rules' not specified"]],
    [tlsRoutes, { rules: [{ matches: [{ sniHost: ["a"], alpn: ["h2"] }] }] }, []],
    [
      tlsRoutes,
      { rules: [{ matches: [{ alpn: ["1", "2", "3", "4", "5", "6"] }], action: { destinations: [{}] } }] },
      [
        `Invalid value for field '${rule}.matches[0].alpn': '6 items'. Must have at most 5 items.`,
        `Required field '${rule}.action.destinations[0].serviceName' not specified`,
      ],
    ],
    [endpointPolicies, {}, ["Required field 'resource.type' not specified", "Required field 'resource.endpointMatcher' not specified"]],
    [
      serviceLbPolicies,
      { failoverConfig: { failoverHealthThreshold: 100 } },
      ["Invalid value for field 'resource.failoverConfig.failoverHealthThreshold': '100'. Must be less than or equal to 99"],
    ],
    [
      serverTlsPolicies,
      { serverCertificate: {}, mtlsPolicy: { clientValidationCa: [{ grpcEndpoint: {} }] } },
      [
        "Required field 'resource.serverCertificate' not specified: exactly one of grpcEndpoint, certificateProviderInstance is needed",
        "Required field 'resource.mtlsPolicy.clientValidationCa[0].grpcEndpoint.targetUri' not specified",
      ],
    ],
    [
      clientTlsPolicies,
      { clientCertificate: { certificateProviderInstance: {} } },
      ["Required field 'resource.clientCertificate.certificateProviderInstance.pluginInstance' not specified"],
    ],
    [
      authorizationPolicies,
      { rules: [{ destinations: [{ httpHeaderMatch: {} }] }] },
      [
        "Required field 'resource.action' not specified",
        `Required field '${rule}.destinations[0].hosts' not specified`,
        `Required field '${rule}.destinations[0].ports' not specified`,
        `Required field '${rule}.destinations[0].httpHeaderMatch.headerName' not specified`,
        `Required field '${rule}.destinations[0].httpHeaderMatch.regexMatch' not specified`,
      ],
    ],
    [secrets, { name: "projects/p/secrets/Api_Key-1", replication: { automatic: {} }, labels: { a: "b" } }, []],
    [secrets, { name: "a.b" }, ["Invalid value for field 'resource.name': 'a.b'. Must be a match of regex '[A-Za-z0-9_-]{1,255}'"]],
    [meshSettings, { name: "m", tracing: { samplingRatio: 0.5 } }, []],
    [meshSettings, { name: "m", proxyLabels: { a: "b" }, paths: { mergeSlashes: true }, limits: { urlBytes: 1 } }, []],
    [
      meshSettings,
      { name: "m", limits: { requestHeaders: -1 } },
      ["Invalid value for field 'resource.limits.requestHeaders': '-1'. Must be greater than or equal to 0"],
    ],
    [
      meshSettings,
      { name: "m", tracing: { samplingRatio: 1.5 } },
      ["Invalid value for field 'resource.tracing.samplingRatio': '1.5'. Must be less than or equal to 1"],
    ],
  ];
  it.each(rows)("$kind %j", (kind, resource, messages) => {
    expect(faultsOf(kind, resource)).toEqual(messages);
  });

  it("fills a secret's replication and a mesh's sampling", () => {
    expect(secrets.defaults({})).toEqual({ replication: { automatic: {} } });
    expect(secrets.defaults({ replication: { userManaged: {} } })).toEqual({ replication: { userManaged: {} } });
    expect(meshSettings.defaults({ name: "m" })).toEqual({ name: "m", tracing: { samplingRatio: 1 } });
  });
});
