import { describe, expect, it } from "vitest";
import type { JsonObject } from "#base/json.ts";
import { healthChecks } from "#model/compute/health-checks.ts";
import { faultsOf } from "../faults.ts";

const http = { name: "h", type: "HTTP", httpHealthCheck: {} };

describe("health checks", () => {
  it("are filled in as Google does", () => {
    expect(healthChecks.defaults({ name: "h", httpsHealthCheck: { requestPath: "/up" } })).toEqual({
      name: "h",
      type: "HTTPS",
      checkIntervalSec: 5,
      timeoutSec: 5,
      healthyThreshold: 2,
      unhealthyThreshold: 2,
      httpsHealthCheck: { port: 443, requestPath: "/up", proxyHeader: "NONE" },
    });
    const serving = { type: "TCP", tcpHealthCheck: { portSpecification: "USE_SERVING_PORT" } };
    expect(healthChecks.defaults(serving)["tcpHealthCheck"]).toEqual({ portSpecification: "USE_SERVING_PORT", proxyHeader: "NONE" });
    expect(healthChecks.defaults({ type: "GRPC", grpcHealthCheck: { port: 5 } })["grpcHealthCheck"]).toEqual({ port: 5 });
  });

  const accepted: readonly JsonObject[] = [
    http,
    { name: "h", tcpHealthCheck: { port: 8080 } },
    { ...http, checkIntervalSec: 10, timeoutSec: 10 },
    { ...http, checkIntervalSec: "10", timeoutSec: "3" },
    { name: "h", type: "SSL", sslHealthCheck: { request: "a", response: "b" }, logConfig: { enable: true } },
    { name: "h", type: "GRPC", grpcHealthCheck: { grpcServiceName: "x", portSpecification: "USE_SERVING_PORT" } },
  ];
  it.each(accepted)("accepts %j", (resource) => {
    expect(faultsOf(healthChecks, resource)).toEqual([]);
  });

  const refused: readonly (readonly [JsonObject, string])[] = [
    [
      { ...http, name: "Bad_name" },
      "Invalid value for field 'resource.name': 'Bad_name'. Must be a match of regex '(?:[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?)'",
    ],
    [{ type: "HTTP", httpHealthCheck: {} }, "Required field 'resource.name' not specified"],
    [
      { ...http, timeoutSec: 6 },
      "Invalid value for field 'resource.timeoutSec': '6'. TimeoutSec should be less than or equal to checkIntervalSec (5).",
    ],
    [{ ...http, timeoutSec: 0 }, "Invalid value for field 'resource.timeoutSec': '0'. Must be greater than or equal to 1"],
    [{ ...http, unhealthyThreshold: 11 }, "Invalid value for field 'resource.unhealthyThreshold': '11'. Must be less than or equal to 10"],
    [{ name: "h" }, "Required field 'resource.type' not specified"],
    [{ name: "h", type: "TCP" }, "Required field 'resource.tcpHealthCheck' not specified"],
    [
      { ...http, tcpHealthCheck: { port: 1 } },
      `Invalid value for field 'resource.tcpHealthCheck': '{  "port": 1}'. Only httpHealthCheck may be specified for a health check of type HTTP.`,
    ],
    [
      { ...http, httpHealthCheck: { port: 70000 } },
      "Invalid value for field 'resource.httpHealthCheck.port': '70000'. Must be less than or equal to 65535",
    ],
    [
      { ...http, httpHealthCheck: { port: 80, portSpecification: "USE_SERVING_PORT" } },
      "Invalid value for field 'resource.httpHealthCheck.port': '80'. Must not be specified when portSpecification is USE_SERVING_PORT.",
    ],
    [
      { ...http, httpHealthCheck: { requestPath: "up" } },
      "Invalid value for field 'resource.httpHealthCheck.requestPath': 'up'. The path must start with '/'.",
    ],
    [
      { name: "h", tcpHealthCheck: { request: "x".repeat(1025) } },
      "Invalid value for field 'resource.tcpHealthCheck.request': '1025 characters'. Must be at most 1024 characters.",
    ],
  ];
  it.each(refused)("refuses %j", (resource, message) => {
    expect(faultsOf(healthChecks, resource)).toEqual([message]);
  });
});
