/** Instances kept warm, and two groups that take each other's place under load, with real processes. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { compute, createBackend, createMesh, createRoute, echoScript, zone } from "./harness/resources.ts";
import { call, must, until } from "./harness/rest.ts";
import { ask, startLoad, watchFor } from "./harness/traffic.ts";
import { startMesh, wayside, type Mesh } from "./harness/wayside.ts";

const project = "demo";
const host = "web.shop.mesh";
const own = `/wayside/v1/projects/${project}`;
const managers = `${compute(project)}/zones/${zone}/instanceGroupManagers`;
const groupLink = (name: string): string =>
  `https://www.googleapis.com/compute/v1/projects/${project}/zones/${zone}/instanceGroups/${name}`;

let mesh: Mesh;

interface Switch {
  readonly state: string;
  readonly capacity: number;
  readonly reason?: string;
  readonly instances: Record<"from" | "to", { readonly running: number; readonly keptAlive: number }>;
}

async function addGroup(name: string, script: string): Promise<void> {
  await must(mesh.api, "POST", `${compute(project)}/global/instanceTemplates`, {
    name: `${name}-template`,
    properties: { machineType: "e2-small", metadata: { items: [{ key: "startup-script", value: script }] } },
  });
  await must(mesh.api, "POST", managers, {
    name,
    baseInstanceName: name,
    instanceTemplate: `projects/${project}/global/instanceTemplates/${name}-template`,
    targetSize: 4,
    namedPorts: [{ name: "http", port: 8080 }],
  });
  await must(mesh.api, "POST", `${own}/groups/${name}/keepalive`);
}

async function useGroups(...names: readonly string[]): Promise<void> {
  const backends = names.map((name) => ({ group: groupLink(name) }));
  await must(mesh.api, "PATCH", `${compute(project)}/global/backendServices/web`, { backends });
  await until("all healthy", 30_000, async () => {
    const { instances } = (await must(mesh.api, "GET", `${own}/instances`)) as { instances: { group: string; health: string }[] };
    const mine = instances.filter(({ group }) => names.includes(group));
    return mine.length === 4 * names.length && mine.every(({ health }) => health === "HEALTHY");
  });
}

/** How many of `count` answers begin with `name`. */
async function answersOf(name: string, count: number): Promise<number> {
  const replies = await Promise.all(Array.from({ length: count }, () => ask(mesh.mesh, { host })));
  return replies.filter(({ body }) => body.startsWith(name)).length;
}

/** Looks on until the switch has ended; the most that ran at once. */
async function watchSwitch(name: string): Promise<{ readonly last: Switch; readonly most: number }> {
  let most = 0;
  const last = await until("the end of the switch", 60_000, async () => {
    const seen = (await must(mesh.api, "GET", `${own}/groupSwitches/${name}`)) as Switch;
    most = Math.max(most, seen.instances.from.running + seen.instances.to.running);
    return seen.state === "DONE" || seen.state === "RETURNED" ? seen : undefined;
  });
  return { last, most };
}

beforeAll(async () => {
  mesh = await startMesh();
  await createBackend({ api: mesh.api, project, name: "web", size: 4 });
  await createMesh(mesh.api, project);
  await createRoute({ api: mesh.api, project, name: "web", host });
  await addGroup("green", echoScript);
  await useGroups("web", "green");
  await until("an answer", 20_000, async () => (await ask(mesh.mesh, { host })).status === 200);
});
afterAll(async () => {
  expect(await mesh.stop()).toBe(0);
});

describe("kept alive", () => {
  it("a group gets a hundredth of its share and stays healthy", async () => {
    await until("the weights", 10_000, async () => (await answersOf("green", 50)) <= 2);
    const green = await answersOf("green", 1_000);
    expect(green).toBeGreaterThanOrEqual(1);
    expect(green).toBeLessThanOrEqual(30);
  });

  it("an instance, until it is to run again", async () => {
    const env = { WAYSIDE_API: mesh.api };
    const { instances } = (await must(mesh.api, "GET", `${own}/instances`)) as { instances: { name: string; group: string }[] };
    const name = instances.find(({ group }) => group === "web")?.name ?? "";
    const warm = await wayside(["vm", "keepalive", name], { env });
    expect(warm).toMatchObject({ status: 0, stdout: `${name} in group web is kept alive: it gets 1 % of its share\n` });
    expect((await wayside(["vm", "list"], { env })).stdout).toMatch(new RegExp(`${name} .*KEEPALIVE`));
    await until("little traffic", 10_000, async () => (await answersOf(name, 100)) <= 3);
    expect((await wayside(["vm", "run", name], { env })).status).toBe(0);
    await until("a fourth of the traffic", 10_000, async () => (await answersOf(name, 100)) >= 15);
  });
});

describe("a switch under 200 requests a second", () => {
  it("puts one group in the place of the other: no request fails, the cap holds, and again is nothing new", async () => {
    const load = startLoad(mesh.mesh, { host }, 200);
    const began = performance.now();
    const { name, capacity } = (await must(mesh.api, "POST", `${own}/groupSwitches`, { from: "web", to: "green" })) as unknown as {
      name: string;
      capacity: number;
    };
    expect(capacity).toBe(4);
    expect(await must(mesh.api, "POST", `${own}/groupSwitches`, { from: "web", to: "green" })).toMatchObject({ name });
    const refused = await call(mesh.api, "POST", `${own}/groups/web/run`);
    expect(refused.body.error.message).toContain(`is being switched by '${name}'`);
    const { last, most } = await watchSwitch(name);
    expect(performance.now() - began).toBeLessThan(60_000);
    expect(last).toMatchObject({ state: "DONE", instances: { from: { running: 0, keptAlive: 4 }, to: { running: 4, keptAlive: 0 } } });
    expect(most).toBe(4);
    await until("the last step", 10_000, async () => (await answersOf("green", 50)) >= 48);
    const result = await load.stop();
    expect(result.failures).toEqual({});
    expect(result.ok).toBe(result.sent);
    const again = await wayside(["group", "switch", "web", "green"], { env: { WAYSIDE_API: mesh.api } });
    expect(again).toMatchObject({ status: 0, stdout: "green serves, web is kept alive\n" });
    expect((await must(mesh.api, "GET", `${own}/groupSwitches`)).groupSwitches).toHaveLength(1);
  });

  it("returns by itself when requests fail, to exactly what was before", async () => {
    await addGroup("bad", echoScript.replace("response.end(INSTANCE_NAME);\n});", "response.writeHead(500).end();\n});"));
    await useGroups("green", "bad");
    const load = startLoad(mesh.mesh, { host }, 200);
    await watchFor(3_000);
    const outcome = await wayside(["group", "switch", "green", "bad", "--step", "50"], { env: { WAYSIDE_API: mesh.api } });
    expect(outcome.status).toBe(1);
    expect(outcome.stderr).toMatch(
      /green serves as before; the switch returned: \S+ % of the requests fail, \S+ % before; 5 % more are allowed/,
    );
    await until("nearly none fails", 15_000, async () => (await answersOf("green", 100)) >= 96);
    const { failures } = await load.stop();
    // Without the way back it would have been nearly all.
    expect(Object.keys(failures)).toEqual(["500"]);
    const { groups } = (await must(mesh.api, "GET", `${own}/groups`)) as {
      groups: { name: string; servingState: string; others?: string[] }[];
    };
    const states = Object.fromEntries(groups.map(({ name, servingState, others = [] }) => [name, [servingState, ...others].join(" ")]));
    expect(states).toEqual({ bad: "KEEPALIVE", green: "RUNNING", web: "KEEPALIVE" });
  });

  it.each([
    [{ from: "green", to: "green" }, 400, "A group cannot take its own place"],
    [{ from: "green", to: "bad", capacity: 3 }, 400, "'capacity': '3'. 4 instances are RUNNING now and 4 are to be in the end"],
    [{ from: "green", to: "nobody" }, 404, "instanceGroups/nobody' was not found"],
    [{ from: "green" }, 400, "'to'"],
  ])("%j is refused and changes nothing", async (body, status, message) => {
    const before = await must(mesh.api, "GET", `${own}/groupSwitches`);
    const refused = await call(mesh.api, "POST", `${own}/groupSwitches`, body);
    expect(refused.status).toBe(status);
    expect(refused.body.error.message).toContain(message);
    expect(await must(mesh.api, "GET", `${own}/groupSwitches`)).toEqual(before);
  });
});
