/** Health is asked for once per instance, however many proxies there are that go by it. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { createBackend, createMesh, createRoute, services } from "./harness/resources.ts";
import { must, until } from "./harness/rest.ts";
import { ask, watchFor } from "./harness/traffic.ts";
import { startMesh, type Mesh } from "./harness/wayside.ts";

const project = "demo";
const proxies = 20;
const watchedMs = 8_000;
/** Of the health check, `checkIntervalSec`. */
const intervalMs = 1_000;

const hostOf = (index: number): string => `web-${index}.shop.mesh`;

let mesh: Mesh;

/** Probes that the one instance was sent so far. */
async function probed(): Promise<number> {
  const { body } = await ask(mesh.mesh, { host: hostOf(0), path: "/probed" });
  return Number(body);
}

async function probedMeanwhile(): Promise<number> {
  const before = await probed();
  await watchFor(watchedMs);
  return (await probed()) - before;
}

/** A route that has a proxy of its own, all to the same group. */
async function addProxy(index: number): Promise<void> {
  const destinations = [{ serviceName: `projects/${project}/locations/global/backendServices/web` }];
  await createRoute({ api: mesh.api, project, name: `web-${index}`, host: hostOf(index) }, [{ action: { destinations } }]);
  await until(`an answer of proxy ${index}`, 20_000, async () => (await ask(mesh.mesh, { host: hostOf(index) })).status === 200);
}

beforeAll(async () => {
  mesh = await startMesh();
  await createBackend({ api: mesh.api, project, name: "web", size: 1 });
  await createMesh(mesh.api, project);
  await addProxy(0);
});
afterAll(async () => {
  expect(await mesh.stop()).toBe(0);
});

it("is the same for one proxy and for twenty", async () => {
  const alone = await probedMeanwhile();
  await Promise.all(Array.from({ length: proxies - 1 }, (_, at) => addProxy(at + 1)));
  const { proxies: shown } = (await must(mesh.api, "GET", `/wayside/v1/projects/${project}/status`)) as { proxies: unknown[] };
  expect(shown.length).toBeGreaterThanOrEqual(proxies);
  const together = await probedMeanwhile();
  const most = watchedMs / intervalMs + 2;
  for (const count of [alone, together]) {
    expect(count).toBeGreaterThanOrEqual(watchedMs / intervalMs - 3);
    expect(count).toBeLessThanOrEqual(most);
  }
  // One more fits into the time by chance, and never twenty times as many.
  expect(Math.abs(together - alone)).toBeLessThanOrEqual(2);
  expect(await must(mesh.api, "GET", `${services(project)}/httpRoutes`)).toMatchObject({ httpRoutes: { length: proxies } });
});
