import { inspect } from "node:util";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { seededRandom } from "#base/random.ts";
import { importMasterKey, seal } from "#base/seal.ts";
import { keys } from "#ir/snapshot.ts";
import { BusHost } from "#proxy/config/bus-host.ts";
import { Refusals } from "#proxy/config/refusals.ts";
import type { Observation } from "#proxy/filters/explain-backend.ts";
import type { ProxyHost, ProxyReport } from "#proxy/config/host.ts";
import { ConfigKeeper } from "#proxy/config/keeper.ts";
import { cluster, endpoint, group, ManualClock, MemoryBus, project, routeTo, rule, snapshot } from "../fixture.ts";

const service = "cart.shop.mesh";
const masterKey = await importMasterKey(btoa("k".repeat(32)));

/** A snapshot that differs from others by the number of its one endpoint's port. */
function version(port: number) {
  return snapshot(service, [rule("/", routeTo("cart"))], {
    backends: [cluster("cart", [group("g", [endpoint("i", "10.0.0.1", { port })])])],
  });
}

function withSecret(secretVersion: number | null) {
  const requestHeaders = [{ remove: [], set: [["x-token", [{ secret: "token" }]]] as const, add: [] }];
  const rules = [rule("/", routeTo("cart"), { requestHeaders })];
  const backends = [cluster("cart", [group("g", [endpoint("i", "10.0.0.1")])])];
  return snapshot(service, rules, { backends, secrets: [{ name: "token", version: secretVersion }] });
}

interface Faults {
  kv?: "throws" | "hangs";
  probe?: "throws" | "hangs";
}

function setUp() {
  const bus = new MemoryBus();
  const clock = new ManualClock();
  const faults: Faults = {};
  const reports: ProxyReport[] = [];
  const hung = new Promise<never>(() => undefined);
  const misbehave = (fault: "throws" | "hangs"): Promise<never> => (fault === "hangs" ? hung : Promise.reject(new Error("away")));
  const host: ProxyHost = new BusHost({
    project,
    service,
    masterKey,
    kv: { get: async (key) => (faults.kv ? misbehave(faults.kv) : (bus.values.get(key)?.slice().buffer ?? null)) },
    probe: {
      pointers: async () => (faults.probe ? misbehave(faults.probe) : { ...bus.pointers }),
      report: async (_, rows) => (faults.probe ? misbehave(faults.probe) : void reports.push(...rows)),
    },
  });
  const refusals = new Refusals();
  const seen: Record<string, Observation> = {};
  const warnings: string[] = [];
  const observing = { proxy: "p1", droppedSpans: () => 0, backends: () => seen, refusals, warningsOf: () => warnings };
  const keeper = new ConfigKeeper({ service, host, clock, random: seededRandom(1), refreshMs: 1000, ...observing });
  const port = () => keeper.current?.compiled.snapshot.clusters["cart"]?.groups[0]?.endpoints[0]?.port;
  const putSecret = async (secretVersion: number, text: string) =>
    bus.values.set(
      keys.secret(project, "token", secretVersion),
      await seal(masterKey, { project, name: "token", version: secretVersion }, new Uint8Array(new TextEncoder().encode(text))),
    );
  return { bus, clock, faults, reports, keeper, port, putSecret, refusals, seen, warnings };
}

describe("what is in force", () => {
  test("is nothing before the first publish, and then the newest", async () => {
    const { bus, keeper, port } = setUp();
    await keeper.refresh();
    expect(keeper.current).toBeUndefined();
    bus.publish(version(1));
    await keeper.refresh();
    expect(port()).toBe(1);
    bus.publish(version(2));
    await keeper.refresh();
    expect(port()).toBe(2);
  });

  test("never goes back: a pointer that lags behind is passed over, a higher one with the old content is taken", async () => {
    const { bus, keeper, port } = setUp();
    const first = bus.publish(version(1));
    const second = bus.publish(version(2));
    await keeper.refresh();
    expect(keeper.current?.generation).toBe(second.generation);
    bus.pointTo(service, first);
    await keeper.refresh();
    expect(port()).toBe(2);
    bus.pointTo(service, { ...first, generation: second.generation + 1 });
    await keeper.refresh();
    expect(port()).toBe(1);
  });

  test("is the higher one where KV and the probe differ", async () => {
    const { bus, keeper, port } = setUp();
    const first = bus.publish(version(1));
    const second = bus.publish(version(2));
    bus.pointTo(service, first);
    bus.pointers[service] = second;
    await keeper.refresh();
    expect(port()).toBe(2);
  });

  test("stays while the snapshot is not visible yet, which is no rejection", async () => {
    const { bus, keeper, port, reports } = setUp();
    bus.publish(version(1));
    await keeper.refresh();
    const second = bus.publish(version(2));
    const key = keys.snapshot(project, service, second.digest);
    const bytes = bus.values.get(key);
    bus.values.delete(key);
    await keeper.refresh();
    expect(port()).toBe(1);
    expect(reports.at(-1)?.rejection).toBeUndefined();
    if (bytes) bus.values.set(key, bytes);
    await keeper.refresh();
    expect(port()).toBe(2);
  });

  test("is one reference: a request that has it keeps it", async () => {
    const { bus, keeper } = setUp();
    bus.publish(version(1));
    await keeper.refresh();
    const held = keeper.current;
    bus.publish(version(2));
    await keeper.refresh();
    expect(held?.compiled.snapshot.clusters["cart"]?.groups[0]?.endpoints[0]?.port).toBe(1);
    expect(keeper.current).not.toBe(held);
  });
});

describe("a snapshot that cannot be used", () => {
  const bytesOf = (text: string) => new Uint8Array(new TextEncoder().encode(text));
  test.each<[string, (bus: MemoryBus) => void, RegExp]>([
    ["with a flipped byte", (bus) => damage(bus, (bytes) => void (bytes[10] = (bytes[10] ?? 0) ^ 1)), /SHA-256 is [0-9a-f]{64} instead of/],
    ["cut off", (bus) => cut(bus), /bytes instead of/],
    ["that is no JSON", (bus) => void bus.publishBytes(service, bytesOf("{")), /JSON/],
    ["without its fields", (bus) => void bus.publishBytes(service, bytesOf("{}")), /./],
    ["of another service", (bus) => void bus.publishBytes(service, other(bus)), /it is the snapshot of other/],
    ["with a bad expression", (bus) => void bus.publish(badRegex()), /\(/],
    ["of a later schema", (bus) => bus.pointTo(service, { ...bus.publish(version(2)), schemaVersion: 99 }), /deploy a newer proxy/],
  ])("%s is refused with its reason, and the last good one stays", async (_, publish, reason) => {
    const { bus, keeper, port, reports } = setUp();
    bus.publish(version(1));
    await keeper.refresh();
    publish(bus);
    await keeper.refresh();
    expect(port()).toBe(1);
    expect(reports.at(-1)).toMatchObject({ generation: 1, rejection: { generation: bus.pointers[service]?.generation } });
    expect(reports.at(-1)?.rejection?.reason).toMatch(reason);
    bus.publish(version(3));
    await keeper.refresh();
    expect(port()).toBe(3);
    expect(reports.at(-1)?.rejection).toBeUndefined();
  });

  test("because its copy was damaged is taken when a good copy is read", async () => {
    const { bus, keeper, port, clock } = setUp();
    bus.publish(version(1));
    await keeper.refresh();
    const { digest } = bus.publish(version(2));
    const key = keys.snapshot(project, service, digest);
    const good = bus.values.get(key);
    bus.values.set(key, new Uint8Array(good?.length ?? 0));
    await keeper.refresh();
    expect(port()).toBe(1);
    if (good) bus.values.set(key, good);
    clock.nowMs += 10_000;
    await keeper.refresh();
    expect(port()).toBe(2);
  });

  function other(bus: MemoryBus): Uint8Array<ArrayBuffer> {
    const { digest } = bus.publish({ ...version(2), service: "other" });
    return bus.values.get(keys.snapshot(project, "other", digest)) ?? new Uint8Array();
  }
  function badRegex() {
    const matches = [{ path: { kind: "regex", value: "(" } as const, headers: [], query: [] }];
    return snapshot(service, [rule("/", routeTo("cart"), { matches })], { backends: [cluster("cart", [])] });
  }
  function damage(bus: MemoryBus, change: (bytes: Uint8Array) => void): void {
    const { digest } = bus.publish(version(2));
    change(bus.values.get(keys.snapshot(project, service, digest)) ?? new Uint8Array());
  }
  function cut(bus: MemoryBus): void {
    const key = keys.snapshot(project, service, bus.publish(version(2)).digest);
    bus.values.set(key, bus.values.get(key)?.slice(0, -1) ?? new Uint8Array());
  }
});

describe("when the bus is away", () => {
  test.each<Faults>([{ kv: "throws" }, { probe: "throws" }, { kv: "throws", probe: "throws" }])(
    "%o: nothing changes and the age grows",
    async (faults) => {
      const { bus, clock, keeper, port, reports, faults: current } = setUp();
      bus.publish(version(1));
      await keeper.refresh();
      const confirmed = reports.at(-1)?.confirmedAtMs;
      expect(confirmed).toBe(clock.nowMs);
      Object.assign(current, faults);
      for (let second = 0; second < 60; second++) {
        clock.nowMs += 1000;
        await keeper.refresh();
        expect(port()).toBe(1);
      }
      for (const report of reports) expect(report.confirmedAtMs).toBe(confirmed);
      delete current.kv;
      delete current.probe;
      clock.nowMs += 10_000;
      await keeper.refresh();
      expect(reports.at(-1)?.confirmedAtMs).toBe(clock.nowMs);
    },
  );

  test("an answer of the probe alone confirms nothing", async () => {
    const { bus, faults, keeper, reports, clock } = setUp();
    bus.publish(version(1));
    await keeper.refresh();
    const before = reports.at(-1)?.confirmedAtMs;
    clock.nowMs += 20_000;
    faults.kv = "throws";
    await keeper.refresh();
    expect(reports.at(-1)?.confirmedAtMs).toBe(before);
  });

  describe("by hanging", () => {
    beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] }));
    afterEach(() => void vi.useRealTimers());

    /** Lets time pass in steps, since digests are computed in real time between them. */
    async function pass(work: Promise<unknown>): Promise<number> {
      let isDone = false;
      void work.finally(() => (isDone = true));
      let passedMs = 0;
      for (; !isDone; passedMs += 100) {
        await vi.advanceTimersByTimeAsync(100);
        await new Promise((resolve) => setImmediate(resolve));
      }
      return passedMs;
    }

    test("a source costs its own deadline and not the other's answer", async () => {
      const { bus, faults, keeper, port } = setUp();
      bus.publish(version(1));
      faults.probe = "hangs";
      await pass(keeper.refresh());
      expect(port()).toBe(1);
    });

    test("both leave a refresh that ends", async () => {
      const { faults, keeper } = setUp();
      Object.assign(faults, { kv: "hangs", probe: "hangs" });
      expect(await pass(keeper.refresh())).toBeLessThanOrEqual(5_000);
    });

    test("both cost the first request 5 s and no more, and that is counted", async () => {
      const { faults, keeper } = setUp();
      Object.assign(faults, { kv: "hangs", probe: "hangs" });
      const kept: Promise<void>[] = [];
      const first = keeper.first((work) => void kept.push(work));
      expect(await pass(first)).toBeLessThanOrEqual(5_100);
      expect(await first).toBeUndefined();
      expect(keeper.waits).toBe(1);
      expect(kept).toHaveLength(1);
    });
  });
});

test("what it says of itself is said on change, and every 10 s", async () => {
  const { bus, clock, keeper, reports } = setUp();
  bus.publish(version(1));
  await keeper.refresh();
  expect(reports).toHaveLength(1);
  clock.nowMs += 1000;
  await keeper.refresh();
  expect(reports).toHaveLength(1);
  bus.publish(version(2));
  await keeper.refresh();
  expect(reports).toHaveLength(2);
  clock.nowMs += 10_000;
  await keeper.refresh();
  expect(reports).toHaveLength(3);
});

describe("secrets", () => {
  test("are there before the configuration that needs them is in force", async () => {
    const { bus, keeper, putSecret } = setUp();
    await putSecret(1, "canary-4711");
    bus.publish(withSecret(1));
    await keeper.refresh();
    expect(keeper.current?.secrets.reveal("token")).toBe("canary-4711");
    expect(inspect(keeper.current, { depth: 20, showHidden: true })).not.toContain("canary-4711");
  });

  test("change with their version, and the former one stands in while the new one is not visible, for two minutes", async () => {
    const { bus, clock, keeper, putSecret } = setUp();
    await putSecret(1, "one");
    bus.publish(withSecret(1));
    await keeper.refresh();
    bus.publish(withSecret(2));
    await keeper.refresh();
    expect(keeper.current?.secrets.reveal("token")).toBe("one");
    await putSecret(2, "two");
    await keeper.refresh();
    expect(keeper.current?.secrets.reveal("token")).toBe("two");
    bus.publish(withSecret(3));
    await keeper.refresh();
    clock.nowMs += 120_000;
    await keeper.refresh();
    expect(keeper.current?.secrets.reveal("token")).toBeUndefined();
  });

  test("that have no version any more are gone at once", async () => {
    const { bus, keeper, putSecret } = setUp();
    await putSecret(1, "one");
    bus.publish(withSecret(1));
    await keeper.refresh();
    bus.publish(withSecret(null));
    await keeper.refresh();
    expect(keeper.current?.secrets.reveal("token")).toBeUndefined();
  });

  test("that are missing at the start are found when they come", async () => {
    const { bus, keeper, putSecret } = setUp();
    bus.publish(withSecret(1));
    await keeper.refresh();
    expect(keeper.current?.generation).toBe(1);
    expect(keeper.current?.secrets.reveal("token")).toBeUndefined();
    await putSecret(1, "late");
    await keeper.refresh();
    expect(keeper.current?.secrets.reveal("token")).toBe("late");
  });
});

describe("besides what is in force, the report tells", () => {
  const refusal = {
    atMs: 1,
    generation: 1,
    reason: "no_route",
    text: "no rule",
    method: "GET",
    url: "http://a/",
    headers: [],
    withheld: [],
  };
  const refused = (id: string): Parameters<Refusals["add"]>[0] => ({
    ...refusal,
    id,
  });

  test("what was refused, once, and again when nobody heard it", async () => {
    const { bus, faults, keeper, refusals, reports } = setUp();
    bus.publish(version(1));
    await keeper.refresh();
    refusals.add(refused("a"));
    faults.probe = "throws";
    await keeper.refresh();
    refusals.add(refused("b"));
    delete faults.probe;
    await keeper.refresh();
    await keeper.refresh();
    const told = reports.map((report) => (report.refusals ?? []).map(({ id }) => id));
    expect(told).toEqual([[], ["a", "b"]]);
  });

  test("no more than the newest fifty", async () => {
    const { keeper, refusals, reports } = setUp();
    for (let index = 0; index < 1_000; index++) refusals.add(refused(String(index)));
    await keeper.refresh();
    expect(reports[0]?.refusals?.map(({ id }) => id)).toEqual(Array.from({ length: 50 }, (_, index) => String(950 + index)));
  });

  test("that an endpoint was ejected, at once; other numbers with the next report", async () => {
    const { keeper, reports, seen } = setUp();
    await keeper.refresh();
    seen["cart"] = { ejected: [], active: 1, overflows: 0 };
    await keeper.refresh();
    expect(reports).toHaveLength(2);
    seen["cart"] = { ejected: [], active: 7, overflows: 3 };
    await keeper.refresh();
    expect(reports).toHaveLength(2);
    seen["cart"] = { ejected: ["g/vm"], active: 7, overflows: 3 };
    await keeper.refresh();
    expect(reports.at(-1)?.backends).toEqual({ cart: { ejected: ["g/vm"], active: 7, overflows: 3 } });
  });
});

test("a report names its proxy, and what it cannot do once there is a configuration", async () => {
  const { bus, keeper, reports, warnings, clock } = setUp();
  warnings.push("no bindings");
  await keeper.refresh();
  expect(reports.at(-1)).toMatchObject({ proxy: "p1", generation: 0 });
  expect(reports.at(-1)).not.toHaveProperty("warnings");
  bus.publish(version(1));
  clock.nowMs += 1_000;
  await keeper.refresh();
  expect(reports.at(-1)).toMatchObject({ proxy: "p1", warnings: ["no bindings"] });
});
