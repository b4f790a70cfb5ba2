/** Which services there are, and who has a host that two resources claim. */
import { expect, test } from "vitest";
import { serviceTable, serviceTableCollections } from "#control/compiler/services.ts";
import { collectionOf, recordingView, type ResourceView } from "#control/compiler/view.ts";
import type { JsonObject } from "#base/json.ts";
import { projectOf } from "./project-file.ts";

const route = (...hostnames: string[]): JsonObject => ({
  meshes: ["projects/demo/locations/global/meshes/shop"],
  hostnames,
  rules: [{ action: { directResponse: { status: 200 } } }],
});

/** The same resources, with other times of creation. */
function createdAt(view: ResourceView, times: Readonly<Record<string, number>>): ResourceView {
  return {
    ...view,
    list: (name) => view.list(name).map((stored) => ({ ...stored, createdAtMs: times[stored.key] ?? stored.createdAtMs })),
  };
}

const a = "locations/global/httpRoutes/a";
const b = "locations/global/httpRoutes/b";

test.each([
  { what: "the older one, whatever its name", times: { [a]: 20, [b]: 10 }, owner: b, ignored: a },
  { what: "of two of one millisecond, the first by key", times: { [a]: 10, [b]: 10 }, owner: a, ignored: b },
])("a host belongs to $what", ({ times, owner, ignored }) => {
  const view = createdAt(projectOf({ resources: { [b]: route("shop.mesh", "b.mesh"), [a]: route("SHOP.mesh") } }), times);
  const { entries, conflicts } = serviceTable(view);
  expect(entries).toEqual([
    { service: "b.mesh", owner: b },
    { service: "shop.mesh", owner },
  ]);
  expect(conflicts).toEqual([{ service: "shop.mesh", owner, ignored }]);
});

test("a map that two forwarding rules reach claims its hosts once", () => {
  const rule = (target: string): JsonObject => ({
    loadBalancingScheme: "INTERNAL_SELF_MANAGED",
    IPAddress: "0.0.0.0",
    portRange: "80",
    network: "projects/demo/global/networks/default",
    target,
  });
  const view = projectOf({
    resources: {
      "global/backendServices/web": {},
      "global/urlMaps/shop": { defaultService: "projects/demo/global/backendServices/web" },
      "global/targetHttpProxies/one": { urlMap: "projects/demo/global/urlMaps/shop" },
      "global/targetHttpProxies/two": { urlMap: "projects/demo/global/urlMaps/shop" },
      "global/forwardingRules/one": rule("projects/demo/global/targetHttpProxies/one"),
      "global/forwardingRules/two": rule("projects/demo/global/targetHttpProxies/two"),
    },
  });
  expect(serviceTable(view)).toEqual({ entries: [{ service: "*", owner: "global/urlMaps/shop" }], conflicts: [] });
});

test("the table is made of nothing but the collections that it names", () => {
  const view = projectOf({
    resources: {
      "global/urlMaps/shop": { defaultService: "projects/demo/global/backendServices/web" },
      "global/targetHttpProxies/shop": { urlMap: "projects/demo/global/urlMaps/shop" },
      "global/forwardingRules/shop": {
        loadBalancingScheme: "INTERNAL_SELF_MANAGED",
        IPAddress: "0.0.0.0",
        portRange: "80",
        network: "projects/demo/global/networks/default",
        target: "projects/demo/global/targetHttpProxies/shop",
        metadataFilters: [{ filterMatchCriteria: "MATCH_ANY", filterLabels: [{ name: "app", value: "x" }] }],
      },
      [a]: route("a.mesh"),
    },
  });
  const recording = recordingView(view);
  serviceTable(recording);
  const collections = new Set(recording.dependencies().map(collectionOf));
  expect(collections).toEqual(new Set(serviceTableCollections));
});
