import { describe, expect, it } from "vitest";
import { noFaults, type KvFaults } from "#dev/faults/faults.ts";
import { FaultyKv } from "#dev/faults/kv.ts";

const bytes = (text: string): ArrayBuffer => new TextEncoder().encode(text).buffer;
const text = (value: ArrayBuffer | null): string | null => value && new TextDecoder().decode(value);

/** A KV over a map, a clock that only moves when told, and faults that can be changed. */
function setUp(first: Partial<KvFaults> = {}) {
  const values = new Map<string, ArrayBuffer>();
  const world = { now: 0, faults: { ...noFaults.kv, ...first } as KvFaults, slept: 0, reads: 0, values };
  const kv = new FaultyKv({
    store: {
      get: async (key) => {
        world.reads += 1;
        return values.get(key) ?? null;
      },
      put: async (key, value) => void values.set(key, value as ArrayBuffer),
      delete: async (key) => void values.delete(key),
    },
    clock: { now: () => world.now },
    faults: () => world.faults,
    sleep: async (milliseconds) => void (world.slept += milliseconds),
  });
  return { kv, world };
}

describe("without faults", () => {
  it("is the KV behind it", async () => {
    const { kv, world } = setUp();
    expect(await kv.get("k")).toBeNull();
    await kv.put("k", bytes("1"));
    expect(text(await kv.get("k"))).toBe("1");
    await kv.put("k", bytes("2"));
    expect(text(await kv.get("k"))).toBe("2");
    await kv.delete("k");
    expect(await kv.get("k")).toBeNull();
    expect(world.slept).toBe(0);
  });
});

describe("staleness", () => {
  it("answers what was read before, absence included, until its time is over", async () => {
    const { kv, world } = setUp({ staleMs: 60_000 });
    expect(await kv.get("absent")).toBeNull();
    await kv.put("absent", bytes("now there"));
    await kv.put("k", bytes("1"));
    expect(text(await kv.get("k"))).toBe("1");
    await kv.put("k", bytes("2"));
    world.now = 59_999;
    expect(text(await kv.get("k"))).toBe("1");
    expect(await kv.get("absent")).toBeNull();
    world.now = 60_000;
    expect(text(await kv.get("k"))).toBe("2");
    expect(text(await kv.get("absent"))).toBe("now there");
  });

  it("shows immutable keys that were never asked for at once", async () => {
    const { kv } = setUp({ staleMs: 60_000 });
    await kv.put("snap/1", bytes("s"));
    expect(text(await kv.get("snap/1"))).toBe("s");
  });

  it("is forgotten when it is taken away", async () => {
    const { kv, world } = setUp({ staleMs: 60_000 });
    await kv.put("k", bytes("1"));
    await kv.get("k");
    await kv.put("k", bytes("2"));
    world.faults = noFaults.kv;
    expect(text(await kv.get("k"))).toBe("2");
    world.faults = { ...noFaults.kv, staleMs: 60_000 };
    expect(text(await kv.get("k"))).toBe("2");
  });
});

describe("failures", () => {
  it("fail reads alone, or writes alone", async () => {
    const { kv, world } = setUp();
    await kv.put("k", bytes("1"));
    world.faults = { ...noFaults.kv, failReads: true };
    await expect(kv.get("k")).rejects.toThrow(/500/);
    await kv.put("k", bytes("2"));
    world.faults = { ...noFaults.kv, failWrites: true };
    await expect(kv.put("k", bytes("3"))).rejects.toThrow(/500/);
    await expect(kv.delete("k")).rejects.toThrow(/500/);
    expect(text(await kv.get("k"))).toBe("2");
  });

  it("take time, failed calls as well", async () => {
    const { kv, world } = setUp({ latencyMs: 30, failReads: true });
    await expect(kv.get("k")).rejects.toThrow();
    await kv.put("k", bytes("1"));
    expect(world.slept).toBe(60);
  });

  it("refuse a second write to one key within a second, and no other", async () => {
    const { kv, world } = setUp({ limitWrites: true });
    await kv.put("a", bytes("1"));
    await kv.put("b", bytes("1"));
    world.now = 999;
    await expect(kv.put("a", bytes("2"))).rejects.toThrow(/429/);
    world.now = 1000;
    await kv.put("a", bytes("3"));
    await expect(kv.delete("a")).rejects.toThrow(/429/);
    expect(text(await kv.get("a"))).toBe("3");
  });
});
