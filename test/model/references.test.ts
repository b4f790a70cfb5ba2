import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseReference } from "#model/references.ts";

const context = { collections: ["backendServices"], project: "shop" };

describe("paths", () => {
  const rows: readonly (readonly [string, string, string])[] = [
    ["https://www.googleapis.com/compute/v1/projects/p/global/backendServices/x", "global/backendServices/x", "p"],
    ["https://compute.googleapis.com/compute/beta/projects/123/global/backendServices/x", "global/backendServices/x", "123"],
    ["http://127.0.0.1:8787/compute/v1/projects/p/zones/z/instanceGroups/g", "zones/z/instanceGroups/g", "p"],
    ["//compute.googleapis.com/projects/p/regions/r/backendServices/x", "regions/r/backendServices/x", "p"],
    ["https://networkservices.googleapis.com/v1alpha1/projects/p/locations/global/meshes/m", "locations/global/meshes/m", "p"],
    ["//networkservices.googleapis.com/projects/p/locations/global/gateways/g", "locations/global/gateways/g", "p"],
    ["compute/v1/projects/p/global/urlMaps/x", "global/urlMaps/x", "p"],
    ["/compute/v1/projects/p/global/urlMaps/x", "global/urlMaps/x", "p"],
    ["v1/projects/p/locations/global/meshes/m", "locations/global/meshes/m", "p"],
    ["projects/example.com:old/global/urlMaps/x", "global/urlMaps/x", "example.com:old"],
    ["projects/_/global/urlMaps/x", "global/urlMaps/x", "_"],
    ["projects/p/locations/global/backendServices/x", "global/backendServices/x", "p"],
    ["projects/p/locations/us-central1/backendServices/x", "regions/us-central1/backendServices/x", "p"],
    ["projects/p/secrets/s", "secrets/s", "p"],
    ["projects/p/targetHttpProxies/x", "global/targetHttpProxies/x", "p"],
    ["global/backendServices/x", "global/backendServices/x", "shop"],
    ["zones/z/instanceGroups/g", "zones/z/instanceGroups/g", "shop"],
    ["locations/global/httpRoutes/r", "locations/global/httpRoutes/r", "shop"],
    ["backendServices/x", "global/backendServices/x", "shop"],
    ["meshes/m", "locations/global/meshes/m", "shop"],
    ["meshSettings/m", "meshSettings/m", "shop"],
    ["backendBuckets/b", "backendBuckets/b", "shop"],
    ["projects/p/global/backendBuckets/b", "global/backendBuckets/b", "p"],
  ];
  it.each(rows)("%s is %s of %s", (text, key, project) => {
    expect(parseReference(text, context)).toEqual({ key, project });
  });
});

describe("names to be looked up", () => {
  it("are bare names, in the collections of the field", () => {
    expect(parseReference("cart", context)).toEqual({ bareName: "cart", collections: ["backendServices"] });
  });

  it("are names of a zonal collection without its zone, in that collection alone", () => {
    const groups = { collections: ["instanceGroups", "networkEndpointGroups"], project: "shop" };
    expect(parseReference("instanceGroups/g", groups)).toEqual({ bareName: "g", collections: ["instanceGroups"] });
  });
});

describe("what is no reference", () => {
  const rows = [
    "",
    "/",
    "//",
    "https://www.googleapis.com/",
    "projects",
    "projects/p",
    "projects/p/zones/z",
    "zones/z/instanceGroups",
    "a/b/c",
    "zones/z/instanceGroups/g/extra",
    "global//x",
    "has blank",
    "${google_compute_instance_group.default[each.key].self_link}",
    "x\ny",
  ];
  it.each(rows)("%j", (text) => {
    expect(parseReference(text, context)).toBeUndefined();
  });

  it("never throws", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const parsed = parseReference(text, context);
        if (parsed !== undefined && "key" in parsed) expect(parsed.key.split("/").length).toBeGreaterThan(1);
      }),
    );
  });
});
