/** What holds for every project: nothing throws, every snapshot is readable, dependencies tell all, and it is fast. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { canonicalJson, type JsonObject } from "#base/json.ts";
import { affectedGroups, compileGroup } from "#control/compiler/groups.ts";
import { compileService } from "#control/compiler/service.ts";
import { serviceTable } from "#control/compiler/services.ts";
import { touchedBy } from "#control/compiler/touched.ts";
import { collectionOf, type ResourceView } from "#control/compiler/view.ts";
import { readSnapshot, writeSnapshot } from "#ir/codec.ts";
import { conform } from "#model/conform.ts";
import { kindOfCollection } from "#model/kinds.ts";
import { compileSnapshot } from "#proxy/match/compile.ts";
import { generatedMessage } from "./generated-message.ts";
import { generatedGroups, generatedProject } from "./generated-project.ts";
import { projectOf } from "./project-file.ts";

/** Properties take their time on a busy machine. */
const patience = 60_000;

/** All that can be compiled of a project. */
function compileAll(view: ResourceView) {
  const table = serviceTable(view);
  return {
    table,
    services: table.entries.map((entry) => ({ entry, ...compileService(view, entry) })),
    groups: generatedGroups.map((key) => ({ key, compiled: compileGroup(view, key) })),
  };
}

const anything: Readonly<Record<string, string>> = {
  "global/backendServices/s": "BackendService",
  "global/forwardingRules/f": "ForwardingRule",
  "global/healthChecks/h": "HealthCheck",
  "global/targetHttpProxies/p": "TargetHttpProxy",
  "global/urlMaps/m": "UrlMap",
  "locations/global/httpRoutes/r": "HttpRoute",
  "meshSettings/m": "MeshSettings",
  "zones/z/instanceGroupManagers/g": "InstanceGroupManager",
  "zones/z/instanceGroups/g": "InstanceGroup",
  "zones/z/networkEndpointGroups/n": "NetworkEndpointGroup",
};

test("nothing throws on what conform accepts, however wrong it is", { timeout: patience }, () => {
  const project = fc.record(Object.fromEntries(Object.entries(anything).map(([key, message]) => [key, generatedMessage(message)])));
  fc.assert(
    fc.property(project, (given) => {
      const resources = Object.entries(given).map(([key, value], createdAtMs) => {
        const { value: resource, faults } = conform(anything[key] ?? "", value as JsonObject);
        expect(faults).toEqual([]);
        return { key, resource, createdAtMs };
      });
      const view: ResourceView = {
        project: "p",
        get: (key) => resources.find((stored) => stored.key === key)?.resource,
        list: (collection) => resources.filter(({ key }) => collectionOf(key) === collection),
        groupReport: () => undefined,
        secretVersion: () => null,
      };
      const owners = ["global/urlMaps/m", "locations/global/httpRoutes/r"];
      for (const owner of owners) compileService(view, { service: "a.mesh", owner });
      compileAll(view);
      for (const key of Object.keys(anything)) {
        affectedGroups(view, [{ key }]);
        compileGroup(view, key);
      }
    }),
    { numRuns: 200 },
  );
});

test("every snapshot is one that its proxy reads and compiles, whatever is missing", { timeout: patience }, () => {
  fc.assert(
    fc.property(generatedProject, (given) => {
      for (const { snapshot } of compileAll(projectOf(given)).services) {
        expect(canonicalJson(readSnapshot(writeSnapshot(snapshot)))).toBe(canonicalJson({ snapshot }));
        expect(compileSnapshot(snapshot)).toHaveProperty("compiled");
      }
    }),
    { numRuns: 200 },
  );
});

test("what is no dependency can go without changing anything", { timeout: patience }, () => {
  fc.assert(
    fc.property(generatedProject, (given) => {
      const view = projectOf(given);
      const { services, groups } = compileAll(view);
      for (const gone of Object.keys(given.resources)) {
        const without = withoutResource(view, gone);
        const touched = new Set(touchedBy(without, gone));
        for (const { entry, snapshot, dependencies } of services) {
          if (dependencies.some((key) => touched.has(key))) continue;
          expect(canonicalJson(compileService(without, entry).snapshot)).toBe(canonicalJson(snapshot));
        }
        for (const { key, compiled } of groups) {
          if (compiled?.dependencies.some((dependency) => touched.has(dependency))) continue;
          if (affectedGroups(without, [{ key: gone }]).includes(key)) continue;
          expect(canonicalJson(compileGroup(without, key)?.spec)).toBe(canonicalJson(compiled?.spec));
        }
      }
    }),
    { numRuns: 100 },
  );
});

test("what appears changes only services and groups that are dependents or affected", { timeout: patience }, () => {
  fc.assert(
    fc.property(generatedProject, (given) => {
      const view = projectOf(given);
      const services = new Map(serviceTable(view).entries.map((entry) => [entry.service, entry]));
      for (const made of Object.keys(given.resources)) {
        const before = withoutResource(view, made);
        for (const entry of serviceTable(before).entries) {
          const was = compileService(before, entry);
          if (services.get(entry.service)?.owner !== entry.owner) continue;
          if (was.dependencies.some((dependency) => touchedBy(view, made).includes(dependency))) continue;
          expect(canonicalJson(compileService(view, entry).snapshot)).toBe(canonicalJson(was.snapshot));
        }
        const affected = affectedGroups(view, [{ key: made }]);
        for (const key of generatedGroups) {
          const was = compileGroup(before, key);
          if (affected.includes(key) || was?.dependencies.some((dependency) => touchedBy(view, made).includes(dependency))) continue;
          expect(canonicalJson(compileGroup(view, key)?.spec)).toBe(canonicalJson(was?.spec));
        }
      }
    }),
    { numRuns: 100 },
  );
});

function withoutResource(view: ResourceView, gone: string): ResourceView {
  return {
    ...view,
    get: (key) => (key === gone ? undefined : view.get(key)),
    list: (collection) => view.list(collection).filter(({ key }) => key !== gone),
  };
}

test("1,000 services with 10,000 routes compile in under 2 s, and one of them reads nothing of the others", { timeout: patience }, () => {
  const resources = new Map<string, JsonObject>([["locations/global/meshes/shop", {}]]);
  for (let service = 0; service < 1000; service++) {
    resources.set(`global/backendServices/s${service}`, { protocol: "HTTP", timeoutSec: 30 });
    const rule = (index: number): JsonObject => ({
      matches: [{ prefixMatch: `/path/${index}`, headers: [{ header: "x-user", exactMatch: `${index}` }] }],
      action: { destinations: [{ serviceName: `projects/demo/locations/global/backendServices/s${service}` }], timeout: "5s" },
    });
    resources.set(`locations/global/httpRoutes/r${service}`, {
      meshes: ["projects/demo/locations/global/meshes/shop"],
      hostnames: [`s${service}.shop.mesh`],
      rules: Array.from({ length: 10 }, (_, index) => rule(index)),
    });
  }
  const conformed = [...resources].map(([key, resource]) => ({
    key,
    resource: conform(kindOfCollection(collectionOf(key))?.message ?? "", resource).value,
    createdAtMs: 0,
  }));
  const byKey = new Map(conformed.map((stored) => [stored.key, stored]));
  const byCollection = Map.groupBy(conformed, ({ key }) => collectionOf(key));
  const view: ResourceView = {
    project: "demo",
    get: (key) => byKey.get(key)?.resource,
    list: (collection) => byCollection.get(collection) ?? [],
    groupReport: () => undefined,
    secretVersion: () => null,
  };
  // The time of the processor: the clock on the wall would measure how busy the machine is.
  const start = process.cpuUsage();
  const compiled = serviceTable(view).entries.map((entry) => compileService(view, entry));
  const { user, system } = process.cpuUsage(start);
  expect(compiled.flatMap(({ snapshot }) => snapshot.virtualHosts.flatMap(({ rules }) => rules))).toHaveLength(10_000);
  expect(compiled[0]?.dependencies).toEqual([
    "global/backendServices/s0",
    "locations/global/httpRoutes/r0",
    "meshSettings/shop",
    "policies:global/backendServices/s0",
    "policies:locations/global/httpRoutes/r0",
  ]);
  expect((user + system) / 1000).toBeLessThan(2000);
});
