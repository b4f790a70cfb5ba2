/** Groups that are sized by real load: requests through the mesh, and the CPU time of real processes. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { compute, createBackend, createMesh, createRoute, zone } from "./harness/resources.ts";
import { must, until } from "./harness/rest.ts";
import { ask, startLoad } from "./harness/traffic.ts";
import { startMesh, wayside, type Mesh } from "./harness/wayside.ts";

const project = "demo";
const host = "web.shop.mesh";
const zonal = `${compute(project)}/zones/${zone}`;

let mesh: Mesh;

beforeAll(async () => {
  mesh = await startMesh();
});
afterAll(async () => {
  expect(await mesh.stop()).toBe(0);
});

interface Entry {
  readonly user: string;
  readonly verb: string;
  readonly key: string;
  readonly time: string;
}

async function resizes(): Promise<Entry[]> {
  const { entries } = (await must(mesh.api, "GET", `/wayside/v1/projects/${project}/audit`)) as { entries: Entry[] };
  return entries.filter(({ verb, user }) => verb === "resize" && user === "autoscaler").toReversed();
}

async function stableSize(): Promise<number | undefined> {
  const manager = await must(mesh.api, "GET", `${zonal}/instanceGroupManagers/web`);
  return manager.status.isStable === true ? manager.targetSize : undefined;
}

describe("a group of two behind 45 requests a second, of which an instance takes 10 at 80 %", () => {
  const stabilizationMs = 30_000;

  it("is resized once, to 6, and back when the load has been gone for the stabilization period", async () => {
    await createBackend({ api: mesh.api, project, name: "web", size: 2 });
    await createMesh(mesh.api, project);
    await createRoute({ api: mesh.api, project, name: "web", host });
    const backends = [{ group: `projects/${project}/zones/${zone}/instanceGroups/web`, balancingMode: "RATE", maxRatePerInstance: 10 }];
    await must(mesh.api, "PATCH", `${compute(project)}/global/backendServices/web`, { backends });
    await must(mesh.api, "POST", `${zonal}/autoscalers`, {
      name: "web",
      target: `projects/${project}/zones/${zone}/instanceGroupManagers/web`,
      autoscalingPolicy: {
        minNumReplicas: 2,
        maxNumReplicas: 10,
        coolDownPeriodSec: 0,
        stabilizationPeriodSec: stabilizationMs / 1000,
        loadBalancingUtilization: { utilizationTarget: 0.8 },
      },
    });
    await until("an answer", 20_000, async () => (await ask(mesh.mesh, { host })).status === 200);
    const load = startLoad(mesh.mesh, { host }, 45);
    await until("six instances", 90_000, async () => (await stableSize()) === 6);
    const result = await load.stop();
    const stoppedMs = Date.now();
    expect(result.failures).toEqual({});
    expect(await resizes()).toHaveLength(1);
    await until("two instances", 120_000, async () => (await stableSize()) === 2);
    const [, back, ...others] = await resizes();
    expect(Date.parse(back?.time ?? "") - stoppedMs).toBeGreaterThanOrEqual(stabilizationMs - 10_000);
    expect(others).toEqual([]);
  }, 240_000);
});

describe("a group whose process is busy", () => {
  it("is measured by the CPU time of that process, and told of by the CLI", async () => {
    await must(mesh.api, "POST", `${compute(project)}/global/instanceTemplates`, {
      name: "busy",
      properties: { machineType: "e2-small", metadata: { items: [{ key: "startup-script", value: "while :; do :; done" }] } },
    });
    await must(mesh.api, "POST", `${zonal}/instanceGroupManagers`, {
      name: "busy",
      instanceTemplate: "global/instanceTemplates/busy",
      targetSize: 1,
    });
    await must(mesh.api, "POST", `${zonal}/autoscalers`, {
      name: "busy",
      target: `zones/${zone}/instanceGroupManagers/busy`,
      autoscalingPolicy: { mode: "OFF", maxNumReplicas: 3, coolDownPeriodSec: 0, cpuUtilization: { utilizationTarget: 0.05 } },
    });
    await until("a recommendation", 60_000, async () => (await must(mesh.api, "GET", `${zonal}/autoscalers/busy`)).recommendedSize === 3);
    const { stdout } = await wayside(["get", "autoscalers", "--api", mesh.api, "--project", project]);
    expect(stdout).toMatch(/^busy +us-central1-a +busy +OFF +1 +3 +3 +ACTIVE/m);
    const described = await wayside(["describe", "autoscaler", "busy", "--api", mesh.api, "--project", project]);
    expect(described.stdout).toContain("MODE_OFF");
    await must(mesh.api, "DELETE", `${zonal}/autoscalers/busy`);
    await must(mesh.api, "DELETE", `${zonal}/instanceGroupManagers/busy`);
  }, 120_000);
});
