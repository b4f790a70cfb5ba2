import { describe, expect, it } from "vitest";
import type { JsonObject } from "#base/json.ts";
import { httpRoutes } from "#model/networkservices/http-routes.ts";
import { faultsOf } from "../faults.ts";

function route(rule: JsonObject): JsonObject {
  return { hostnames: ["cart.shop.mesh"], rules: [rule] };
}

const action = "resource.rules[0].action";
const match = "resource.rules[0].matches[0]";

describe("accepted, because Google accepts it", () => {
  const rows: readonly JsonObject[] = [
    route({}),
    {
      name: "r_1",
      hostnames: ["example", "*.foo.bar.com", "*.bar.com", "a.com:8080", "*"],
      meshes: ["projects/p/locations/global/meshes/m"],
      rules: [{}],
    },
    { name: "projects/p/locations/global/httpRoutes/r", hostnames: ["a"], rules: [{}] },
    route({
      action: {
        destinations: [
          { serviceName: "a", weight: 90 },
          { serviceName: "b", weight: 10 },
        ],
      },
    }),
    route({ action: { destinations: [{ serviceName: "a" }, { serviceName: "b" }] } }),
    route({ action: { directResponse: { status: 200, stringBody: "hello" } } }),
    route({ action: { redirect: { pathRedirect: "new-path", prefixRewrite: "new-prefix" }, urlRewrite: { hostRewrite: "h" } } }),
    route({ action: { retryPolicy: { retryConditions: ["server_error"], numRetries: 1, perTryTimeout: "1s" }, timeout: "0s" } }),
    route({ matches: [{ headers: [{ header: ":method", exactMatch: "GET" }], prefixMatch: "example" }] }),
    route({ matches: [{ headers: [{ header: "x", rangeMatch: { start: -1, end: 1 } }], ignoreCase: false, regexMatch: "a|b" }] }),
    route({ action: { requestHeaderModifier: { set: { "x-key": "{secret.key}" }, add: { a: "" }, remove: ["b"] } } }),
  ];
  it.each(rows)("%j", (resource) => {
    expect(faultsOf(httpRoutes, resource)).toEqual([]);
  });
});

describe("refused", () => {
  const hostWords = "Must be a fully qualified domain name, or '*.' followed by one; IP addresses are not allowed.";
  const rows: readonly (readonly [JsonObject, readonly string[]])[] = [
    [{}, ["Required field 'resource.hostnames' not specified", "Required field 'resource.rules' not specified"]],
    [
      { ...route({}), name: "Bad", labels: { "": "x" } },
      [
        "Invalid value for field 'resource.name': 'Bad'. Must be a match of regex '(?:[a-z](?:[-_a-z0-9]{0,61}[a-z0-9])?)'",
        "Invalid value for field 'resource.labels': ''. Label keys must be a match of regex '^[\\p{Ll}\\p{Lo}][\\p{Ll}\\p{Lo}\\p{N}_-]{0,62}$'",
      ],
    ],
    ...["10.0.0.1", "10.0.0.1:80", "a.*.com", "*a.com", "a..b", "a b", "", "http://a", `${"a.".repeat(130)}a`].map(
      (host): [JsonObject, string[]] => [
        { hostnames: [host], rules: [{}] },
        [`Invalid value for field 'resource.hostnames[0]': '${host.length > 200 ? `${host.slice(0, 200)}…` : host}'. ${hostWords}`],
      ],
    ),
    [
      { hostnames: ["a", "A"], rules: [{}] },
      ["Invalid value for field 'resource.hostnames[1]': 'A'. Hostname is specified more than once."],
    ],
    [
      route({ action: { destinations: [{ serviceName: "a", weight: 1 }, {}] } }),
      [
        `Invalid value for field '${action}.destinations': '1 of 2 with a weight'. Weights must be specified for all destinations or for none.`,
        `Required field '${action}.destinations[1].serviceName' not specified`,
      ],
    ],
    [
      route({ action: { destinations: [{ serviceName: "a" }], redirect: {}, directResponse: { status: 200 } } }),
      [
        `Invalid value for field '${action}': 'destinations, redirect, directResponse'. Only one of destinations, redirect, directResponse may be specified.`,
      ],
    ],
    [
      route({ action: { directResponse: { stringBody: "x".repeat(1025), bytesBody: "" } } }),
      [
        `Invalid value for field '${action}.directResponse': 'stringBody, bytesBody'. Only one of stringBody, bytesBody may be specified.`,
        `Required field '${action}.directResponse.status' not specified`,
        `Invalid value for field '${action}.directResponse.stringBody': '1025 characters'. Must be at most 1024 characters.`,
      ],
    ],
    [
      route({ action: { directResponse: { status: 199, bytesBody: "A".repeat(5464) } } }),
      [
        `Invalid value for field '${action}.directResponse.status': '199'. Must be greater than or equal to 200`,
        `Invalid value for field '${action}.directResponse.bytesBody': '4098 bytes'. Must be at most 4096 bytes.`,
      ],
    ],
    [
      route({ action: { timeout: "-1s", retryPolicy: { numRetries: 0 }, statefulSessionAffinity: { cookieTtl: "86401s" } } }),
      [
        `Invalid value for field '${action}.timeout': '-1s'. Must not be negative.`,
        `Invalid value for field '${action}.retryPolicy.numRetries': '0'. Must be greater than or equal to 1`,
        `Invalid value for field '${action}.statefulSessionAffinity.cookieTtl': '86401s'. Must not be longer than 86400s.`,
      ],
    ],
    [
      route({ action: { requestHeaderModifier: { set: { "a b": "x" }, add: { c: "x\u0000" }, remove: [""] } } }),
      [
        `Invalid value for field '${action}.requestHeaderModifier.set': 'a b'. Must be a valid HTTP header name.`,
        `Invalid value for field '${action}.requestHeaderModifier.add.c': '"x\\u0000"'. Must be a valid HTTP header value: no CR, LF or other control characters.`,
        `Required field '${action}.requestHeaderModifier.remove[0]' not specified`,
      ],
    ],
    [
      route({ matches: [{ prefixMatch: "/", fullPathMatch: "/", headers: [{ header: "a" }], queryParameters: [{ regexMatch: "[" }] }] }),
      [
        `Invalid value for field '${match}': 'fullPathMatch, prefixMatch'. Only one of fullPathMatch, prefixMatch, regexMatch may be specified.`,
        `Required field '${match}.headers[0]' not specified: exactly one of exactMatch, regexMatch, prefixMatch, suffixMatch, presentMatch, rangeMatch is needed`,
        `Required field '${match}.queryParameters[0].queryParameter' not specified`,
        `Invalid value for field '${match}.queryParameters[0].regexMatch': '['. Must be a valid RE2 regular expression: missing closing ]: '[' at position 0.`,
      ],
    ],
  ];
  it.each(rows)("%j", (resource, messages) => {
    expect(faultsOf(httpRoutes, resource)).toEqual(messages);
  });
});

describe("references", () => {
  it("are meshes, gateways and destinations, but not mirrors", () => {
    const resource = {
      meshes: ["m"],
      gateways: ["g"],
      rules: [{}, { action: { destinations: [{ serviceName: "a" }], requestMirrorPolicy: { destination: { serviceName: "new" } } } }],
    };
    expect(httpRoutes.references(resource)).toEqual([
      { field: "resource.meshes[0]", value: "m", collections: ["meshes"] },
      { field: "resource.gateways[0]", value: "g", collections: ["gateways"] },
      { field: "resource.rules[1].action.destinations[0].serviceName", value: "a", collections: ["backendServices"] },
    ]);
  });
});
