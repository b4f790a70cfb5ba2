/** A regional group with real processes: over its zones, in all that shows where an instance is, and even again when a zone has lost its own. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { compute } from "./harness/resources.ts";
import { must, until } from "./harness/rest.ts";
import { startMesh, wayside, type Mesh } from "./harness/wayside.ts";

const project = "demo";
const managers = `${compute(project)}/regions/us-central1/instanceGroupManagers`;
const zones = ["us-central1-a", "us-central1-c", "us-central1-f"] as const;

let mesh: Mesh;

interface Listed {
  readonly name: string;
  readonly instance: string;
}

async function settled(): Promise<Listed[]> {
  await until("stable", 60_000, async () => (await must(mesh.api, "GET", `${managers}/web`)).status.isStable === true);
  return ((await must(mesh.api, "POST", `${managers}/web/listManagedInstances`)) as { managedInstances: Listed[] }).managedInstances;
}

const zoneOf = ({ instance }: Listed): string => /\/zones\/([^/]+)\//.exec(instance)?.[1] ?? "";
const counts = (listed: readonly Listed[]): number[] => zones.map((zone) => listed.filter((one) => zoneOf(one) === zone).length);

beforeAll(async () => {
  mesh = await startMesh();
  await must(mesh.api, "POST", `${compute(project)}/global/instanceTemplates`, {
    name: "web",
    properties: { machineType: "e2-small", metadata: { items: [{ key: "startup-script", value: "exec sleep 600" }] } },
  });
  await must(mesh.api, "POST", managers, {
    name: "web",
    instanceTemplate: `projects/${project}/global/instanceTemplates/web`,
    targetSize: 6,
    distributionPolicy: { zones: zones.map((zone) => ({ zone: `zones/${zone}` })) },
  });
});
afterAll(async () => {
  expect(await mesh.stop()).toBe(0);
});

it("spreads, and moves one when a zone is left empty", async () => {
  const listed = await settled();
  expect(counts(listed)).toEqual([2, 2, 2]);
  const shown = await wayside(["vm", "list", "-o", "json"], { env: { WAYSIDE_API: mesh.api } });
  const rows = JSON.parse(shown.stdout) as { name: string; zone: string }[];
  expect(new Map(rows.map(({ name, zone }) => [name, zone]))).toEqual(new Map(listed.map((one) => [one.name, zoneOf(one)])));
  const first = listed.find((one) => zoneOf(one) === zones[2]);
  expect(await must(mesh.api, "GET", `${compute(project)}/zones/${zones[2]}/instances/${first?.name}`)).toMatchObject({
    name: first?.name,
  });

  const instances = listed.filter((one) => zoneOf(one) === zones[2]).map(({ instance }) => instance);
  await must(mesh.api, "POST", `${managers}/web/deleteInstances`, { instances });
  const after = await settled();
  expect(counts(after).toSorted((a, b) => a - b)).toEqual([1, 1, 2]);
  const kept = new Set(listed.map(({ name }) => name));
  expect(after.filter(({ name }) => !kept.has(name))).toHaveLength(1);
});
