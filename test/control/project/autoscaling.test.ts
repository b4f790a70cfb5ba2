import { beforeEach, describe, expect, it } from "vitest";
import type { JsonObject } from "#base/json.ts";
import { seededRandom } from "#base/random.ts";
import { GroupRunner } from "#instances/durable/runner.ts";
import type { StoredState } from "#instances/durable/storage.ts";
import type { FleetState } from "#instances/fleet.ts";
import type { GroupReport } from "#instances/group/spec.ts";
import { World } from "./harness.ts";

const zone = "zones/us-central1-a";
const minute = 60_000;

/** The project and the group `web` on one clock; the group's VMs share a load. */
class ScaledShop {
  readonly world: World;
  /** CPUs that all VMs together use. */
  load = 0;
  readonly reports: GroupReport[] = [];
  /** Called with each report instead of handing it on. */
  deliver: (report: GroupReport) => void = (report) => this.world.project.observeGroup(report);
  readonly #runner: GroupRunner;
  readonly #vms = new Map<string, FleetState & { used: number }>();
  #stored: StoredState | undefined;
  #alarmAtMs = Number.POSITIVE_INFINITY;

  constructor() {
    this.world = new World({
      group: () => ({
        configure: async (spec) => this.#runner.configure(spec),
        measure: async (signals) => this.#runner.measure(signals),
      }),
    });
    this.#runner = new GroupRunner({
      clock: { now: () => this.world.now },
      random: seededRandom(3),
      storage: {
        load: () => ({ sequence: 0, ...(this.#stored && { state: this.#stored }) }),
        save: (_previous, next) => (this.#stored = next),
        saveSequence: () => undefined,
        wipe: () => (this.#stored = undefined),
      },
      fleet: {
        create: async ({ name, id }) => {
          const vm = this.#vms.get(id) ?? { name, id, address: `127.10.0.${this.#vms.size + 1}`, pid: 1, running: true, used: 0 };
          this.#vms.set(id, vm);
          return vm;
        },
        suspend: async () => undefined,
        delete: async (_spec, _name, id) => void this.#vms.delete(id),
        list: async () => [...this.#vms.values()].map(({ used, ...state }) => ({ ...state, cpu: { seconds: used, atMs: this.world.now } })),
      },
      probe: async () => ({ ok: true }),
      observer: () => ({
        observeGroup: async (report) => {
          this.reports.push(report);
          this.deliver(report);
        },
        released: async () => true,
      }),
      setAlarm: (atMs) => (this.#alarmAtMs = atMs),
      keep: () => undefined,
      log: () => undefined,
    });
  }

  async open(policy: JsonObject): Promise<void> {
    await this.world.createShop();
    const body = { name: "web", target: `${zone}/instanceGroupManagers/web`, autoscalingPolicy: { coolDownPeriodSec: 0, ...policy } };
    expect(await this.world.insert("autoscalers", body, zone)).toMatchObject({ status: 200 });
    await this.pass(0);
  }

  async pass(ms: number): Promise<void> {
    const endMs = this.world.now + ms;
    do {
      await this.#settle();
      const stepMs = Math.min(1_000, endMs - this.world.now);
      this.world.now += stepMs;
      for (const vm of this.#vms.values()) vm.used += ((this.load / this.#vms.size) * stepMs) / 1000;
      if (this.#alarmAtMs <= this.world.now) {
        this.#alarmAtMs = Number.POSITIVE_INFINITY;
        this.#runner.tick();
      }
      await this.#settle();
    } while (this.world.now < endMs);
  }

  async get(collection: string): Promise<JsonObject> {
    return (await this.world.run({ collection, verb: "get", scope: zone, name: "web" })).body ?? {};
  }

  /** Sizes that the autoscaler has set, by the audit log. */
  async resizes(): Promise<readonly JsonObject[]> {
    const { body } = await this.world.run({ collection: "wayside", verb: "audit", scope: "" });
    const entries = (body?.["entries"] ?? []) as JsonObject[];
    return entries.filter(({ verb }) => verb === "resize");
  }

  async #settle(): Promise<void> {
    for (let turn = 0; turn < 3; turn++) {
      await new Promise((resolve) => setImmediate(resolve));
      await this.world.settle();
    }
  }
}

describe("a group with an autoscaler", () => {
  let shop: ScaledShop;

  beforeEach(() => {
    shop = new ScaledShop();
  });

  it("goes from 2 to 6 in one resize, and back only after stabilization", async () => {
    await shop.open({ minNumReplicas: 2, maxNumReplicas: 10, cpuUtilization: { utilizationTarget: 0.5 } });
    shop.load = 0.8;
    await shop.pass(2 * minute);
    expect(await shop.get("instanceGroupManagers")).toMatchObject({ targetSize: 2, status: { isStable: true } });
    shop.load = 2.9;
    await shop.pass(2 * minute);
    expect(await shop.get("instanceGroupManagers")).toMatchObject({ targetSize: 6, status: { isStable: true } });
    expect(await shop.resizes()).toMatchObject([{ user: "autoscaler", changed: [`${zone}/instanceGroupManagers/web`] }]);
    shop.load = 0.8;
    await shop.pass(9 * minute + 45_000);
    expect(await shop.get("instanceGroupManagers")).toMatchObject({ targetSize: 6 });
    await shop.pass(minute);
    expect(await shop.get("instanceGroupManagers")).toMatchObject({ targetSize: 2 });
    expect(await shop.resizes()).toHaveLength(2);
  });

  it("says what it recommends, and why it does not do it", async () => {
    await shop.open({ minNumReplicas: 2, maxNumReplicas: 10, mode: "OFF", cpuUtilization: { utilizationTarget: 0.5 } });
    shop.load = 2.9;
    await shop.pass(minute);
    expect(await shop.get("autoscalers")).toMatchObject({
      status: "ACTIVE",
      recommendedSize: 6,
      statusDetails: [{ type: "MODE_OFF", message: expect.stringContaining("turned off") }],
    });
    expect(await shop.resizes()).toEqual([]);
    const query = { autoscaler: "web" };
    await shop.world.run({ collection: "autoscalers", verb: "patch", scope: zone, query, body: { autoscalingPolicy: { mode: "ON" } } });
    await shop.pass(5_000);
    expect(await shop.get("instanceGroupManagers")).toMatchObject({ targetSize: 6 });
    expect(await shop.resizes()).toHaveLength(1);
  });

  it("resizes once, however often and in whatever order reports come", async () => {
    await shop.open({ minNumReplicas: 2, maxNumReplicas: 10, cpuUtilization: { utilizationTarget: 0.5 } });
    shop.load = 2.9;
    const held: GroupReport[] = [];
    shop.deliver = (report) => {
      held.push(report);
      shop.world.project.observeGroup(report);
    };
    await shop.pass(2 * minute);
    for (const report of [...held, ...held.toReversed()]) shop.world.project.observeGroup(report);
    await shop.pass(5_000);
    expect(await shop.resizes()).toHaveLength(1);
    expect(await shop.get("instanceGroupManagers")).toMatchObject({ targetSize: 6 });
  });

  it("obeys a new minimum at once, and no longer when it is deleted", async () => {
    await shop.open({ minNumReplicas: 2, maxNumReplicas: 10 });
    await shop.pass(5_000);
    const query = { autoscaler: "web" };
    await shop.world.run({
      collection: "autoscalers",
      verb: "patch",
      scope: zone,
      query,
      body: { autoscalingPolicy: { minNumReplicas: 4 } },
    });
    await shop.pass(5_000);
    expect(await shop.get("instanceGroupManagers")).toMatchObject({
      targetSize: 4,
      status: { autoscaler: expect.stringMatching(/autoscalers\/web$/) },
    });
    await shop.world.run({ collection: "autoscalers", verb: "delete", scope: zone, name: "web" });
    await shop.world.run({ collection: "instanceGroupManagers", verb: "resize", scope: zone, name: "web", query: { size: "1" } });
    await shop.pass(5_000);
    expect(await shop.get("instanceGroupManagers")).toMatchObject({ targetSize: 1 });
    expect((await shop.get("instanceGroupManagers"))["status"]).not.toHaveProperty("autoscaler");
  });

  it("is sized by the requests that its proxies report", async () => {
    await shop.open({ minNumReplicas: 2, maxNumReplicas: 10, loadBalancingUtilization: { utilizationTarget: 0.8 } });
    const backends = [{ group: `${zone}/instanceGroups/web`, balancingMode: "RATE", maxRatePerInstance: 10 }];
    await shop.world.run({ collection: "backendServices", verb: "patch", name: "cart", body: { backends } });
    for (let seconds = 0; seconds <= 60; seconds += 10) {
      const proxies = ["a", "b"].map((proxy) => ({
        service: "cart.shop.mesh",
        proxy,
        generation: 1,
        digest: "",
        confirmedAtMs: shop.world.now,
        droppedSpans: 0,
        backends: { cart: { ejected: [], active: 0, overflows: 0, requests: { [`${zone}/instanceGroups/web`]: 22 * seconds } } },
      }));
      shop.world.project.report(proxies);
      await shop.pass(10_000);
    }
    expect(await shop.get("instanceGroupManagers")).toMatchObject({ targetSize: 6 });
    expect(await shop.resizes()).toHaveLength(1);
  });

  it("is sized by metrics that it is fed", async () => {
    const metric = "custom.googleapis.com/jobs";
    await shop.open({
      minNumReplicas: 1,
      maxNumReplicas: 10,
      customMetricUtilizations: [{ metric, filter: 'resource.type = "instance_group"', singleInstanceAssignment: 5 }],
    });
    for (let turn = 0; turn < 4; turn++) {
      const series = {
        metric: { type: metric },
        resource: { type: "instance_group", labels: { instance_group_name: "web" } },
        points: [{ interval: { endTime: new Date(shop.world.now).toISOString() }, value: { int64Value: "29" } }],
      };
      expect(await shop.world.run({ collection: "wayside", verb: "metrics", scope: "", body: { timeSeries: [series] } })).toEqual({
        status: 200,
        body: {},
      });
      await shop.pass(10_000);
    }
    expect(await shop.get("instanceGroupManagers")).toMatchObject({ targetSize: 6 });
  });
});
