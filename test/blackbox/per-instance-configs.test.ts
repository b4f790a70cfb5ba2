/** Instances with configs of their own, with real processes: they are what their config says, and keep their names. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { compute, createBackend, createMesh, createRoute, echoScript, zone } from "./harness/resources.ts";
import { must, until } from "./harness/rest.ts";
import { ask } from "./harness/traffic.ts";
import { startMesh, type Mesh } from "./harness/wayside.ts";

const project = "demo";
const host = "web.shop.mesh";
const manager = `${compute(project)}/zones/${zone}/instanceGroupManagers/web`;
const special = "web-special";

let mesh: Mesh;

/** The same application, which says who it is. */
const saying = (word: string): string => echoScript.replaceAll("response.end(INSTANCE_NAME)", `response.end("${word} " + INSTANCE_NAME)`);

interface Listed {
  readonly name: string;
  readonly preservedStateFromConfig?: { readonly metadata: Record<string, string> };
}

async function settled(what: string): Promise<Listed[]> {
  await until(`${what}: stable`, 60_000, async () => {
    const { status } = await must(mesh.api, "GET", manager);
    return status.isStable === true && status.versionTarget.isReached === true && status.stateful.perInstanceConfigs.allEffective === true;
  });
  const { managedInstances = [] } = (await must(mesh.api, "POST", `${manager}/listManagedInstances`)) as { managedInstances?: Listed[] };
  return managedInstances;
}

async function configs(): Promise<{ name: string; status: string }[]> {
  return ((await must(mesh.api, "POST", `${manager}/listPerInstanceConfigs`)) as { items: { name: string; status: string }[] }).items;
}

/** Until an answer of that text comes back. */
async function answers(text: string): Promise<void> {
  await until(`'${text}'`, 20_000, async () => (await ask(mesh.mesh, { host })).body === text);
}

beforeAll(async () => {
  mesh = await startMesh();
  await createBackend({ api: mesh.api, project, name: "web", size: 1 });
  await createMesh(mesh.api, project);
  await createRoute({ api: mesh.api, project, name: "web", host });
  await settled("the group");
});
afterAll(async () => {
  expect(await mesh.stop()).toBe(0);
});

it("is made with its config, keeps both through a crash and a rollout, and lets go of it", async () => {
  const preservedState = { metadata: { "startup-script": saying("special") } };
  await must(mesh.api, "POST", `${manager}/createInstances`, { instances: [{ name: special, preservedState }] });
  const made = await settled("made by name");
  expect(made.find(({ name }) => name === special)).toMatchObject({ preservedStateFromConfig: preservedState });
  expect(await configs()).toMatchObject([{ name: special, status: "EFFECTIVE" }]);
  await answers(`special ${special}`);

  await until("its process", 10_000, async () => {
    const { body } = await ask(mesh.mesh, { host, path: "/echo" });
    const { instance, pid } = JSON.parse(body) as { instance: string; pid: number };
    return instance === special && process.kill(pid, "SIGKILL");
  });
  await settled("after the crash");
  await answers(`special ${special}`);

  const other = made.find(({ name }) => name !== special)?.name;
  await must(mesh.api, "POST", `${compute(project)}/global/instanceTemplates`, {
    name: "v2",
    properties: { machineType: "e2-small", metadata: { items: [{ key: "startup-script", value: saying("v2") }] } },
  });
  await must(mesh.api, "PATCH", manager, {
    instanceTemplate: `projects/${project}/global/instanceTemplates/v2`,
    updatePolicy: { type: "PROACTIVE", maxSurge: { fixed: 1 }, maxUnavailable: { fixed: 0 } },
  });
  const names = (await settled("v2")).map(({ name }) => name);
  expect(names).toContain(special);
  expect(names).not.toContain(other);
  await answers(`special ${special}`);

  await must(mesh.api, "POST", `${manager}/deletePerInstanceConfigs`, { names: [special] });
  expect(await configs()).toMatchObject([{ name: special, status: "UNAPPLIED_DELETION" }]);
  await must(mesh.api, "POST", `${manager}/applyUpdatesToInstances`, { allInstances: true });
  await settled("without the config");
  expect(await configs()).toEqual([]);
  await answers(`v2 ${special}`);
});
