import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { UserError } from "#base/errors.ts";
import { routeOf } from "#control/api/route.ts";

const c = "/compute/v1/projects/p";
const v1 = "/v1/projects/p";

function short(method: string, path: string): string {
  const { scope, collection, verb, name, role, parameters } = routeOf(method, path);
  const at = [scope, collection].filter((part) => part !== "").join("/");
  return [`${at}.${verb}`, name ?? "-", role, ...(parameters ? [JSON.stringify(parameters)] : [])].join(" ");
}

describe("routeOf", () => {
  it.each([
    ["GET", c, "projects.get p viewer"],
    ["GET", `${c}/global/urlMaps`, "global/urlMaps.list - viewer"],
    ["GET", `${c}/global/urlMaps/`, "global/urlMaps.list - viewer"],
    ["POST", `${c}/global/urlMaps`, "global/urlMaps.insert - editor"],
    ["GET", `${c}/global/urlMaps/m`, "global/urlMaps.get m viewer"],
    ["PUT", `${c}/global/urlMaps/m`, "global/urlMaps.update m editor"],
    ["PATCH", `${c}/regions/r1/urlMaps/m`, "regions/r1/urlMaps.patch m editor"],
    ["DELETE", `${c}/global/urlMaps/m`, "global/urlMaps.delete m editor"],
    ["POST", `${c}/global/urlMaps/m/validate`, "global/urlMaps.validate m viewer"],
    ["POST", `${c}/global/urlMaps/m/invalidateCache`, "global/urlMaps.invalidateCache m editor"],
    ["GET", `${c}/aggregated/urlMaps`, "urlMaps.aggregatedList - viewer"],
    ["GET", `${c}/aggregated/operations`, "operations.aggregatedList - viewer"],
    ["GET", `${c}/global/backendServices/listUsable`, "global/backendServices.listUsable - viewer"],
    ["POST", `${c}/targetHttpProxies/x/setUrlMap`, "global/targetHttpProxies.setUrlMap x editor"],
    ["POST", `${c}/zones/z1/instanceGroupManagers/g/resize`, "zones/z1/instanceGroupManagers.resize g editor"],
    ["POST", `${c}/zones/z1/instanceGroupManagers/g/listManagedInstances`, "zones/z1/instanceGroupManagers.listManagedInstances g viewer"],
    ["POST", `${c}/zones/z1/operations/o/wait`, "zones/z1/operations.wait o viewer"],
    ["GET", `${c}/zones`, "zones.list - viewer"],
    ["GET", `${c}/zones/z1`, "zones.get z1 viewer"],
    ["GET", `${c}/regions/r1`, "regions.get r1 viewer"],
    ["GET", `${c}/global/images/family/debian-12`, "global/images.getFromFamily debian-12 viewer"],
    ["GET", `${c}/zones/z1/autoscalers`, "zones/z1/autoscalers.list - viewer"],
    ["GET", `${v1}/locations`, "locations.list - viewer"],
    ["GET", `${v1}/locations/global`, "locations.get global viewer"],
    ["POST", `${v1}/locations/global/httpRoutes`, "locations/global/httpRoutes.insert - editor"],
    ["PATCH", `${v1}/locations/global/httpRoutes/r`, "locations/global/httpRoutes.patch r editor"],
    ["GET", `${v1}/locations/global/operations/o`, "locations/global/operations.get o viewer"],
    ["POST", `${v1}/locations/global/operations/o:cancel`, "locations/global/operations.cancel o viewer"],
    ["POST", `${v1}/secrets`, "secrets.insert - editor"],
    ["GET", `${v1}/secrets/s`, "secrets.get s viewer"],
    ["POST", `${v1}/secrets/s:addVersion`, "secrets.addVersion s editor"],
    ["GET", `${v1}/secrets/s/versions`, "secrets.listVersions s viewer"],
    ["GET", `${v1}/secrets/s/versions/3`, 'secrets.getVersion s viewer {"version":"3"}'],
    ["GET", `${v1}/secrets/s/versions/latest:access`, 'secrets.accessVersion s secretAccessor {"version":"latest"}'],
    ["POST", `${v1}/secrets/s/versions/3:destroy`, 'secrets.destroyVersion s editor {"version":"3"}'],
    ["POST", "/wayside/v1/projects/p/explain", "wayside.explain - viewer"],
    ["GET", "/wayside/v1/projects/p/status", "wayside.status - viewer"],
    ["GET", "/wayside/v1/projects/p/audit", "wayside.audit - admin"],
    ["POST", "/wayside/v1/projects/p/instances", "instances.register - editor"],
    ["GET", "/wayside/v1/projects/p/instances", "instances.listRegistered - viewer"],
    ["PATCH", "/wayside/v1/projects/p/meshSettings/m", "meshSettings.patch m editor"],
  ])("%s %s is %s", (method, path, expected) => expect(short(method, path)).toBe(expected));

  it.each([
    "/",
    "/compute/v1/projects",
    "/compute/v2/projects/p/global/urlMaps",
    `${c}/global`,
    `${c}/global/nothing`,
    `${c}/global/constructor`,
    `${c}/global/__proto__/x`,
    `${c}/zones/z1/urlMaps`,
    `${c}/global/instanceGroupManagers`,
    `${c}/aggregated/secrets`,
    `${c}/aggregated/urlMaps/x`,
    `${c}/global/urlMaps/m/nothing`,
    `${c}/global/urlMaps/m/insert`,
    `${c}/global/urlMaps/m/validate/more`,
    `${c}/global/urlMaps/a%2Fb`,
    `${c}/global/urlMaps/%00`,
    `${c}/global/urlMaps/%zz`,
    `${c}/global//urlMaps`,
    `${c}/global/httpRoutes`,
    `${c}/global/secrets`,
    `${v1}/locations/global/urlMaps`,
    `${v1}/locations/global/meshes/m:nothing`,
    `${v1}/secrets/s/nothing`,
    `${v1}/secrets/s/versions/3:nothing`,
    `${v1}/secrets/s/versions/3/more`,
    "/wayside/v1/projects/p/urlMaps",
    "/wayside/v1/projects/p/instances/x/nothing",
    "/wayside/v1/projects/p/nothing",
  ])("%s is nowhere", (path) => {
    for (const method of ["GET", "POST"])
      expect(() => routeOf(method, path)).toThrow(`The requested URL '${path}' was not found on this server.`);
  });

  it.each([
    ["PUT", `${c}/global/instanceTemplates/t`, "DELETE, GET"],
    ["DELETE", `${c}/global/urlMaps`, "GET, POST"],
    ["GET", `${c}/global/urlMaps/m/validate`, "POST"],
    ["POST", `${c}/aggregated/urlMaps`, "GET"],
    ["POST", `${c}/zones/z1`, "GET"],
    ["PUT", `${v1}/secrets/s`, "DELETE, GET, PATCH"],
    ["GET", `${v1}/secrets/s:addVersion`, "POST"],
    ["GET", "/wayside/v1/projects/p/explain", "POST"],
    ["DELETE", "/wayside/v1/projects/p/instances", "GET, POST"],
    ["TRACE", `${c}/global/urlMaps`, "GET, POST"],
  ])("%s %s is not allowed; %s are", (method, path, allowed) => {
    expect(() => routeOf(method, path)).toThrow(`Method ${method} is not allowed here; allowed: ${allowed}.`);
  });

  it.each(["a b", "%2e%2e", "x".repeat(64), "..", "p;q"])("refuses the project %s", (project) => {
    expect(() => routeOf("GET", `/compute/v1/projects/${project}/global/urlMaps`)).toThrow(UserError);
  });

  it("throws nothing but the caller's faults", () => {
    const segment = fc.oneof(
      fc.constantFrom("compute", "v1", "projects", "p", "global", "zones", "urlMaps", "secrets", "locations", "a:b", ":", ""),
      fc.webSegment(),
    );
    fc.assert(
      fc.property(fc.array(segment, { maxLength: 9 }), fc.constantFrom("GET", "POST", "X"), (segments, method) => {
        try {
          expect(routeOf(method, `/${segments.join("/")}`).project).not.toBe("");
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(UserError);
        }
      }),
      { numRuns: 500 },
    );
  });
});
