import { beforeEach, describe, expect, it } from "vitest";
import type { JsonObject } from "#base/json.ts";
import type { GroupReport } from "#instances/group/spec.ts";
import { cart, World } from "./harness.ts";

const zone = "zones/us-central1-a";
const keyOf = (name: string): string => `${zone}/instanceGroups/${name}`;

/** Two groups of four behind one service, the second kept alive, and one proxy that applies what it is told to. */
class Shop {
  readonly world: World;
  #reported = 1;
  #requests: Record<string, number> = {};
  #failures: Record<string, number> = {};

  constructor(world = new World()) {
    this.world = world;
  }

  async open(): Promise<void> {
    await this.world.createShop();
    const body = {
      name: "green",
      baseInstanceName: "green",
      targetSize: 4,
      instanceTemplate: "global/instanceTemplates/t",
      namedPorts: [{ name: "http", port: 8080 }],
    };
    await this.world.insert("instanceGroupManagers", body, zone);
    const backends = ["web", "green"].map((name) => ({ group: keyOf(name), balancingMode: "UTILIZATION" }));
    await this.world.run({ collection: "backendServices", verb: "patch", name: "cart", body: { healthChecks: [], backends } });
    await this.world.settle();
    this.grow("web", 4);
    this.grow("green", 4);
    await this.own("groups", "keepalive", "green");
    await this.world.pass(2_000);
    this.apply();
  }

  /** The group has so many instances. */
  grow(name: string, size: number, health: GroupReport["instances"][number]["health"] = {}): void {
    const names = Array.from({ length: size }, (_, index) => `${name}-${index}`);
    const { specVersion, ...report } = this.world.reportOf(names, ++this.#reported);
    const spec = this.world.specs.findLast(({ key }) => key === keyOf(name));
    const instances = report.instances.map((instance) => ({ ...instance, health }));
    this.world.project.observeGroup({ ...report, instances, key: keyOf(name), specVersion: spec?.version ?? specVersion });
  }

  own(
    collection: string,
    verb: string,
    name?: string,
    body?: JsonObject,
  ): Promise<{ readonly status: number; readonly body?: JsonObject }> {
    return this.world.run({ collection, verb, scope: "", ...(name !== undefined && { name }), ...(body && { body }) });
  }

  async begin(body: JsonObject = {}): Promise<JsonObject> {
    const { status, body: answer = {} } = await this.own("groupSwitches", "insert", undefined, { from: "web", to: "green", ...body });
    expect(answer, JSON.stringify(answer)).toHaveProperty("state");
    expect(status).toBe(200);
    return answer;
  }

  async seen(): Promise<JsonObject> {
    const { body = {} } = await this.own("groupSwitches", "list");
    return (body["groupSwitches"] as JsonObject[]).at(-1) ?? {};
  }

  /** The proxy has the newest configuration; since its last report each group got so many requests, so many of them failed. */
  apply(requests: Readonly<Record<string, number>> = {}, failures: Readonly<Record<string, number>> = {}): void {
    const pointer = this.world.pointer(cart);
    this.#requests = added(this.#requests, requests);
    this.#failures = added(this.#failures, failures);
    this.world.project.report([
      {
        service: cart,
        proxy: "p",
        generation: pointer?.generation ?? 0,
        digest: pointer?.digest ?? "",
        confirmedAtMs: this.world.now,
        droppedSpans: 0,
        backends: { cart: { ejected: [], active: 0, overflows: 0, requests: this.#requests, failures: this.#failures } },
      },
    ]);
  }

  /** Who is RUNNING in the newest configuration. */
  running(): string[] {
    const groups = this.world.snapshot(cart)?.clusters["cart"]?.groups ?? [];
    return groups.flatMap(({ endpoints }) => endpoints.flatMap(({ instance, weight }) => (weight === undefined ? [instance] : [])));
  }
}

function added(totals: Readonly<Record<string, number>>, more: Readonly<Record<string, number>>): Record<string, number> {
  return {
    ...totals,
    ...Object.fromEntries(Object.entries(more).map(([name, count]) => [keyOf(name), (totals[keyOf(name)] ?? 0) + count])),
  };
}

let shop: Shop;
beforeEach(async () => {
  shop = new Shop();
  await shop.open();
});

describe("a switch of two groups", () => {
  it("goes on when the proxies have applied a step, never beyond the capacity, and ends with the states of the groups", async () => {
    expect(shop.running()).toEqual(["web-0", "web-1", "web-2", "web-3"]);
    expect(await shop.begin()).toMatchObject({ state: "SWITCHING", capacity: 4 });
    await shop.world.pass(1_500);
    expect(shop.running()).toEqual(["web-1", "web-2", "web-3"]);
    await shop.world.pass(30_000);
    expect(shop.running()).toHaveLength(3);
    expect(await shop.seen()).toMatchObject({ waits: "the proxies to apply the last step" });
    for (let step = 0; step < 8; step++) {
      shop.apply();
      await shop.world.pass(1_500);
      expect(shop.running().length).toBeLessThanOrEqual(4);
    }
    expect(shop.running()).toEqual(["green-0", "green-1", "green-2", "green-3"]);
    expect(await shop.seen()).toMatchObject({ state: "DONE", instances: { from: { running: 0, keptAlive: 4 } } });
    // What comes later has the state of its group.
    shop.grow("web", 5);
    shop.grow("green", 5);
    await shop.world.pass(1_500);
    expect(shop.running()).toHaveLength(5);
  });

  /** The proxy applies every step, and each group gets 20 requests a second; so many of a hundred fail. */
  async function serve(seconds: number, failing: number): Promise<void> {
    for (let second = 0; second < seconds; second += 2.5) {
      shop.apply({ web: 50, green: 50 }, { green: failing / 2 });
      await shop.world.pass(2_500);
    }
  }

  it("returns when requests begin to fail, at once and to what was before", async () => {
    await shop.own("instances", "keepalive", "web-3");
    await shop.world.pass(2_000);
    await serve(10, 4);
    await shop.begin();
    await serve(5, 4);
    expect((await shop.seen())["state"]).toBe("SWITCHING");
    await serve(30, 20);
    const { state, reason } = await shop.seen();
    expect([state, reason]).toEqual(["RETURNED", "10 % of the requests fail, 2 % before; 5 % more are allowed"]);
    expect(shop.running()).toEqual(["web-0", "web-1", "web-2"]);
    const { body } = await shop.own("groups", "list");
    expect(body).toMatchObject({
      groups: [{ servingState: "KEEPALIVE" }, { servingState: "RUNNING", others: ["web-3"] }],
    });
  });

  it("returns when nobody could come, and when it is asked to", async () => {
    shop.grow("green", 4, { hc: "UNHEALTHY" });
    await shop.begin({ timeoutSec: 20 });
    await serve(30, 0);
    expect(await shop.seen()).toMatchObject({
      state: "RETURNED",
      reason: "not done within 20 s; it waited for green-0 and 3 more to be healthy",
    });
    shop.grow("green", 4);
    const { name } = await shop.begin();
    await serve(5, 0);
    await shop.own("groupSwitches", "return", name as string);
    await serve(10, 0);
    expect(await shop.seen()).toMatchObject({ state: "RETURNED", reason: "asked for by ada@example.com" });
    expect(shop.running()).toEqual(["web-0", "web-1", "web-2", "web-3"]);
  });

  it("goes on after a restart of the object, and when one of its groups is deleted", async () => {
    await shop.begin();
    await shop.world.pass(1_500);
    const again = new World({ before: shop.world });
    shop = new Shop(again);
    expect(again.alarmAtMs).toBeDefined();
    await shop.world.pass(5_000);
    shop.apply();
    await shop.world.pass(1_500);
    expect(shop.running()).toContain("green-0");
    const backends = [{ group: keyOf("green"), balancingMode: "UTILIZATION" }];
    await shop.world.run({ collection: "backendServices", verb: "patch", name: "cart", body: { backends } });
    await shop.world.run({ collection: "instanceGroupManagers", verb: "delete", scope: zone, name: "web" });
    for (let step = 0; step < 8; step++) {
      shop.apply();
      await shop.world.pass(1_500);
    }
    expect(await shop.seen()).toMatchObject({ state: "DONE" });
    expect(shop.running()).toEqual(["green-0", "green-1", "green-2", "green-3"]);
  });

  it("is one for who asks for the same again, and lets nobody else at its groups", async () => {
    const first = await shop.begin();
    expect(await shop.begin()).toMatchObject({ name: first["name"] ?? "" });
    await expect(shop.own("groups", "run", "web")).rejects.toThrow("is being switched by");
    await expect(shop.own("instances", "run", "green-1")).rejects.toThrow("is being switched by");
    await expect(shop.begin({ from: "green", to: "web" })).rejects.toThrow("is being switched by");
  });
});
