import { describe, expect, it } from "vitest";
import type { JsonObject } from "#base/json.ts";
import { forwardingRules } from "#model/compute/forwarding-rules.ts";
import { regions, zones } from "#model/compute/locations.ts";
import { targetGrpcProxies } from "#model/compute/target-grpc-proxies.ts";
import { targetHttpProxies } from "#model/compute/target-http-proxies.ts";
import type { Kind } from "#model/kind.ts";
import { faultsOf } from "../faults.ts";

const target = "global/targetHttpProxies/p";

describe("the way into a URL map", () => {
  const rows: readonly (readonly [Kind, JsonObject, readonly string[]])[] = [
    [forwardingRules, { name: "f", target, loadBalancingScheme: "INTERNAL_SELF_MANAGED", IPAddress: "0.0.0.0", portRange: "80" }, []],
    [forwardingRules, { name: "f", target, portRange: "80-80", labels: { team: "shop" } }, []],
    [forwardingRules, { name: "f", backendService: "b", ports: ["80"] }, []],
    [forwardingRules, { name: "f" }, ["Required field 'resource.target' not specified"]],
    [forwardingRules, { name: "f", target: "" }, ["Required field 'resource.target' not specified"]],
    [
      forwardingRules,
      { name: "f", target, backendService: "b" },
      ["Invalid value for field 'resource.backendService': 'b'. Only one of target, backendService may be specified."],
    ],
    ...["0", "90-80", "http", "80-70000"].map((portRange): [Kind, JsonObject, string[]] => [
      forwardingRules,
      { name: "f", target, portRange },
      [`Invalid value for field 'resource.portRange': '${portRange}'. Must be a port or a range of ports such as '80-90'.`],
    ]),
    [targetHttpProxies, { name: "p", urlMap: "global/urlMaps/m" }, []],
    [targetHttpProxies, { name: "p" }, ["Required field 'resource.urlMap' not specified"]],
    [targetGrpcProxies, { name: "p", urlMap: "m", validateForProxyless: true }, []],
    [targetGrpcProxies, { name: "p", urlMap: "" }, ["Required field 'resource.urlMap' not specified"]],
  ];
  it.each(rows)("$kind %j: %j", (kind, resource, messages) => {
    expect(faultsOf(kind, resource)).toEqual(messages);
  });

  it("refers to what it leads to", () => {
    expect(forwardingRules.references({ target })).toEqual([
      { field: "resource.target", value: target, collections: ["targetHttpProxies", "targetGrpcProxies"] },
    ]);
    expect(targetHttpProxies.references({ urlMap: "m" })).toEqual([{ field: "resource.urlMap", value: "m", collections: ["urlMaps"] }]);
  });
});

describe("zones and regions", () => {
  it("belong together, sorted and once", () => {
    expect(zones).toContainEqual({ name: "us-central1-a", region: "us-central1" });
    expect(zones.every(({ name, region }) => name.startsWith(`${region}-`) && regions.includes(region))).toBe(true);
    for (const names of [regions, zones.map(({ name }) => name)]) expect(names).toEqual([...new Set(names)].toSorted());
  });
});
