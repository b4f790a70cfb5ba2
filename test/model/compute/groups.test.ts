import { describe, expect, it } from "vitest";
import type { JsonObject } from "#base/json.ts";
import { instanceGroupManagers } from "#model/compute/instance-group-managers.ts";
import { instanceGroups } from "#model/compute/instance-groups.ts";
import { instanceTemplates } from "#model/compute/instance-templates.ts";
import { networkEndpointGroups } from "#model/compute/network-endpoint-groups.ts";
import type { Kind } from "#model/kind.ts";
import { faultsOf } from "../faults.ts";

const manager = { name: "g", instanceTemplate: "global/instanceTemplates/t", targetSize: 3 };

describe("defaults", () => {
  it("name instances after their group", () => {
    expect(instanceGroupManagers.defaults(manager)).toMatchObject({ ...manager, baseInstanceName: "g" });
  });

  it("leave room for the suffix of an instance", () => {
    const filled = instanceGroupManagers.defaults({ name: "g".repeat(63) });
    expect(filled["baseInstanceName"]).toBe("g".repeat(58));
  });

  it("make endpoints addresses of VMs", () => {
    expect(networkEndpointGroups.defaults({ name: "n" })).toEqual({ name: "n", networkEndpointType: "GCE_VM_IP_PORT" });
  });
});

describe("references of a manager", () => {
  it("are its templates and health checks", () => {
    const resource = { versions: [{ instanceTemplate: "t1" }, { instanceTemplate: "t2" }], autoHealingPolicies: [{ healthCheck: "h" }] };
    expect(instanceGroupManagers.references(resource)).toEqual([
      { field: "resource.versions[0].instanceTemplate", value: "t1", collections: ["instanceTemplates"] },
      { field: "resource.versions[1].instanceTemplate", value: "t2", collections: ["instanceTemplates"] },
      { field: "resource.autoHealingPolicies[0].healthCheck", value: "h", collections: ["healthChecks"] },
    ]);
  });
});

describe("accepted", () => {
  const rows: readonly (readonly [Kind, JsonObject])[] = [
    [instanceGroupManagers, manager],
    [instanceGroupManagers, { ...manager, targetSize: 0, baseInstanceName: "vm-###" }],
    [
      instanceGroupManagers,
      {
        ...manager,
        namedPorts: [
          { name: "http", port: 80 },
          { name: "http", port: 81 },
        ],
      },
    ],
    [
      instanceGroupManagers,
      { name: "g", targetSize: 1, versions: [{ instanceTemplate: "a" }, { instanceTemplate: "b", targetSize: { fixed: 1 } }] },
    ],
    [
      instanceGroupManagers,
      { ...manager, updatePolicy: { replacementMethod: "RECREATE", maxSurge: { fixed: 0 }, maxUnavailable: { fixed: 1 } } },
    ],
    [instanceGroupManagers, { ...manager, targetSize: 10, updatePolicy: { maxSurge: { percent: 20 } } }],
    [instanceGroups, { name: "g", namedPorts: [{ name: "http", port: 8080 }] }],
    [
      instanceTemplates,
      { name: "t", properties: { machineType: "e2-small", metadata: { items: [{ key: "startup-script", value: "#!/bin/bash" }] } } },
    ],
    [networkEndpointGroups, { name: "n", networkEndpointType: "NON_GCP_PRIVATE_IP_PORT", defaultPort: 80 }],
  ];
  it.each(rows)("$kind %j", (kind, resource) => {
    expect(faultsOf(kind, resource)).toEqual([]);
  });
});

describe("refused", () => {
  const rows: readonly (readonly [Kind, JsonObject, readonly string[]])[] = [
    [instanceGroupManagers, { name: "g", targetSize: 1 }, ["Required field 'resource.instanceTemplate' not specified"]],
    [instanceGroupManagers, { name: "g", instanceTemplate: "t" }, ["Required field 'resource.targetSize' not specified"]],
    [
      instanceGroupManagers,
      { ...manager, targetSize: 2_001 },
      ["Invalid value for field 'resource.targetSize': '2001'. Must be less than or equal to 2000"],
    ],
    [
      instanceGroupManagers,
      { ...manager, targetSize: -1 },
      ["Invalid value for field 'resource.targetSize': '-1'. Must be greater than or equal to 0"],
    ],
    [
      instanceGroupManagers,
      { ...manager, baseInstanceName: "Vm" },
      ["Invalid value for field 'resource.baseInstanceName': 'Vm'. Must be a match of regex '[a-z]([-a-z0-9]{0,56}[a-z0-9])?'"],
    ],
    [
      instanceGroupManagers,
      { ...manager, namedPorts: [{ name: "HTTP" }, { port: 0 }] },
      [
        "Invalid value for field 'resource.namedPorts[0].name': 'HTTP'. Must be a match of regex '(?:[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?)'",
        "Required field 'resource.namedPorts[0].port' not specified",
        "Required field 'resource.namedPorts[1].name' not specified",
        "Invalid value for field 'resource.namedPorts[1].port': '0'. Must be greater than or equal to 1",
      ],
    ],
    [
      instanceGroupManagers,
      { name: "g", targetSize: 1, versions: [{ instanceTemplate: "a" }, { instanceTemplate: "b" }] },
      ["Invalid value for field 'resource.versions': '2 versions without targetSize'. Exactly one version must have no targetSize."],
    ],
    [
      instanceGroupManagers,
      { ...manager, targetSize: 20, updatePolicy: { replacementMethod: "RECREATE", maxSurge: { percent: 20 } } },
      [
        `Invalid value for field 'resource.updatePolicy.maxSurge': '{  "percent": 20}'. maxSurge must be equal to 0 when replacement method is set to RECREATE`,
      ],
    ],
    [
      instanceGroupManagers,
      { ...manager, updatePolicy: { maxSurge: { percent: 20 }, maxUnavailable: { fixed: 1, percent: 1 } } },
      [
        `Invalid value for field 'resource.updatePolicy.maxSurge': '{  "percent": 20}'. Percent is allowed only for groups with at least 10 instances.`,
        "Invalid value for field 'resource.updatePolicy.maxUnavailable': 'fixed, percent'. Only one of fixed, percent may be specified.",
        `Invalid value for field 'resource.updatePolicy.maxUnavailable': '{  "fixed": 1,  "percent": 1}'. Percent is allowed only for groups with at least 10 instances.`,
      ],
    ],
    [
      instanceGroupManagers,
      { ...manager, updatePolicy: { maxSurge: { fixed: 0 }, maxUnavailable: { fixed: 0 } } },
      [
        `Invalid value for field 'resource.updatePolicy.maxUnavailable': '{  "fixed": 0}'. At least one of maxSurge and maxUnavailable must be greater than 0.`,
      ],
    ],
    [
      instanceGroupManagers,
      { ...manager, autoHealingPolicies: [{ healthCheck: "h", initialDelaySec: 3601 }, { healthCheck: "i" }] },
      [
        "Invalid value for field 'resource.autoHealingPolicies': '2 items'. Must have at most 1 items.",
        "Invalid value for field 'resource.autoHealingPolicies[0].initialDelaySec': '3601'. Must be less than or equal to 3600",
      ],
    ],
    [instanceTemplates, { name: "t" }, ["Required field 'resource.properties' not specified"]],
    [
      instanceTemplates,
      { name: "t", properties: { metadata: { items: [{ key: "a" }, { key: "a" }, { key: "b c" }, {}] }, labels: { Up: "x" } } },
      [
        "Invalid value for field 'resource.properties.labels': 'Up'. Label keys must be a match of regex '^[\\p{Ll}\\p{Lo}][\\p{Ll}\\p{Lo}\\p{N}_-]{0,62}$'",
        "Invalid value for field 'resource.properties.metadata.items[1].key': 'a'. Duplicate metadata key.",
        "Invalid value for field 'resource.properties.metadata.items[2].key': 'b c'. Must be a match of regex '[a-zA-Z0-9_-]{1,128}'",
        "Required field 'resource.properties.metadata.items[3].key' not specified",
      ],
    ],
    [
      networkEndpointGroups,
      { name: "n", networkEndpointType: "NOTHING" },
      [`Invalid value at 'resource.networkEndpointType' (TYPE_ENUM), "NOTHING"`],
    ],
    [
      networkEndpointGroups,
      { name: "n", defaultPort: 0 },
      ["Invalid value for field 'resource.defaultPort': '0'. Must be greater than or equal to 1"],
    ],
  ];
  it.each(rows)("$kind %j", (kind, resource, messages) => {
    expect(faultsOf(kind, resource)).toEqual(messages);
  });
});
