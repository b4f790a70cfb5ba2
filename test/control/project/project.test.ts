import { describe, expect, it } from "vitest";
import { UserError } from "#base/errors.ts";
import { sha256Hex } from "#base/hash.ts";
import type { JsonObject } from "#base/json.ts";
import { pointerSpacingMs, retentionMs } from "#control/publish/plan.ts";
import type { Directory } from "#ir/snapshot.ts";
import { cart, shop, webKey, World } from "./harness.ts";

function patchRoute(world: World, hostnames: string[]) {
  return world.run({
    collection: "httpRoutes",
    scope: "locations/global",
    verb: "patch",
    name: "cart",
    query: { updateMask: "hostnames" },
    body: { hostnames },
  });
}

function setTimeoutOf(world: World, seconds: number) {
  return world.run({ collection: "backendServices", verb: "patch", name: "cart", body: { timeoutSec: seconds } });
}

function directory(world: World): Directory | undefined {
  const pointer = world.pointer("@mesh");
  return pointer && world.kv.json<Directory>(`snap/demo/@mesh/${pointer.digest}`);
}

describe("publishing", () => {
  it("gives an empty project an empty directory, so that its mesh entry knows there is nothing", async () => {
    const world = new World();
    await world.pass(0);
    expect(directory(world)?.services).toEqual([]);
  });

  it("writes the snapshot before its pointer, content-addressed", async () => {
    const world = await shop();
    const pointer = world.pointer(cart);
    const key = `snap/demo/${cart}/${pointer?.digest}`;
    const bytes = world.kv.values.get(key) ?? new Uint8Array();
    expect(await sha256Hex(bytes)).toBe(pointer?.digest);
    expect(bytes.length).toBe(pointer?.bytes);
    const order = world.kv.writes.map((write) => write.key);
    expect(order.indexOf(key)).toBeLessThan(order.indexOf(`ptr/demo/${cart}`));
    expect(directory(world)?.services).toEqual([cart]);
  });

  it("answers the version probe only with what is in KV", async () => {
    const world = new World();
    world.kv.failing = (key) => key.startsWith("snap/");
    await world.createShop();
    await world.settle();
    expect(world.project.pointers([cart, "@mesh"])).toEqual({});
    world.kv.failing = () => false;
    await world.pass(1_000);
    expect(world.project.pointers([cart, "nobody.mesh"])).toEqual({ [cart]: world.pointer(cart) });
  });

  it("lists a new service in the directory only when its snapshot is there", async () => {
    const world = await shop();
    world.kv.writes.length = 0;
    await world.createRoute("pay", "pay.shop.mesh");
    await world.settle();
    const order = world.kv.writes.map((write) => write.key.slice(0, 16));
    expect(order.indexOf("snap/demo/pay.sh")).toBeLessThan(order.indexOf("snap/demo/@mesh/"));
    expect(directory(world)?.services).toEqual([cart, "pay.shop.mesh"]);
  });

  it("touches nothing for a change that compiles to the same", async () => {
    const world = await shop();
    const before = world.pointer(cart);
    world.kv.writes.length = 0;
    await world.run({ collection: "backendServices", verb: "patch", name: "cart", body: { description: "the cart" } });
    await world.pass(5_000);
    expect(world.kv.writes).toEqual([]);
    expect(world.pointer(cart)).toEqual(before);
  });

  it("recompiles only the services that an edit touches", async () => {
    const world = await shop();
    for (let index = 0; index < 30; index++) await world.createRoute(`r${index}`, `r${index}.shop.mesh`);
    await world.pass(5_000);
    world.kv.writes.length = 0;
    const rules = [{ action: { redirect: { hostRedirect: "x.test" } } }];
    await world.run({
      collection: "httpRoutes",
      scope: "locations/global",
      verb: "patch",
      name: "r7",
      query: { updateMask: "rules" },
      body: { rules },
    });
    await world.pass(5_000);
    expect(new Set(world.kv.writes.map((write) => write.key.split("/")[2]))).toEqual(new Set(["r7.shop.mesh"]));
  });

  it("recompiles for a traffic policy only the services that go to what it is about", async () => {
    const world = await shop();
    await world.insert("backendServices", { name: "pay", protocol: "HTTP", loadBalancingScheme: "INTERNAL_SELF_MANAGED" });
    const rules = [{ action: { destinations: [{ serviceName: "projects/demo/locations/global/backendServices/pay" }] } }];
    await world.createRoute("pay", "pay.shop.mesh", { rules });
    await world.pass(5_000);
    const services = async (verb: string, body?: JsonObject): Promise<string[]> => {
      world.kv.writes.length = 0;
      const policy = { collection: "trafficPolicies", scope: "", verb, ...(verb !== "insert" && { name: "p" }), ...(body && { body }) };
      await world.run(policy);
      await world.pass(5_000);
      return [...new Set(world.kv.writes.map((write) => write.key.split("/")[2] ?? ""))].toSorted();
    };
    expect(await services("insert", { name: "p", target: "backendServices/pay", panicPercent: 10 })).toEqual(["pay.shop.mesh"]);
    expect(await services("patch", { panicPercent: 20 })).toEqual(["pay.shop.mesh"]);
    expect(await services("patch", { target: "backendServices/cart" })).toEqual([cart, "pay.shop.mesh"]);
    expect(await services("delete")).toEqual([cart]);
  });

  it("survives a crash between commit and publication", async () => {
    const world = new World();
    world.kv.hanging = true;
    await world.createShop();
    expect(world.kv.writes).toEqual([]);
    expect(world.alarmAtMs).toBe(world.now);
    const after = new World({ before: world });
    expect(after.alarmAtMs).toBe(after.now);
    await after.pass(2_000);
    expect(after.snapshot(cart)?.service).toBe(cart);
    expect(after.specs).toHaveLength(1);
  });

  it("makes no new generations when it wakes again", async () => {
    const world = await shop();
    const after = new World({ before: world });
    await after.pass(10_000);
    expect(after.kv.writes).toEqual([]);
    expect(after.pointer(cart)).toEqual(world.pointer(cart));
  });

  it("tells its groups what another compiler makes of the same resources", async () => {
    const world = await shop();
    const { sql } = world.database;
    sql.exec("UPDATE group_tasks SET spec = json_remove(spec, '$.managed.update')");
    sql.exec("UPDATE settings SET value = 'older' WHERE name = 'compilerRevision'");
    const after = new World({ before: world });
    await after.pass(2_000);
    expect(after.specs.map(({ managed, version }) => [managed?.update?.type, version])).toEqual([["OPPORTUNISTIC", expect.any(Number)]]);
    const again = new World({ before: after });
    await again.pass(2_000);
    expect(again.specs).toEqual([]);
  });

  it("retries failed writes with growing pauses and then writes the newest generation only", async () => {
    const world = await shop();
    world.kv.failing = () => true;
    for (let seconds = 1; seconds <= 3; seconds++) await setTimeoutOf(world, seconds);
    await world.pass(60_000);
    expect(
      await world.project.run({ project: "demo", collection: "wayside", scope: "", verb: "status", query: {}, user: "ada" }),
    ).toMatchObject({
      body: { publishing: { pending: 1, lastError: "KV put failed: 500 (injected)" } },
    });
    const failures = world.kv.writes.filter((write) => write.atMs > world.now - 59_000).length;
    expect(failures).toBeLessThan(15);
    world.kv.failing = () => false;
    world.kv.writes.length = 0;
    await world.pass(31_000);
    expect(world.kv.writes.map((write) => write.key.split("/")[0])).toEqual(["snap", "ptr"]);
    expect(world.snapshot(cart)?.virtualHosts[0]?.rules[0]?.action).toMatchObject({ timeoutMs: 3_000 });
  });

  it("writes no pointer more than once a second in a storm of edits, and the last edit arrives", { timeout: 30_000 }, async () => {
    const world = await shop();
    world.kv.writes.length = 0;
    for (let edit = 1; edit <= 500; edit++) {
      await setTimeoutOf(world, edit);
      await world.pass(20);
    }
    await world.pass(2_000);
    const times = world.kv.writes.filter((write) => write.key === `ptr/demo/${cart}`).map((write) => write.atMs);
    expect(times.length).toBeGreaterThan(8);
    for (const [index, at] of times.entries()) expect(at - (times[index - 1] ?? 0)).toBeGreaterThanOrEqual(pointerSpacingMs);
    expect(world.kv.writes.filter((write) => write.key.startsWith("snap/")).length).toBeLessThan(60);
    expect(world.snapshot(cart)?.virtualHosts[0]?.rules[0]?.action).toMatchObject({ timeoutMs: 500_000 });
  });

  it("refuses a change that a proxy would refuse, and undoes it whole", async () => {
    const world = await shop();
    const generation = world.pointer(cart)?.generation;
    const rules = [{ matches: [{ regexMatch: "/(a{1,50}){1,10}" }], action: { destinations: [{ serviceName: "cart" }] } }];
    const refused = world.run({
      collection: "httpRoutes",
      scope: "locations/global",
      verb: "patch",
      name: "cart",
      query: { updateMask: "rules" },
      body: { rules },
    });
    await expect(refused).rejects.toThrow(UserError);
    const stored = await world.run({ collection: "httpRoutes", scope: "locations/global", verb: "get", name: "cart" });
    expect(JSON.stringify(stored.body)).not.toContain("regexMatch");
    await world.pass(5_000);
    expect(world.pointer(cart)?.generation).toBe(generation);
  });
});

describe("services that come and go", () => {
  it("takes a removed service out of the directory at once and out of KV a day later", async () => {
    const world = await shop();
    const snapshotKey = `snap/demo/${cart}/${world.pointer(cart)?.digest}`;
    await world.run({ collection: "httpRoutes", scope: "locations/global", verb: "delete", name: "cart" });
    await world.pass(2_000);
    expect(directory(world)?.services).toEqual([]);
    expect(world.project.pointers([cart])).toEqual({});
    expect(world.kv.values.has(`ptr/demo/${cart}`)).toBe(true);
    await world.pass(retentionMs);
    expect(world.kv.values.has(`ptr/demo/${cart}`)).toBe(false);
    expect(world.kv.values.has(snapshotKey)).toBe(false);
  });

  it("goes on upwards when a service is made again, and keeps its keys", async () => {
    const world = await shop();
    const before = world.pointer(cart);
    await world.run({ collection: "httpRoutes", scope: "locations/global", verb: "delete", name: "cart" });
    await world.settle();
    await world.createRoute("cart", cart);
    await world.pass(2_000);
    expect(world.pointer(cart)?.generation).toBeGreaterThan(before?.generation ?? 0);
    await world.pass(2 * retentionMs);
    expect(world.snapshot(cart)?.service).toBe(cart);
  });

  it("keeps a superseded snapshot for a day, and longer when it is wanted again", async () => {
    const world = await shop();
    const first = world.pointer(cart)?.digest;
    await setTimeoutOf(world, 5);
    await world.pass(2_000);
    const second = world.pointer(cart)?.digest;
    await setTimeoutOf(world, 30);
    await world.pass(2_000);
    expect(world.pointer(cart)?.digest).toBe(first);
    await world.pass(retentionMs);
    expect(world.kv.values.has(`snap/demo/${cart}/${first}`)).toBe(true);
    expect(world.kv.values.has(`snap/demo/${cart}/${second}`)).toBe(false);
  });

  it("follows a route to another host", async () => {
    const world = await shop();
    await patchRoute(world, ["basket.shop.mesh"]);
    await world.pass(2_000);
    expect(directory(world)?.services).toEqual(["basket.shop.mesh"]);
    expect(world.snapshot("basket.shop.mesh")?.virtualHosts[0]?.hosts).toEqual(["basket.shop.mesh"]);
  });
});

describe("groups", () => {
  const endpoints = (world: World) =>
    world.snapshot(cart)?.clusters["cart"]?.groups[0]?.endpoints.map((endpoint) => [endpoint.instance, endpoint.health]);

  it("takes reports into the configuration, and no old news", async () => {
    const world = await shop();
    const probe = world.specs.at(-1)?.probes[0]?.id ?? "";
    world.project.observeGroup(world.reportOf(["web-a", "web-b"], 2, probe));
    world.project.observeGroup(world.reportOf(["web-a"], 1, probe));
    await world.pass(2_000);
    expect(endpoints(world)).toEqual([
      ["web-a", "HEALTHY"],
      ["web-b", "HEALTHY"],
    ]);
  });

  it("offers a specification until the group has taken it", async () => {
    const world = new World();
    world.groupsFail = true;
    await world.createShop();
    await world.pass(3_000);
    expect(world.specs).toEqual([]);
    expect(world.log.length).toBeGreaterThan(2);
    world.groupsFail = false;
    await world.pass(30_000);
    expect(world.specs).toHaveLength(1);
    expect(world.specs[0]).toMatchObject({ key: webKey, kind: "managed", managed: { targetSize: 2 } });
  });

  it("sends a new version for a change that matters to the group, and none for others", async () => {
    const world = await shop();
    const first = world.specs.at(-1)?.version ?? 0;
    await world.run({
      collection: "instanceGroupManagers",
      scope: "zones/us-central1-a",
      verb: "resize",
      name: "web",
      query: { size: "5" },
    });
    await setTimeoutOf(world, 7);
    await world.settle();
    expect(world.specs.filter((spec) => spec.version > first)).toMatchObject([{ managed: { targetSize: 5 } }]);
  });

  it("ends a deleted group, forgets its instances, and takes no word of it for its successor", async () => {
    const world = await shop();
    const old = world.reportOf(["web-a"], 9);
    world.project.observeGroup(old);
    await world.pass(2_000);
    expect(endpoints(world)).toHaveLength(1);
    await world.run({ collection: "backendServices", verb: "patch", name: "cart", body: { backends: [] } });
    await world.run({ collection: "instanceGroupManagers", scope: "zones/us-central1-a", verb: "delete", name: "web" });
    await world.settle();
    expect(world.specs.at(-1)).toMatchObject({ key: webKey, kind: "deleted" });
    world.project.observeGroup({ ...old, sequence: 10 });
    await world.insert(
      "instanceGroupManagers",
      { name: "web", baseInstanceName: "web", targetSize: 1, instanceTemplate: "global/instanceTemplates/t" },
      "zones/us-central1-a",
    );
    await world.run({ collection: "backendServices", verb: "patch", name: "cart", body: { backends: [{ group: webKey }] } });
    world.project.observeGroup({ ...old, sequence: 11 });
    await world.pass(2_000);
    expect(endpoints(world)).toEqual([]);
    world.project.observeGroup(world.reportOf(["web-z"], 1));
    await world.pass(2_000);
    expect(endpoints(world)?.map(([name]) => name)).toEqual(["web-z"]);
  });

  it("releases instances when the proxies that are alive have a configuration without them", async () => {
    const world = await shop();
    world.project.observeGroup(world.reportOf(["web-a", "web-b"], 1));
    await world.pass(2_000);
    const report = () => {
      const { generation, digest } = world.pointer(cart) ?? { generation: 0, digest: "" };
      world.project.report([{ service: cart, generation, digest, confirmedAtMs: world.now, droppedSpans: 0 }]);
    };
    expect(world.project.released(webKey, ["web-b"])).toBe(true);
    report();
    expect(world.project.released(webKey, ["web-b"])).toBe(false);
    const shrunk = world.reportOf(["web-a", "web-b"], 2);
    world.project.observeGroup({
      ...shrunk,
      instances: shrunk.instances.map((one) => (one.name === "web-b" ? { ...one, action: "DELETING" } : one)),
    });
    await world.settle();
    expect(world.project.released(webKey, ["web-b"])).toBe(false);
    await world.pass(1_000);
    report();
    expect(world.project.released(webKey, ["web-b"])).toBe(true);
    expect(world.project.released(webKey, ["web-a"])).toBe(false);
    await world.pass(61_000);
    expect(world.project.released(webKey, ["web-a"])).toBe(true);
  });
});
