import { describe, expect, it } from "vitest";
import type { Json } from "#base/json.ts";
import { conform } from "#model/conform.ts";

function messages(message: string, value: Json): string[] {
  return conform(message, value).faults.map((fault) => fault.message);
}

describe("what is read", () => {
  const rows: readonly (readonly [string, string, Json, Json])[] = [
    ["keeps what is right", "UrlMap", { name: "m", hostRules: [{ hosts: ["a"] }] }, { name: "m", hostRules: [{ hosts: ["a"] }] }],
    [
      "snake_case names",
      "UrlMap",
      { default_service: "s", host_rules: [{ path_matcher: "p" }] },
      { defaultService: "s", hostRules: [{ pathMatcher: "p" }] },
    ],
    [
      "snake_case of odd names",
      "ForwardingRule",
      { ip_address: "1.2.3.4", ip_protocol: "TCP" },
      { IPAddress: "1.2.3.4", IPProtocol: "TCP" },
    ],
    ["snake_case of an abbreviation", "BackendService", { enable_cdn: true }, { enableCDN: true }],
    ["a message where a list is expected", "UrlMap", { hostRules: { hosts: "a" } }, { hostRules: [{ hosts: ["a"] }] }],
    ["an empty list", "UrlMap", { hostRules: [] }, { hostRules: [] }],
    ["no nulls", "UrlMap", { name: "m", description: null, hostRules: [{ hosts: null }] }, { name: "m", hostRules: [{}] }],
    [
      "numbers as text, as they are",
      "BackendService",
      { timeoutSec: "30", backends: [{ capacityScaler: "0.5" }] },
      { timeoutSec: "30", backends: [{ capacityScaler: "0.5" }] },
    ],
    [
      "64-bit integers as text or number",
      "HttpRouteRuleMatch",
      { headerMatches: [{ rangeMatch: { rangeStart: "-5", rangeEnd: 9 } }] },
      { headerMatches: [{ rangeMatch: { rangeStart: "-5", rangeEnd: 9 } }] },
    ],
    ["flags as text", "ServerTlsPolicy", { allowOpen: "false" }, { allowOpen: "false" }],
    ["enum names in any case", "HealthCheck", { type: "http" }, { type: "HTTP" }],
    [
      "maps with their keys",
      "HttpRoute",
      { labels: { snake_key: "v", constructor: "c" } },
      { labels: { snake_key: "v", constructor: "c" } },
    ],
    ["durations", "HttpRoute.RouteAction", { timeout: "1.5s" }, { timeout: "1.5s" }],
    [
      "fields that are not obeyed",
      "BackendService",
      { iap: { enabled: true }, cdnPolicy: { cacheMode: "USE_ORIGIN_HEADERS" } },
      { iap: { enabled: true }, cdnPolicy: { cacheMode: "USE_ORIGIN_HEADERS" } },
    ],
  ];
  it.each(rows)("%s", (...[, message, given, expected]) => {
    expect(conform(message, given)).toEqual({ value: expected, faults: [] });
  });
});

describe("what is refused", () => {
  const rows: readonly (readonly [string, Json, readonly string[]])[] = [
    ["UrlMap", { colour: "red" }, [`Invalid JSON payload received. Unknown name "colour" at 'resource': Cannot find field.`]],
    [
      "UrlMap",
      { pathMatchers: [{}, { routeRules: [{ prio: 1 }] }] },
      [`Invalid JSON payload received. Unknown name "prio" at 'resource.pathMatchers[1].routeRules[0]': Cannot find field.`],
    ],
    [
      "UrlMap",
      { default_Service: "s" },
      [`Invalid JSON payload received. Unknown name "default_Service" at 'resource': Cannot find field.`],
    ],
    [
      "UrlMap",
      { constructor: { prototype: {} } },
      [`Invalid JSON payload received. Unknown name "constructor" at 'resource': Cannot find field.`],
    ],
    ["BackendService", { timeoutSec: "abc" }, [`Invalid value at 'resource.timeoutSec' (TYPE_INT32), "abc"`]],
    ["BackendService", { timeoutSec: 2147483648 }, [`Invalid value at 'resource.timeoutSec' (TYPE_INT32), 2147483648`]],
    ["BackendService", { timeoutSec: 1.5 }, [`Invalid value at 'resource.timeoutSec' (TYPE_INT32), 1.5`]],
    ["BackendService", { enableCDN: "yes" }, [`Invalid value at 'resource.enableCDN' (TYPE_BOOL), "yes"`]],
    ["BackendService", { name: 5 }, [`Invalid value at 'resource.name' (TYPE_STRING), 5`]],
    ["BackendService", { protocol: "SMTP" }, [`Invalid value at 'resource.protocol' (TYPE_ENUM), "SMTP"`]],
    ["BackendService", { backends: ["x"] }, [`Invalid value at 'resource.backends[0]' (Backend), "x"`]],
    ["BackendService", { healthChecks: [null] }, [`Invalid value at 'resource.healthChecks[0]' (TYPE_STRING), null`]],
    [
      "BackendService",
      { name: ["x"] },
      [`Invalid JSON payload received. Unknown name "name" at 'resource': Proto field is not repeating, cannot start list.`],
    ],
    [
      "HttpRoute.RouteAction",
      { timeout: "30" },
      [`Invalid value at 'resource.timeout' (type.googleapis.com/google.protobuf.Duration), "30"`],
    ],
    ["HttpRoute.HttpDirectResponse", { bytesBody: "!" }, [`Invalid value at 'resource.bytesBody' (TYPE_BYTES), "!"`]],
    [
      "Secret",
      { expireTime: "tomorrow" },
      [`Invalid value at 'resource.expireTime' (type.googleapis.com/google.protobuf.Timestamp), "tomorrow"`],
    ],
    ["HttpRoute", { labels: ["a"] }, [`Invalid value at 'resource.labels' (map), ["a"]`]],
    ["UrlMap", [], [`Invalid value at 'resource' (UrlMap), []`]],
    ["UrlMap", "text", [`Invalid value at 'resource' (UrlMap), "text"`]],
    ["UrlMap", null, [`Invalid value at 'resource' (UrlMap), null`]],
  ];
  it.each(rows)("%s %j", (message, given, expected) => {
    expect(messages(message, given)).toEqual(expected);
  });

  it("reports everything at once, with the path of each field", () => {
    const { faults } = conform("UrlMap", { nmae: "x", hostRules: [{ hosts: [1] }], description: {} }, "urlMap");
    expect(faults.map(({ field }) => field)).toEqual(["urlMap.nmae", "urlMap.hostRules[0].hosts[0]", "urlMap.description"]);
  });

  it("refuses a field that is given in two spellings", () => {
    expect(messages("UrlMap", { defaultService: "a", default_service: "b" })).toEqual([
      `Invalid JSON payload received. Unknown name "default_service" at 'resource': Field defaultService is given twice; keep one of the spellings.`,
    ]);
  });

  it("refuses __proto__ in messages and maps and pollutes nothing", () => {
    const hostile = JSON.parse(`{"__proto__": {"polluted": true}, "labels": {"__proto__": "x"}}`) as Json;
    const { value, faults } = conform("HttpRoute", hostile);
    expect(faults.map(({ message }) => message)).toEqual([
      `Invalid JSON payload received. Unknown name "__proto__" at 'resource': Cannot find field.`,
      `Invalid JSON payload received. Unknown name "__proto__" at 'resource.labels': Cannot find field.`,
    ]);
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  it("shows long values in part", () => {
    expect(messages("BackendService", { timeoutSec: "x".repeat(10_000) })[0]?.length).toBeLessThan(300);
  });
});
