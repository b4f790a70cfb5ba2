import { describe, expect, it } from "vitest";
import type { JsonObject } from "#base/json.ts";
import { urlMaps } from "#model/compute/url-maps.ts";
import { faultsOf } from "../faults.ts";

const map = { name: "m", defaultService: "global/backendServices/b" };

function withMatcher(matcher: JsonObject): JsonObject {
  return { ...map, hostRules: [{ hosts: ["*"], pathMatcher: "p" }], pathMatchers: [{ name: "p", defaultService: "b", ...matcher }] };
}

function withPathRule(rule: JsonObject): JsonObject {
  return withMatcher({ pathRules: [{ paths: ["/a"], ...rule }] });
}

function withRouteRule(rule: JsonObject): JsonObject {
  return withMatcher({ routeRules: [{ priority: 1, matchRules: [{ prefixMatch: "/" }], service: "b", ...rule }] });
}

function withMatch(match: JsonObject): JsonObject {
  return withRouteRule({ matchRules: [match] });
}

const at = "resource.pathMatchers[0]";
const rule = `${at}.routeRules[0]`;
const match = `${rule}.matchRules[0]`;

describe("accepted, because Google accepts it", () => {
  const rows: readonly JsonObject[] = [
    map,
    { name: "m", defaultUrlRedirect: { httpsRedirect: true } },
    { name: "m", defaultRouteAction: { weightedBackendServices: [{ backendService: "b", weight: 1000 }] } },
    { ...map, defaultRouteAction: { weightedBackendServices: [{ backendService: "b", weight: 100 }] } },
    {
      ...map,
      hostRules: [{ hosts: ["a.example.com", "a.example.com:8080", "*.example.com", "*-x.example.com", "127.0.0.1"], pathMatcher: "p" }],
      pathMatchers: [{ name: "p", defaultService: "b" }],
    },
    withPathRule({ paths: ["/", "/*", "/a/*", "/a b", "/é"], service: "b" }),
    withPathRule({ service: "b", routeAction: { urlRewrite: { hostRewrite: "h", pathPrefixRewrite: "/p" } } }),
    withPathRule({ urlRedirect: { hostRedirect: "A host", pathRedirect: "some/path" } }),
    withMatch({ fullPathMatch: "a full path" }),
    withMatch({ regexMatch: "/v[0-9]+/(?P<name>.*)" }),
    withMatch({
      prefixMatch: "/",
      headerMatches: [
        { headerName: ":authority", exactMatch: "x" },
        { headerName: "PORT", rangeMatch: { rangeStart: -5, rangeEnd: "0" } },
      ],
    }),
    withMatch({ prefixMatch: "/", queryParameterMatches: [{ name: "a query parameter", presentMatch: true }] }),
    withRouteRule({
      priority: 0,
      routeAction: { retryPolicy: { retryConditions: ["5xx"], perTryTimeout: { seconds: "1" } }, timeout: { seconds: 0, nanos: 500 } },
    }),
    withRouteRule({ headerAction: { requestHeadersToAdd: [{ headerName: "Authorization", headerValue: "Bearer {secret.token}" }] } }),
    { ...map, tests: [{ host: "a", path: "/", service: "b", expectedOutputUrl: "http://a/" }] },
  ];
  it.each(rows)("%j", (resource) => {
    expect(faultsOf(urlMaps, resource)).toEqual([]);
  });
});

describe("refused: the map and its hosts", () => {
  const needed = "one of defaultService, defaultUrlRedirect, defaultRouteAction.weightedBackendServices is needed";
  const hostWords = "Must be a host name, with '*' only as its first character and followed by '-' or '.', or '*' alone.";
  const matchers = [{ name: "p", defaultService: "b" }];
  const rows: readonly (readonly [JsonObject, readonly string[]])[] = [
    [{ name: "m" }, [`Required field 'resource.defaultService' not specified: ${needed}`]],
    [
      { name: "m", defaultService: "", defaultRouteAction: { timeout: { seconds: 1 } } },
      [`Required field 'resource.defaultService' not specified: ${needed}`],
    ],
    [
      { ...map, defaultUrlRedirect: { stripQuery: true } },
      [
        `Invalid value for field 'resource.defaultUrlRedirect': '{  "stripQuery": true}'. If defaultUrlRedirect is specified, defaultService or defaultRouteAction must not be set.`,
      ],
    ],
    ...["*x.com", "a.*.com", "-a.com", "a/b", "a b", "", "*.", "a.com:x"].map((host): [JsonObject, string[]] => [
      { ...map, hostRules: [{ hosts: [host], pathMatcher: "p" }], pathMatchers: matchers },
      [`Invalid value for field 'resource.hostRules[0].hosts[0]': '${host}'. ${hostWords}`],
    ]),
    [
      {
        ...map,
        hostRules: [
          { hosts: ["a.com"], pathMatcher: "p" },
          { hosts: ["A.com"], pathMatcher: "q" },
        ],
        pathMatchers: matchers,
      },
      [
        "Invalid value for field 'resource.hostRules[1].hosts[0]': 'A.com'. Host is specified more than once in the URL map.",
        "Invalid value for field 'resource.hostRules[1].pathMatcher': 'q'. The URL map has no path matcher of that name.",
      ],
    ],
    [
      { ...map, hostRules: [{}] },
      ["Required field 'resource.hostRules[0].hosts' not specified", "Required field 'resource.hostRules[0].pathMatcher' not specified"],
    ],
    [
      {
        ...map,
        hostRules: [{ hosts: Array.from({ length: 101 }, (_, index) => `h${index}.com`), pathMatcher: "p" }],
        pathMatchers: matchers,
      },
      ["Invalid value for field 'resource.hostRules[0].hosts': '101 items'. Must have at most 100 items."],
    ],
    [
      { ...map, pathMatchers: [...matchers, ...matchers] },
      ["Invalid value for field 'resource.pathMatchers[1].name': 'p'. Names of path matchers must be unique."],
    ],
    [{ ...map, pathMatchers: [{ name: "p" }] }, [`Required field 'resource.pathMatchers[0].defaultService' not specified: ${needed}`]],
    [
      { ...map, tests: [{ path: "/", service: "b", expectedRedirectResponseCode: 301 }] },
      [
        "Required field 'resource.tests[0].host' not specified",
        "Invalid value for field 'resource.tests[0].expectedRedirectResponseCode': '301'. service cannot be specified together with expectedRedirectResponseCode.",
      ],
    ],
    [{ ...map, defaultService: "a b" }, ["Invalid value for field 'resource.defaultService': 'a b'. The URL is malformed."]],
  ];
  it.each(rows)("%j", (resource, messages) => {
    expect(faultsOf(urlMaps, resource)).toEqual(messages);
  });
});

it("refuses a map of more than 512 KiB", () => {
  expect(faultsOf(urlMaps, { ...map, description: "x".repeat(524_288) })).toEqual([
    "Invalid value for field 'resource': '524361 bytes'. A URL map must be at most 524288 bytes.",
  ]);
});

describe("refused: rules", () => {
  const pathWords = "Paths must start with '/', may have '*' only at the end after '/', and neither '?' nor '#'.";
  const ways = "service, urlRedirect, routeAction.weightedBackendServices";
  const rows: readonly (readonly [JsonObject, readonly string[]])[] = [
    ...["a", "", "/a*", "/*/a", "/a?b", "/a#b", "/**"].map((path): [JsonObject, string[]] => [
      withPathRule({ paths: [path], service: "b" }),
      [`Invalid value for field '${at}.pathRules[0].paths[0]': '${path}'. ${pathWords}`],
    ]),
    [withPathRule({ paths: [], service: "b" }), [`Required field '${at}.pathRules[0].paths' not specified`]],
    [
      withPathRule({ paths: ["/a", "/a"], service: "b" }),
      [`Invalid value for field '${at}.pathRules[0].paths[1]': '/a'. Path is specified more than once in the path matcher.`],
    ],
    [withPathRule({}), [`Required field '${at}.pathRules[0].service' not specified: one of ${ways} is needed`]],
    [
      withPathRule({ service: "b", urlRedirect: {}, routeAction: { weightedBackendServices: [{ backendService: "b" }] } }),
      [`Invalid value for field '${at}.pathRules[0]': '${ways}'. Only one of ${ways} may be specified.`],
    ],
    [
      withMatcher({ pathRules: [{ paths: ["/a"], service: "b" }], routeRules: [{ matchRules: [{ prefixMatch: "/" }], service: "b" }] }),
      [`Invalid value for field '${at}': 'p'. Only one of pathRules or routeRules may be specified in a path matcher.`],
    ],
    [
      withMatcher({ routeRules: [0, "0", -1].map((priority) => ({ priority, matchRules: [{ prefixMatch: "/" }], service: "b" })) }),
      [
        `Invalid value for field '${at}.routeRules[1].priority': '0'. Priorities must be unique within a path matcher.`,
        `Invalid value for field '${at}.routeRules[2].priority': '-1'. Must be greater than or equal to 0`,
      ],
    ],
    [withRouteRule({ service: "" }), [`Required field '${rule}.service' not specified: one of ${ways} is needed`]],
    [
      withRouteRule({ service: "", urlRedirect: { pathRedirect: "/a", prefixRedirect: "/b" } }),
      [
        `Invalid value for field '${rule}.urlRedirect': 'pathRedirect, prefixRedirect'. Only one of pathRedirect, prefixRedirect may be specified.`,
      ],
    ],
  ];
  it.each(rows)("%j", (resource, messages) => {
    expect(faultsOf(urlMaps, resource)).toEqual(messages);
  });
});

describe("refused: predicates", () => {
  const tests = "prefixMatch, fullPathMatch, regexMatch, pathTemplateMatch";
  const headerTests = "exactMatch, prefixMatch, suffixMatch, regexMatch, presentMatch, rangeMatch";
  const rows: readonly (readonly [JsonObject, readonly string[]])[] = [
    [withMatch({}), [`Required field '${match}' not specified: exactly one of ${tests} is needed`]],
    [
      withMatch({ prefixMatch: "/", regexMatch: "a" }),
      [`Invalid value for field '${match}': 'prefixMatch, regexMatch'. Only one of ${tests} may be specified.`],
    ],
    [withMatch({ fullPathMatch: "" }), [`Invalid value for field '${match}.fullPathMatch': ''. Must be from 1 to 1024 characters.`]],
    [
      withMatch({ regexMatch: "/a(b" }),
      [
        `Invalid value for field '${match}.regexMatch': '/a(b'. Must be a valid RE2 regular expression: missing closing ): '/a(b' at position 0.`,
      ],
    ],
    [
      withMatch({ regexMatch: "/(?=x)" }),
      [
        `Invalid value for field '${match}.regexMatch': '/(?=x)'. Must be a valid RE2 regular expression: invalid or unsupported Perl syntax: '(?=' at position 1.`,
      ],
    ],
    [
      withMatch({ regexMatch: "a", ignoreCase: true }),
      [`Invalid value for field '${match}.ignoreCase': 'true'. ignoreCase must not be used with regexMatch.`],
    ],
    [
      withMatch({ prefixMatch: "/", headerMatches: [{ exactMatch: "x" }, { headerName: "a b", presentMatch: true }, { headerName: "a" }] }),
      [
        `Required field '${match}.headerMatches[0].headerName' not specified`,
        `Invalid value for field '${match}.headerMatches[1].headerName': 'a b'. Must be a valid HTTP header name.`,
        `Required field '${match}.headerMatches[2]' not specified: exactly one of ${headerTests} is needed`,
      ],
    ],
    [
      withMatch({ prefixMatch: "/", queryParameterMatches: [{ exactMatch: "x", regexMatch: "*" }] }),
      [
        `Required field '${match}.queryParameterMatches[0].name' not specified`,
        `Invalid value for field '${match}.queryParameterMatches[0]': 'exactMatch, regexMatch'. Only one of exactMatch, regexMatch, presentMatch may be specified.`,
        `Invalid value for field '${match}.queryParameterMatches[0].regexMatch': '*'. Must be a valid RE2 regular expression: missing argument to repetition operator: '*' at position 0.`,
      ],
    ],
    [
      withMatch({ prefixMatch: "/", metadataFilters: [{}] }),
      [
        `Required field '${match}.metadataFilters[0].filterMatchCriteria' not specified`,
        `Required field '${match}.metadataFilters[0].filterLabels' not specified`,
      ],
    ],
    [
      withMatch({ pathTemplateMatch: "/a/{b" }),
      [`Invalid value for field '${match}.pathTemplateMatch': '/a/{b'. Must be a valid path template: '{' is not closed.`],
    ],
    [
      withMatch({ regexMatch: "/([a-z]{1,50}){1,20}" }),
      [
        expect.stringMatching(
          /^Invalid value for field '.*regexMatch': .* The expression is too complex: its RE2 program size is \d+, at most 100 is allowed\.$/,
        ) as string,
      ],
    ],
  ];
  it.each(rows)("%j", (resource, messages) => {
    expect(faultsOf(urlMaps, resource)).toEqual(messages);
  });
});

describe("refused: actions", () => {
  const action = `${rule}.routeAction`;
  const conditions =
    "5xx, gateway-error, connect-failure, retriable-4xx, refused-stream, cancelled, deadline-exceeded, internal, resource-exhausted, unavailable";
  const rows: readonly (readonly [JsonObject, readonly string[]])[] = [
    [
      withRouteRule({
        matchRules: [{ pathTemplateMatch: "/a/{b}" }, { prefixMatch: "/c" }],
        routeAction: { urlRewrite: { pathTemplateRewrite: "/{b}" } },
      }),
      [
        `Invalid value for field '${action}.urlRewrite.pathTemplateRewrite': '/{b}'. Must be a valid rewrite: the path template has no variable 'b'.`,
      ],
    ],
    [
      withRouteRule({ service: "", routeAction: { weightedBackendServices: [{ weight: 1001 }] } }),
      [
        `Required field '${action}.weightedBackendServices[0].backendService' not specified`,
        `Invalid value for field '${action}.weightedBackendServices[0].weight': '1001'. Must be less than or equal to 1000`,
      ],
    ],
    [
      withRouteRule({ routeAction: { retryPolicy: { numRetries: 0, retryConditions: ["5xx", "always"] } } }),
      [
        `Invalid value for field '${action}.retryPolicy.numRetries': '0'. Must be greater than or equal to 1`,
        `Invalid value for field '${action}.retryPolicy.retryConditions[1]': 'always'. Must be one of ${conditions}.`,
      ],
    ],
    [
      withRouteRule({ routeAction: { timeout: { seconds: "-1", nanos: 1_000_000_000 } } }),
      [
        `Invalid value for field '${action}.timeout.seconds': '-1'. Must be greater than or equal to 0`,
        `Invalid value for field '${action}.timeout.nanos': '1000000000'. Must be less than or equal to 999999999`,
      ],
    ],
    [
      withRouteRule({ routeAction: { faultInjectionPolicy: { abort: { httpStatus: 600, percentage: 101 } } } }),
      [
        `Invalid value for field '${action}.faultInjectionPolicy.abort.httpStatus': '600'. Must be less than or equal to 599`,
        `Invalid value for field '${action}.faultInjectionPolicy.abort.percentage': '101'. Must be less than or equal to 100`,
      ],
    ],
    [
      withRouteRule({ routeAction: { urlRewrite: { pathPrefixRewrite: "/a", pathTemplateRewrite: "/b" }, requestMirrorPolicy: {} } }),
      [
        `Invalid value for field '${action}.urlRewrite': 'pathPrefixRewrite, pathTemplateRewrite'. Only one of pathPrefixRewrite, pathTemplateRewrite may be specified.`,
        `Required field '${action}.requestMirrorPolicy.backendService' not specified`,
      ],
    ],
    [
      withRouteRule({
        headerAction: {
          requestHeadersToAdd: [{ headerName: "a", headerValue: "x\ny" }, { headerValue: "{secret.a b}" }],
          responseHeadersToRemove: ["b c"],
        },
      }),
      [
        `Invalid value for field '${rule}.headerAction.requestHeadersToAdd[0].headerValue': '"x\\ny"'. Must be a valid HTTP header value: no CR, LF or other control characters.`,
        `Required field '${rule}.headerAction.requestHeadersToAdd[1].headerName' not specified`,
        `Invalid value for field '${rule}.headerAction.requestHeadersToAdd[1].headerValue': '{secret.a b}'. A secret is written {secret.NAME}, NAME being 1 to 255 letters, digits, '_' or '-'.`,
        `Invalid value for field '${rule}.headerAction.responseHeadersToRemove[0]': 'b c'. Must be a valid HTTP header name.`,
      ],
    ],
  ];
  it.each(rows)("%j", (resource, messages) => {
    expect(faultsOf(urlMaps, resource)).toEqual(messages);
  });
});

describe("references", () => {
  it("are the services of every level, of mirrors and of tests", () => {
    const action = (name: string): JsonObject => ({
      weightedBackendServices: [{ backendService: `w-${name}` }],
      requestMirrorPolicy: { backendService: `m-${name}` },
    });
    const resource = {
      defaultService: "a",
      defaultRouteAction: action("a"),
      pathMatchers: [
        {
          defaultService: "b",
          defaultRouteAction: action("b"),
          pathRules: [{ service: "c" }],
          routeRules: [{ service: "d", routeAction: action("d") }],
        },
      ],
      tests: [{ service: "e" }],
    };
    const references = urlMaps.references(resource);
    expect(references.map(({ value }) => value)).toEqual(["a", "w-a", "m-a", "b", "w-b", "m-b", "c", "d", "w-d", "m-d", "e"]);
    expect(references[8]).toEqual({
      field: `${rule}.routeAction.weightedBackendServices[0].backendService`,
      value: "w-d",
      collections: ["backendServices"],
    });
  });
});
