/** From a join to a Lease object and back into snapshots: what a project makes of instances that agents keep. */
import { beforeEach, describe, expect, test } from "vitest";
import type { JsonObject } from "#base/json.ts";
import type { LeaseReport } from "#instances/lease/lease.ts";
import { cart, shop, webKey, World } from "./harness.ts";

const zone = "zones/us-central1-a";
const group = `${zone}/instanceGroups/vms`;
const service = "vms.shop.mesh";
const publicKey = "A".repeat(43);
let world: World;

beforeEach(async () => {
  world = new World();
  await world.insert("instanceGroups", { name: "vms" }, zone);
  await world.insert("backendServices", {
    name: "vms",
    protocol: "HTTP",
    loadBalancingScheme: "INTERNAL_SELF_MANAGED",
    backends: [{ group }],
  });
  await world.run({ collection: "meshes", verb: "insert", scope: "locations/global", query: { meshId: "m" }, body: {} });
  const destinations = [{ serviceName: "projects/demo/locations/global/backendServices/vms" }];
  await world.createRoute("vms", service, { rules: [{ action: { destinations } }] });
  await world.pass(2_000);
});

async function own(collection: string, verb: string, more: { name?: string; body?: JsonObject } = {}): Promise<JsonObject> {
  const { status, body } = await world.run({ collection, verb, scope: "", ...more });
  expect(status, JSON.stringify(body)).toBe(200);
  await world.settle();
  return body ?? {};
}

async function joined(more: JsonObject = {}): Promise<string> {
  await own("joinTokens", "insert", { body: { group: "vms", sha256: "hash" } });
  const vm = { sha256: "hash", publicKey, networkInterfaces: [{ networkIP: "10.0.0.1" }], port: 80, ...more };
  const { name } = await own("joinTokens", "redeem", { body: vm });
  const { version = 0 } = world.specs.at(-1) ?? {};
  const instance = {
    name: name as string,
    id: "1",
    address: "10.0.0.1",
    port: 80,
    status: "RUNNING",
    action: "NONE",
    health: {},
    createdAtMs: 0,
  } as const;
  world.project.observeGroup({ key: group, specVersion: version, sequence: 1, isStable: true, instances: [instance] });
  return name as string;
}

async function told(name: string, more: Partial<LeaseReport>): Promise<void> {
  const { enrolment = "" } = world.leaseTasks.at(-1)?.identity ?? {};
  const report: LeaseReport = { name, enrolment, revision: 1, state: "CONNECTED", sinceMs: world.now, epoch: 1, ...more };
  world.project.observeLeases(group, [report]);
  await world.pass(2_000);
}

const endpoints = (): readonly unknown[] =>
  Object.values(world.snapshot(service)?.clusters ?? {}).flatMap(({ groups }) => groups.flatMap((one) => one.endpoints));

test("an instance takes part from its first connection to its loss, and again", async () => {
  const name = await joined();
  await world.pass(2_000);
  expect(world.leaseTasks).toMatchObject([{ name, identity: { publicKey, ttlSec: 30, drained: false } }]);
  expect(endpoints()).toEqual([]);
  await told(name, {});
  expect(endpoints()).toMatchObject([{ instance: name, address: "10.0.0.1", port: 80 }]);
  await told(name, { revision: 3, healthy: false });
  expect(endpoints()).toMatchObject([{ health: "UNHEALTHY" }]);
  await told(name, { revision: 2, state: "LOST" });
  expect(endpoints(), "what is older is old news").toHaveLength(1);
  await told(name, { revision: 4, state: "LOST" });
  expect(endpoints()).toEqual([]);
  await told(name, { revision: 5, enrolment: "of another life" });
  expect(endpoints()).toEqual([]);
});

test("a drained instance leaves the snapshot in the same transaction, and its Lease object hears of it", async () => {
  const name = await joined();
  await told(name, {});
  await own("instances", "drain", { name });
  await world.pass(2_000);
  expect(endpoints()).toEqual([]);
  expect(world.leaseTasks.at(-1)).toMatchObject({ name, identity: { drained: true } });
  await own("instances", "undrain", { name });
  await world.pass(2_000);
  expect(endpoints()).toHaveLength(1);
  expect(world.leaseTasks.at(-1)).toMatchObject({ name, identity: { drained: false } });
});

test("a port that the backend service names stands before the instance's other port", async () => {
  const name = await joined({
    namedPorts: [
      { name: "http", port: 8081 },
      { name: "admin", port: 9 },
    ],
  });
  await told(name, {});
  expect(endpoints()).toMatchObject([{ port: 8081 }]);
});

test.each<[string, (name: string) => Promise<unknown>]>([
  ["it is deregistered", (name) => own("instances", "deregister", { name })],
  ["its instance is deleted", (name) => world.run({ collection: "instances", verb: "delete", scope: zone, name })],
  [
    "it was lost for too long",
    (name) => world.project.collectLeases(group, [{ name, enrolment: world.leaseTasks.at(-1)?.identity?.enrolment ?? "" }]),
  ],
])("nothing is left of an instance when %s", async (_, end) => {
  const keys = (): string[] => [...world.kv.values.keys()].toSorted();
  // What no pointer names any more is kept for a day.
  await world.pass(25 * 3_600_000);
  const before = keys();
  const name = await joined();
  await told(name, {});
  await own("instances", "drain", { name });
  await end(name);
  await world.pass(2_000);
  expect(endpoints(), "its group has not yet been told").toEqual([]);
  expect(world.leaseTasks.at(-1)).toMatchObject({ name });
  expect(world.leaseTasks.at(-1)).not.toHaveProperty("identity");
  expect((await own("instances", "listRegistered"))["instances"]).toEqual([]);
  for (const table of ["lease_identities", "lease_tasks"]) expect([...world.database.sql.exec(`SELECT * FROM ${table}`)]).toEqual([]);
  const left = world.database.sql.exec(
    "SELECT key FROM resources WHERE key LIKE '%Lease%' OR key LIKE '%drained%' OR key LIKE '%/instances/%'",
  );
  expect([...left]).toEqual([]);
  await world.pass(25 * 3_600_000);
  expect(keys()).toEqual(before);
  const texts = [...world.kv.values.values()].map((value) => new TextDecoder().decode(value));
  expect(texts.filter((text) => text.includes(name))).toEqual([]);
});

describe("many VMs at once", () => {
  const count = 120;
  const snapshots = (): number => world.kv.writes.filter(({ key }) => key.startsWith(`snap/demo/${service}/`)).length;

  /** All have joined, and their group has said that they are there. */
  async function allJoined(): Promise<readonly string[]> {
    await own("joinTokens", "insert", { body: { group: "vms", sha256: "hash", uses: count } });
    for (let index = 0; index < count; index++) {
      const networkInterfaces = [{ networkIP: `10.0.0.${index + 1}` }];
      const body = { sha256: "hash", publicKey: String(index).padStart(43, "A"), networkInterfaces, port: 80 };
      await own("joinTokens", "redeem", { body });
    }
    const told = world.specs.length;
    await world.pass(1_000);
    expect(told, "of few at once").toBeLessThan(count);
    expect(world.specs.length, "of all of them a little later").toBe(told + 1);
    const { version = 0, members = [] } = world.specs.at(-1) ?? {};
    const rest = { id: "1", port: 80, status: "RUNNING", action: "NONE", health: {}, createdAtMs: 0 } as const;
    const instances = members.map(({ name, address }) => ({ ...rest, name, address }));
    world.project.observeGroup({ key: group, specVersion: version, sequence: 1, isStable: true, instances });
    await world.pass(1_000);
    return members.map(({ name }) => name);
  }

  function connected(name: string): void {
    const { enrolment = "" } = world.leaseTasks.findLast((task) => task.name === name)?.identity ?? {};
    world.project.observeLeases(group, [{ name, enrolment, revision: 1, state: "CONNECTED", sinceMs: world.now, epoch: 1 }]);
  }

  test("are compiled a few times, not once for each", async () => {
    const names = await allJoined();
    expect(names).toHaveLength(count);
    const before = snapshots();
    for (const name of names) {
      connected(name);
      await world.settle();
    }
    expect(endpoints().length).toBeGreaterThanOrEqual(1);
    expect(snapshots() - before).toBeLessThan(12);
    await world.pass(5_000);
    expect(endpoints()).toHaveLength(count);
    expect(snapshots() - before, "few, not one for each").toBeLessThan(20);
  });

  test("are not forgotten when the object dies before it has compiled them", async () => {
    const [first = "", second = ""] = await allJoined();
    connected(first);
    await world.settle();
    connected(second);
    expect(endpoints()).toHaveLength(1);
    world = new World({ before: world });
    await world.pass(2_000);
    expect(endpoints()).toHaveLength(2);
  });

  test("do not hold up what somebody asks for", async () => {
    const [first = "", second = ""] = await allJoined();
    connected(first);
    await world.settle();
    connected(second);
    await own("instances", "drain", { name: first });
    expect(world.project.released(group, [first]), "compiled with the command").toBe(true);
    await world.pass(2_000);
    expect(endpoints()).toMatchObject([{ instance: second }]);
  });
});

test("a name is nobody else's while it is registered", async () => {
  const name = await joined();
  await own("joinTokens", "insert", { body: { group: "vms", sha256: "second" } });
  const body = { sha256: "second", publicKey: `B${publicKey.slice(1)}`, name, networkInterfaces: [{ networkIP: "10.0.0.9" }] };
  const refused = world.run({ collection: "joinTokens", verb: "redeem", scope: "", body });
  await expect(refused).rejects.toThrow(`instances/${name}' already exists`);
});

test("an instance of a managed group is taken out of traffic as well, and goes on running", async () => {
  world = await shop();
  world.project.observeGroup(world.reportOf(["web-0", "web-1"], 1, world.specs.at(-1)?.probes[0]?.id));
  await world.pass(2_000);
  const served = (): string[] =>
    Object.values(world.snapshot(cart)?.clusters ?? {}).flatMap(({ groups }) =>
      groups.flatMap((one) => one.endpoints.map((each) => each.instance)),
    );
  expect(served()).toEqual(["web-0", "web-1"]);
  expect(await own("instances", "drain", { name: "web-0" })).toMatchObject({ drained: true, health: "DRAINING", status: "RUNNING" });
  await world.pass(2_000);
  expect(served()).toEqual(["web-1"]);
  expect(world.project.released(webKey, ["web-0"]), "no proxy has reported").toBe(true);
  const { body } = await world.run({ collection: "backendServices", verb: "getHealth", name: "cart", body: { group: webKey } });
  expect(body?.["healthStatus"]).toMatchObject([{ healthState: "UNHEALTHY" }, { healthState: "HEALTHY" }]);
  await own("instances", "undrain", { name: "web-0" });
  await world.pass(2_000);
  expect(served()).toEqual(["web-0", "web-1"]);
});
