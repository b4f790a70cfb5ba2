/** What a recording view remembers, and which of it a change touches. */
import { expect, test } from "vitest";
import { compileService } from "#control/compiler/service.ts";
import { touchedBy } from "#control/compiler/touched.ts";
import { collectionOf, dependency, recordingView } from "#control/compiler/view.ts";
import { projectOf } from "./project-file.ts";

test("a recording view answers like the view and remembers each read once, missing resources too", () => {
  const view = projectOf({ resources: { "global/backendServices/web": { timeoutSec: 7 } }, secrets: { key: 2 } });
  const recording = recordingView(view);
  expect(recording.project).toBe("demo");
  expect(recording.get("global/backendServices/web")).toBe(view.get("global/backendServices/web"));
  expect(recording.get("global/backendServices/web")).toMatchObject({ timeoutSec: 7 });
  expect(recording.get("global/backendServices/gone")).toBeUndefined();
  expect(recording.list("urlMaps")).toEqual([]);
  expect(recording.groupReport("zones/z/instanceGroups/g")).toBeUndefined();
  expect(recording.secretVersion("key")).toBe(2);
  expect(recording.dependencies()).toEqual([
    "global/backendServices/gone",
    "global/backendServices/web",
    dependency.group("zones/z/instanceGroups/g"),
    dependency.secret("key"),
    dependency.collection("urlMaps"),
  ]);
});

test.each([
  ["global/urlMaps/x", "urlMaps"],
  ["zones/z/instanceGroups/x", "instanceGroups"],
  ["secrets/x", "secrets"],
  ["x", ""],
])("the collection of %s is %j", (key, collection) => {
  expect(collectionOf(key)).toBe(collection);
});

test("a change touches the resource and every list of its collection", () => {
  const view = projectOf({ resources: {} });
  expect(touchedBy(view, "zones/z/instanceGroups/x")).toEqual(["zones/z/instanceGroups/x", "instanceGroups/*"]);
});

test("a traffic policy touches the services that go to what it is about, and to what it was about, and no others", () => {
  const mesh = "projects/demo/locations/global/meshes/shop";
  const route = (service: string): object => ({
    meshes: [mesh],
    hostnames: [`${service}.mesh`],
    rules: [{ action: { destinations: [{ serviceName: `projects/demo/locations/global/backendServices/${service}` }] } }],
  });
  const resources = {
    "global/backendServices/a": {},
    "global/backendServices/b": {},
    "locations/global/httpRoutes/a": route("a"),
    "locations/global/httpRoutes/b": route("b"),
    "locations/global/httpRoutes/c": route("c"),
  };
  const withPolicy = (target: string): ReturnType<typeof projectOf> =>
    projectOf({ resources: { ...resources, "trafficPolicies/p": { target } } as Parameters<typeof projectOf>[0]["resources"] });
  const before = withPolicy("backendServices/a");
  const after = withPolicy("httpRoutes/b");
  const touched = touchedBy(after, "trafficPolicies/p");
  const affected = ["a", "b", "c"].filter((name) => {
    const { dependencies } = compileService(before, { service: `${name}.mesh`, owner: `locations/global/httpRoutes/${name}` });
    return dependencies.some((each) => touched.includes(each));
  });
  expect(affected).toEqual(["a", "b"]);
});
