/** The tests that a URL map carries: what passes, what fails, and what a failure says. */
import { expect, test } from "vitest";
import type { JsonObject } from "#base/json.ts";
import { compileUrlMap, runUrlMapTests } from "#control/validate/url-map-tests.ts";
import { readSnapshot, writeSnapshot } from "#ir/codec.ts";

const url = (name: string): string => `https://www.googleapis.com/compute/v1/projects/p/global/backendServices/${name}`;

const shop: JsonObject = {
  name: "shop",
  defaultService: url("web"),
  hostRules: [{ hosts: ["Cart.shop.mesh", "*.cart.mesh"], pathMatcher: "cart" }],
  pathMatchers: [
    {
      name: "cart",
      defaultService: url("cart"),
      routeRules: [
        {
          priority: 1,
          matchRules: [{ prefixMatch: "/api/", headerMatches: [{ headerName: "x-user", exactMatch: "tester, again" }] }],
          service: url("beta"),
          routeAction: { urlRewrite: { pathPrefixRewrite: "/v2/", hostRewrite: "Beta.internal" } },
        },
        {
          priority: 2,
          matchRules: [{ prefixMatch: "/split" }],
          routeAction: {
            weightedBackendServices: [
              { backendService: url("cart"), weight: 5 },
              { backendService: url("beta"), weight: 95 },
              { backendService: url("off"), weight: 0 },
            ],
          },
        },
        { priority: 3, matchRules: [{ prefixMatch: "/secure" }], urlRedirect: { httpsRedirect: true, stripQuery: true } },
        { priority: 4, matchRules: [{ prefixMatch: "/old" }], urlRedirect: { pathRedirect: "/new", redirectResponseCode: "FOUND" } },
      ],
    },
  ],
};

const cart = { host: "cart.shop.mesh" };
const asTester = {
  headers: [
    { name: "X-User", value: "tester" },
    { name: "x-user", value: "again" },
  ],
};

const passing: Record<string, JsonObject> = {
  "the default of the map": { host: "elsewhere.mesh", path: "/", service: url("web") },
  "a partial reference": { host: "elsewhere.mesh", path: "/", service: "global/backendServices/web" },
  "a bare name": { host: "elsewhere.mesh", path: "/", service: "web" },
  "another project, as in exported files": { host: "x.mesh", path: "/", service: url("web").replace("/p/", "/another/") },
  "a wildcard host": { host: "a.cart.mesh", path: "/", service: url("cart") },
  "header lines of one name joined": { ...cart, ...asTester, path: "/api/items", service: url("beta") },
  "what the backend gets": {
    ...cart,
    ...asTester,
    path: "/api/items?page=2",
    service: url("beta"),
    expectedOutputUrl: "http://beta.internal/v2/items?page=2",
  },
  "what the backend gets, whatever the scheme": {
    ...cart,
    ...asTester,
    path: "/api/",
    service: url("beta"),
    expectedOutputUrl: "https://beta.internal/v2/",
  },
  "the small share": { ...cart, path: "/split", service: url("cart") },
  "the large share": { ...cart, path: "/split", service: url("beta") },
  "a redirect to https": {
    ...cart,
    path: "/secure?a=1",
    expectedOutputUrl: "https://cart.shop.mesh/secure",
    expectedRedirectResponseCode: 301,
  },
  "a redirect that keeps the scheme": { ...cart, path: "/old", expectedOutputUrl: "https://cart.shop.mesh/new" },
  "a redirect's code alone": { ...cart, path: "/old", expectedRedirectResponseCode: 302 },
};

test.each(Object.entries(passing))("%s passes", (_, given) => {
  expect(runUrlMapTests({ ...shop, tests: [given] })).toEqual({ loadErrors: [], testFailures: [] });
});

const failing: Record<string, readonly [given: JsonObject, failure: JsonObject]> = {
  "another service": [
    { description: "d", host: "elsewhere.mesh", path: "/", service: url("cart") },
    {
      host: "elsewhere.mesh",
      path: "/",
      expectedService: url("cart"),
      actualService: url("web"),
      actualOutputUrl: "http://elsewhere.mesh/",
    },
  ],
  "a service without a share, told which one gets most": [
    { ...cart, path: "/split", service: "off" },
    { ...cart, path: "/split", expectedService: "off", actualService: "beta", actualOutputUrl: "http://cart.shop.mesh/split" },
  ],
  "a header that is missing": [
    { ...cart, path: "/api/items", headers: [{ name: "x-user", value: "tester" }], service: url("beta") },
    {
      ...cart,
      path: "/api/items",
      headers: [{ name: "x-user", value: "tester" }],
      expectedService: url("beta"),
      actualService: url("cart"),
      actualOutputUrl: "http://cart.shop.mesh/api/items",
    },
  ],
  "http where the map redirects to https": [
    { ...cart, path: "/secure", expectedOutputUrl: "http://cart.shop.mesh/secure", expectedRedirectResponseCode: 301 },
    {
      ...cart,
      path: "/secure",
      expectedOutputUrl: "http://cart.shop.mesh/secure",
      actualOutputUrl: "https://cart.shop.mesh/secure",
      expectedRedirectResponseCode: 301,
      actualRedirectResponseCode: 301,
    },
  ],
  "a query that the redirect strips": [
    { ...cart, path: "/secure?a=1", expectedOutputUrl: "https://cart.shop.mesh/secure?a=1" },
    {
      ...cart,
      path: "/secure?a=1",
      expectedOutputUrl: "https://cart.shop.mesh/secure?a=1",
      actualOutputUrl: "https://cart.shop.mesh/secure",
      actualRedirectResponseCode: 301,
    },
  ],
  "another code": [
    { ...cart, path: "/old", expectedRedirectResponseCode: 301 },
    {
      ...cart,
      path: "/old",
      actualOutputUrl: "http://cart.shop.mesh/new",
      expectedRedirectResponseCode: 301,
      actualRedirectResponseCode: 302,
    },
  ],
  "a service where the map redirects": [
    { ...cart, path: "/old", service: url("cart") },
    {
      ...cart,
      path: "/old",
      expectedService: url("cart"),
      actualOutputUrl: "http://cart.shop.mesh/new",
      actualRedirectResponseCode: 302,
    },
  ],
  "a redirect where the map routes": [
    { host: "elsewhere.mesh", path: "/", expectedRedirectResponseCode: 301 },
    {
      host: "elsewhere.mesh",
      path: "/",
      actualService: "global/backendServices/web",
      actualOutputUrl: "http://elsewhere.mesh/",
      expectedRedirectResponseCode: 301,
    },
  ],
};

test.each(Object.entries(failing))("%s fails", (_, [given, failure]) => {
  expect(runUrlMapTests({ ...shop, tests: [given] })).toEqual({ loadErrors: [], testFailures: [failure] });
});

test("failures come in the order of the tests, without those that pass", () => {
  const wrong = (path: string): JsonObject => ({ host: "elsewhere.mesh", path, service: url("cart") });
  const right = { host: "elsewhere.mesh", path: "/right", service: url("web") };
  const { testFailures } = runUrlMapTests({ ...shop, tests: [wrong("/a"), right, wrong("/b")] });
  expect(testFailures.map(({ path }) => path)).toEqual(["/a", "/b"]);
});

test("a map without tests passes, one that no proxy would take does not load", () => {
  expect(runUrlMapTests(shop)).toEqual({ loadErrors: [], testFailures: [] });
  const { loadErrors, testFailures } = runUrlMapTests({
    defaultService: url("web"),
    hostRules: [{ hosts: ["a.mesh"], pathMatcher: "a" }],
    pathMatchers: [
      { name: "a", defaultService: url("web"), routeRules: [{ priority: 7, matchRules: [{ regexMatch: "(?=x)" }], service: url("web") }] },
    ],
    tests: [{ host: "elsewhere.mesh", path: "/", service: url("cart") }],
  });
  expect(testFailures).toEqual([]);
  expect(loadErrors).toHaveLength(1);
  expect(loadErrors[0]).toContain("(?=x)");
});

test("a whole map is one snapshot that a proxy reads: every host, clusters without endpoints", () => {
  const snapshot = compileUrlMap("p", shop);
  expect(readSnapshot(writeSnapshot(snapshot))).toEqual({ snapshot });
  expect(snapshot.virtualHosts.map(({ hosts }) => hosts)).toEqual([["cart.shop.mesh"], ["*.cart.mesh"], ["*"]]);
  expect(Object.keys(snapshot.clusters).toSorted((a, b) => (a < b ? -1 : 1))).toEqual(["beta", "cart", "off", "web"]);
  expect(Object.values(snapshot.clusters).flatMap(({ groups }) => groups)).toEqual([]);
});
