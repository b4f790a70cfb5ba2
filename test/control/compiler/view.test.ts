/** What a recording view remembers, and which of it a change touches. */
import { expect, test } from "vitest";
import { collectionOf, dependency, recordingView, touchedBy } from "#control/compiler/view.ts";
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
  expect(touchedBy("zones/z/instanceGroups/x")).toEqual(["zones/z/instanceGroups/x", "instanceGroups/*"]);
});
