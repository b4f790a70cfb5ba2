/** Instances for tests of the fleet. */
import type { FleetInstance } from "#instances/fleet.ts";

export const group = "zones/us-central1-a/instanceGroups/web";

export function instance(name: string, script: string | undefined, change: Partial<FleetInstance> = {}): FleetInstance {
  return {
    project: "demo",
    group,
    groupName: "web",
    zone: "us-central1-a",
    name,
    id: "7100000000000000001",
    template: "instanceTemplates/web-template",
    metadata: { ...(script === undefined ? {} : { "startup-script": script }), color: "blue" },
    labels: {},
    tags: ["http-server", "web"],
    machineType: "e2-small",
    namedPorts: [{ name: "http", port: 18_080 }],
    ...change,
  };
}
