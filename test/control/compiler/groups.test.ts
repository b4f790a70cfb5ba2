/** Which groups a change may concern. Their specifications are in the golden cases. */
import { expect, test } from "vitest";
import { affectedGroups, compileGroup } from "#control/compiler/groups.ts";
import { projectOf } from "./project-file.ts";

const web = "zones/us-central1-a/instanceGroups/web";
const api = "zones/us-central1-a/instanceGroups/api";
const hand = "zones/us-central1-a/instanceGroups/hand";
const vms = "zones/us-central1-a/networkEndpointGroups/vms";

const view = projectOf({
  resources: {
    "global/healthChecks/alive": { type: "TCP", tcpHealthCheck: { port: 80 } },
    "global/healthChecks/heal": { type: "TCP", tcpHealthCheck: { port: 80 } },
    "global/instanceTemplates/t1": { properties: { machineType: "e2-small" } },
    "global/instanceTemplates/t2": { properties: { machineType: "e2-small" } },
    "zones/us-central1-a/instanceGroupManagers/web": { instanceTemplate: "projects/demo/global/instanceTemplates/t1", targetSize: 1 },
    "zones/us-central1-a/instanceGroupManagers/api": {
      instanceTemplate: "projects/demo/global/instanceTemplates/t2",
      targetSize: 1,
      autoHealingPolicies: [{ healthCheck: "projects/demo/global/healthChecks/heal", initialDelaySec: 5 }],
    },
    [hand]: {},
    [vms]: { networkEndpointType: "GCE_VM_IP_PORT" },
    "global/backendServices/web": {
      healthChecks: ["projects/demo/global/healthChecks/alive"],
      backends: [{ group: `projects/demo/${web}` }, { group: `projects/demo/${hand}` }],
    },
    "global/backendServices/vms": {
      backends: [{ group: `projects/demo/${vms}`, balancingMode: "RATE", maxRatePerEndpoint: 1 }],
    },
  },
});

test.each([
  ["zones/us-central1-a/instanceGroupManagers/web", [web]],
  ["zones/us-central1-a/instanceGroupManagers/gone", ["zones/us-central1-a/instanceGroups/gone"]],
  [hand, [hand]],
  ["zones/us-central1-a/instanceGroupMembers/hand", [hand]],
  [vms, [vms]],
  ["zones/us-central1-a/networkEndpoints/vms", [vms]],
  ["global/instanceTemplates/t1", [web]],
  ["global/instanceTemplates/t2", [api]],
  ["global/healthChecks/alive", [hand, web]],
  ["global/healthChecks/heal", [api]],
  ["global/backendServices/web", [hand, web]],
  ["global/backendServices/vms", [vms]],
  ["global/backendServices/gone", []],
  ["global/urlMaps/shop", []],
])("a change of %s", (key, groups) => {
  expect(affectedGroups(view, [{ key }])).toEqual(groups);
});

test("several changes give each group once", () => {
  const changes = ["global/backendServices/web", "global/healthChecks/alive", "global/instanceTemplates/t2"].map((key) => ({ key }));
  expect(affectedGroups(view, changes)).toEqual([api, hand, web]);
});

test("the backend services that list a group are among its dependencies, the others are not", () => {
  const dependencies = compileGroup(view, web)?.dependencies;
  expect(dependencies).toContain("global/backendServices/web");
  expect(dependencies).not.toContain("global/backendServices/vms");
});
