/** Autoscalers over HTTP: where they are changed, what they hold on to, and what they answer. */
import { beforeEach, describe, expect, it } from "vitest";
import type { ScalingReport } from "#instances/scale/spec.ts";
import { compute, openHarness, project, zone, type Harness } from "./harness.ts";
import { createBase } from "./samples.ts";

const autoscalers = `${compute}/${zone}/autoscalers`;
const managers = `${compute}/${zone}/instanceGroupManagers`;
const target = `https://www.googleapis.com${managers}/web`;
const body = { name: "web", target, autoscalingPolicy: { minNumReplicas: 1, maxNumReplicas: 4 } };

let harness: Harness;

beforeEach(async () => {
  harness = openHarness();
  await createBase(harness);
  await harness.must("POST", managers, { name: "web", instanceTemplate: "global/instanceTemplates/base", targetSize: 2 });
});

const messageOf = async (answer: ReturnType<Harness["send"]>): Promise<unknown[]> => {
  const { status, body: answered } = await answer;
  return [status, answered.error.message];
};

describe("an autoscaler", () => {
  it("is changed through its collection, named in the query or in the body", async () => {
    await harness.must("POST", autoscalers, body);
    const operation = await harness.must("PATCH", `${autoscalers}?autoscaler=web`, { autoscalingPolicy: { maxNumReplicas: 5 } });
    expect(operation).toMatchObject({ operationType: "patch", targetLink: `https://www.googleapis.com${autoscalers}/web` });
    await harness.must("PUT", autoscalers, { ...body, autoscalingPolicy: { minNumReplicas: 2, maxNumReplicas: 6 } });
    expect(await harness.must("GET", `${autoscalers}/web`)).toMatchObject({
      target,
      autoscalingPolicy: { minNumReplicas: 2, maxNumReplicas: 6, cpuUtilization: { utilizationTarget: 0.6 } },
    });
    expect(await messageOf(harness.send("PATCH", autoscalers, { description: "x" }))).toEqual([
      400,
      "Required field 'autoscaler' not specified",
    ]);
    expect((await harness.send("PATCH", `${autoscalers}?autoscaler=none`, {})).status).toBe(404);
    expect((await harness.send("PATCH", `${autoscalers}/web`, {})).status).toBe(405);
  });

  it("needs a group, and a group has one", async () => {
    expect(await messageOf(harness.send("POST", autoscalers, { ...body, target: "instanceGroupManagers/none" }))).toEqual([
      404,
      expect.stringContaining("was not found"),
    ]);
    await harness.must("POST", autoscalers, body);
    expect(await messageOf(harness.send("POST", autoscalers, { ...body, name: "other" }))).toEqual([
      400,
      `The instance_group_manager resource 'projects/${project}/${zone}/instanceGroupManagers/web' is already being used by 'projects/${project}/${zone}/autoscalers/web'`,
    ]);
    expect(await messageOf(harness.send("POST", `${compute}/regions/us-central1/autoscalers`, { ...body, name: "other" }))).toEqual([
      400,
      `Invalid value for field 'resource.target': '${target}'. The instance group manager must be in regions/us-central1, as the autoscaler is.`,
    ]);
  });

  it("keeps its group from being deleted, and is shown there", async () => {
    await harness.must("POST", autoscalers, body);
    expect(await harness.must("GET", `${managers}/web`)).toMatchObject({
      status: { autoscaler: `https://www.googleapis.com${autoscalers}/web` },
    });
    expect(await messageOf(harness.send("DELETE", `${managers}/web`))).toEqual([
      400,
      `The instance_group_manager resource 'projects/${project}/${zone}/instanceGroupManagers/web' is already being used by 'projects/${project}/${zone}/autoscalers/web'`,
    ]);
    await harness.must("DELETE", `${autoscalers}/web`);
    await harness.must("DELETE", `${managers}/web`);
  });

  it("works in a region, too", async () => {
    const region = `${compute}/regions/us-central1`;
    await harness.must("POST", `${region}/instanceGroupManagers`, {
      name: "wide",
      instanceTemplate: "global/instanceTemplates/base",
      targetSize: 2,
    });
    await harness.must("POST", `${region}/autoscalers`, {
      ...body,
      name: "wide",
      target: "regions/us-central1/instanceGroupManagers/wide",
    });
    expect(await harness.must("GET", `${region}/autoscalers/wide`)).toMatchObject({ region: `https://www.googleapis.com${region}` });
  });

  it("answers what its group says", async () => {
    await harness.must("POST", autoscalers, body);
    expect(await harness.must("GET", `${autoscalers}/web`)).toMatchObject({ status: "PENDING" });
    const scaling: ScalingReport = {
      recommendedSize: 4,
      status: "ACTIVE",
      details: ["CAPPED_AT_MAX_NUM_REPLICAS"],
      schedules: [{ name: "day", state: "READY", lastStartMs: 0, nextStartMs: 86_400_000 }],
    };
    harness.store.putGroupReport({
      key: `${zone}/instanceGroups/web`,
      specVersion: 1,
      sequence: 1,
      isStable: true,
      instances: [],
      scaling,
    });
    expect(await harness.must("GET", `${autoscalers}/web`)).toMatchObject({
      status: "ACTIVE",
      recommendedSize: 4,
      statusDetails: [{ type: "CAPPED_AT_MAX_NUM_REPLICAS", message: "Autoscaler recommends a size greater than maxNumReplicas." }],
      scalingScheduleStatus: {
        day: { state: "READY", lastStartTime: "1970-01-01T00:00:00.000Z", nextStartTime: "1970-01-02T00:00:00.000Z" },
      },
    });
  });
});
