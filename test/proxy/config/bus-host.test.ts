import { describe, expect, test } from "vitest";
import { importMasterKey, seal } from "#base/seal.ts";
import { keys } from "#ir/snapshot.ts";
import { BusHost, type BusHostOptions } from "#proxy/config/bus-host.ts";
import { MemoryBus, nothing, project, routeTo, rule, snapshot, cluster } from "../fixture.ts";

const masterKey = await importMasterKey(btoa("k".repeat(32)));
const service = "cart.shop.mesh";

function naming(name: string, secretVersion: number, of: string) {
  const requestHeaders = [{ ...nothing, set: [["x", [{ secret: name }]]] as const }];
  const rules = [rule("/", routeTo("a"), { requestHeaders })];
  return snapshot(of, rules, { backends: [cluster("a", [])], secrets: [{ name, version: secretVersion }] });
}

async function setUp(more: Partial<BusHostOptions> = {}) {
  const bus = new MemoryBus();
  const read: string[] = [];
  const kv = { get: async (key: string) => (read.push(key), bus.values.get(key)?.slice().buffer ?? null) };
  const probe = { pointers: async () => bus.pointers, report: async () => undefined };
  for (const [name, text] of [
    ["mine", "my-plaintext"],
    ["other", "other-plaintext"],
  ] as const) {
    const sealed = await seal(masterKey, { project, name, version: 1 }, new Uint8Array(new TextEncoder().encode(text)));
    bus.values.set(keys.secret(project, name, 1), sealed);
  }
  return { bus, read, host: new BusHost({ project, service, kv, probe, masterKey, ...more }) };
}

describe("secrets", () => {
  test("are opened for versions that the service's snapshot names, also when the host is younger than its proxy", async () => {
    const { bus, host } = await setUp();
    bus.publish(naming("mine", 1, service));
    expect(await host.secret("mine", 1)).toBe("my-plaintext");
  });

  test("of other services and other versions are not even read", async () => {
    const { bus, host, read } = await setUp();
    bus.publish(naming("mine", 1, service));
    bus.publish(naming("other", 1, "pay.shop.mesh"));
    expect(await host.secret("other", 1)).toBeNull();
    expect(await host.secret("mine", 2)).toBeNull();
    expect(await host.secret("../../snap", 1)).toBeNull();
    expect(read.filter((key) => key.startsWith("sec/"))).toEqual([]);
  });

  test("that were sealed for another name are not opened", async () => {
    const { bus, host } = await setUp();
    bus.publish(naming("mine", 1, service));
    bus.values.set(keys.secret(project, "mine", 1), bus.values.get(keys.secret(project, "other", 1)) ?? new Uint8Array());
    expect(await host.secret("mine", 1)).toBeNull();
  });

  test.each([
    ["another", btoa("x".repeat(32))],
    ["no valid", "short"],
  ])("are unavailable with %s master key", async (_, text) => {
    const wrongKey = importMasterKey(text);
    wrongKey.catch(() => undefined);
    const { bus, host } = await setUp({ masterKey: wrongKey });
    bus.publish(naming("mine", 1, service));
    expect(await host.secret("mine", 1)).toBeNull();
  });
});

test("snapshots are those of the service, by digest and nothing else", async () => {
  const { host, read } = await setUp();
  expect(await host.snapshot("../pay.shop.mesh/x")).toBeNull();
  expect(read).toEqual([]);
  await host.snapshot("a".repeat(64));
  expect(read).toEqual([keys.snapshot(project, service, "a".repeat(64))]);
});

test("a report is the service's own, whatever it says", async () => {
  const reports: unknown[] = [];
  const { host } = await setUp({ probe: { pointers: async () => ({}), report: async (_, rows) => void reports.push(...rows) } });
  await host.report({ service: "pay.shop.mesh", generation: 1, digest: "", confirmedAtMs: 0, droppedSpans: 0 });
  expect(reports).toMatchObject([{ service }]);
});

test("a malformed pointer is a source that failed, not the absence of one", async () => {
  const { bus, host } = await setUp();
  bus.publish(naming("mine", 1, service));
  bus.values.set(keys.pointer(project, service), new Uint8Array([123]));
  const { pointer, complete } = await host.pointer();
  expect([pointer?.generation, complete]).toEqual([1, false]);
});
