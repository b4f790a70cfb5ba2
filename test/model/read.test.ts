/** One form for what Google's leniency lets in: what a kind reads of a stored resource. */
import { expect, it } from "vitest";
import type { JsonObject } from "#base/json.ts";
import { backendServices } from "#model/compute/backend-services.ts";
import { instanceGroupManagers } from "#model/compute/instance-group-managers.ts";
import { urlMaps } from "#model/compute/url-maps.ts";
import type { Kind } from "#model/kind.ts";
import { httpRoutes } from "#model/networkservices/http-routes.ts";

const action = (given: JsonObject): JsonObject => ({ rules: [{ action: given }] });
const routed = (given: JsonObject): JsonObject => ({ pathMatchers: [{ routeRules: [given] }] });

const rows: readonly (readonly [what: string, kind: Kind, given: JsonObject, read: JsonObject])[] = [
  ["a number that came as text", instanceGroupManagers, { targetSize: "3" }, { targetSize: 3 }],
  ["a fraction that came as text", backendServices, { backends: [{ capacityScaler: "0.5" }] }, { backends: [{ capacityScaler: 0.5 }] }],
  [
    "flags that came as text",
    urlMaps,
    routed({ matchRules: [{ ignoreCase: "true" }, { ignoreCase: "false" }] }),
    routed({ matchRules: [{ ignoreCase: true }, { ignoreCase: false }] }),
  ],
  [
    "a 64-bit integer as text, whichever way it came",
    urlMaps,
    routed({ matchRules: [{ headerMatches: [{ rangeMatch: { rangeStart: 5, rangeEnd: "9007199254740993" } }] }] }),
    routed({ matchRules: [{ headerMatches: [{ rangeMatch: { rangeStart: "5", rangeEnd: "9007199254740993" } }] }] }),
  ],
  [
    "base64 of the URL alphabet, without padding",
    httpRoutes,
    action({ directResponse: { bytesBody: "_-8" } }),
    action({ directResponse: { bytesBody: "/+8=" } }),
  ],
  [
    "fields that nothing looks at, as they are",
    urlMaps,
    { id: "7", defaultRouteAction: { cachePolicy: { cacheMode: "60", negativeCaching: "true" } } },
    { id: "7", defaultRouteAction: { cachePolicy: { cacheMode: "60", negativeCaching: "true" } } },
  ],
  ["no field of what conform would refuse", httpRoutes, { hostnames: ["a"], rules: "none" }, {}],
];

it.each(rows)("reads %s", (_, kind, given, read) => {
  expect(kind.read(given)).toEqual(read);
});

it("reads an object once", () => {
  const stored: JsonObject = { hostnames: ["a.mesh"] };
  expect(httpRoutes.read(stored)).toBe(httpRoutes.read(stored));
  expect(httpRoutes.read({ ...stored })).not.toBe(httpRoutes.read(stored));
});
