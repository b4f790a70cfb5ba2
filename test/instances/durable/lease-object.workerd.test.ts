import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import { connectText, toBase64Url } from "#base/signing.ts";
import { LeaseObject } from "#instances/durable/lease-object.ts";
import { type ConnectAnswer, type LeaseIdentity, type LeaseReport } from "#instances/lease/lease.ts";

/** The object on real storage, real alarms and real signatures; the project is the test's. */
class Around {
  readonly reports: LeaseReport[] = [];
  readonly collected: string[] = [];
  released = false;
  fails = false;
  readonly env = {
    PROJECT: {
      getByName: () => ({
        observeLeases: async (_group: string, reports: readonly LeaseReport[]) => {
          if (this.fails) throw new Error("overloaded");
          this.reports.push(...reports);
        },
        collectLeases: async (_group: string, lost: readonly { readonly name: string }[]) => {
          this.collected.push(...lost.map(({ name }) => name));
        },
        released: async () => this.released,
      }),
    },
  };
}

const group = { project: "p", key: "zones/z/instanceGroups/g" };

class Vm {
  readonly #pair: CryptoKeyPair;
  readonly identity: LeaseIdentity;

  private constructor(pair: CryptoKeyPair, identity: LeaseIdentity) {
    this.#pair = pair;
    this.identity = identity;
  }

  static async make(more: Partial<LeaseIdentity> = {}): Promise<Vm> {
    const pair = (await crypto.subtle.generateKey({ name: "Ed25519" }, true, ["sign", "verify"])) as CryptoKeyPair;
    const raw = (await crypto.subtle.exportKey("raw", pair.publicKey)) as ArrayBuffer;
    const terms = { ttlSec: 30, collectAfterSec: 60, drained: false, enrolment: "e" };
    return new Vm(pair, { publicKey: toBase64Url(new Uint8Array(raw)), ...terms, ...more });
  }

  async connect(object: LeaseObject, epoch: number, more: { signedEpoch?: number; previousSession?: string } = {}): Promise<ConnectAnswer> {
    const { signedEpoch = epoch, ...rest } = more;
    const request = { project: "p", group: group.key, name: "vm", epoch, nonce: "n", address: `10.0.0.${epoch}`, ...rest };
    const text = new TextEncoder().encode(connectText({ ...request, epoch: signedEpoch }));
    const signature = await crypto.subtle.sign({ name: "Ed25519" }, this.#pair.privateKey, text);
    return object.openSession({ ...request, signature: toBase64Url(new Uint8Array(signature)) });
  }
}

function inObject(name: string, work: (context: DurableObjectState, around: Around) => Promise<void>): Promise<void> {
  const namespace = (env as unknown as { LEASE: DurableObjectNamespace<LeaseObject> }).LEASE;
  return runInDurableObject(namespace.getByName(name), (_object, context) => work(context, new Around()));
}

async function until(fact: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!fact()) {
    if (performance.now() > deadline) throw new Error(`not so within 10 s: ${fact.toString()}`);
    await scheduler.wait(10);
  }
}

function sessionOf(answer: ConnectAnswer): string {
  if (answer.kind !== "connected") throw new Error(answer.kind);
  return answer.session;
}

const rows = (context: DurableObjectState): number =>
  context.storage.sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'lease'").toArray().length;

describe("LeaseObject", () => {
  test("lets in the key that was enrolled, with an epoch that is newer, and nobody else", () =>
    inObject("keys", async (context, around) => {
      const object = new LeaseObject(context, around.env);
      const [vm, stranger] = [await Vm.make(), await Vm.make()];
      expect(await vm.connect(object, 1)).toEqual({ kind: "unknown" });
      await object.apply(group, [{ name: "vm", version: 1, identity: vm.identity }]);
      expect(await stranger.connect(object, 1)).toEqual({ kind: "badSignature" });
      expect(await vm.connect(object, 2, { signedEpoch: 1 })).toEqual({ kind: "badSignature" });
      const session = sessionOf(await vm.connect(object, 5));
      expect(await vm.connect(object, 5)).toEqual({ kind: "staleEpoch", lastEpoch: 5 });
      expect(await object.authorize("vm", session)).toBe(true);
      expect(await object.authorize("vm", `${session}0`)).toBe(false);
    }));

  test("writes nothing for a heartbeat, and tells the project of changes alone", () =>
    inObject("writes", async (context, around) => {
      const object = new LeaseObject(context, around.env);
      const vm = await Vm.make();
      await object.apply(group, [{ name: "vm", version: 1, identity: vm.identity }]);
      const session = sessionOf(await vm.connect(object, 1));
      const beat = (sequence: number) => object.heartbeat({ name: "vm", session, epoch: 1, sequence, healthy: true });
      expect(await beat(1)).toMatchObject({ kind: "taken", state: "SERVING", released: false, healthy: true });
      await until(() => around.reports.at(-1)?.state === "CONNECTED");
      await scheduler.wait(50);
      const told = around.reports.length;
      const written = () => [...context.storage.sql.exec("SELECT total_changes() AS count")][0]?.["count"];
      const before = written();
      for (let sequence = 2; sequence < 100; sequence++) await beat(sequence);
      expect(written()).toBe(before);
      expect(around.reports.length).toBe(told);
    }));

  test("gives every lease its full time after a restart, and tells again what was not taken", () =>
    inObject("restart", async (context, around) => {
      around.fails = true;
      const vm = await Vm.make({ ttlSec: 3 });
      const object = new LeaseObject(context, around.env);
      await object.apply(group, [{ name: "vm", version: 1, identity: vm.identity }]);
      const session = sessionOf(await vm.connect(object, 1));
      await object.heartbeat({ name: "vm", session, epoch: 1, sequence: 7 });
      around.fails = false;
      const again = new LeaseObject(context, around.env);
      await again.alarm();
      await until(() => around.reports.at(-1)?.state === "CONNECTED");
      expect(await again.heartbeat({ name: "vm", session, epoch: 1, sequence: 8 })).toMatchObject({ kind: "taken" });
      const alarmAtMs = await context.storage.getAlarm();
      expect(alarmAtMs).toBeGreaterThan(Date.now() + 1000);
    }));

  test("tells of silence, then asks for the end; and ends with nothing left", () =>
    inObject("silence", async (context, around) => {
      const vm = await Vm.make({ ttlSec: 0.05, collectAfterSec: 0.05 });
      const object = new LeaseObject(context, around.env);
      await object.apply(group, [{ name: "vm", version: 1, identity: vm.identity }]);
      const session = sessionOf(await vm.connect(object, 1));
      await object.heartbeat({ name: "vm", session, epoch: 1, sequence: 1 });
      await scheduler.wait(60);
      await object.alarm();
      await until(() => around.reports.at(-1)?.state === "LOST");
      await scheduler.wait(60);
      await object.alarm();
      await until(() => around.collected.includes("vm"));
      expect(rows(context)).toBe(1);
      await object.apply(group, [{ name: "vm", version: 2 }]);
      expect(rows(context)).toBe(0);
      expect(await object.heartbeat({ name: "vm", session, epoch: 1, sequence: 2 })).toEqual({ kind: "unknown" });
    }));

  test("tells a drained instance when the proxies have let go", () =>
    inObject("drained", async (context, around) => {
      const vm = await Vm.make();
      const object = new LeaseObject(context, around.env);
      await object.apply(group, [{ name: "vm", version: 1, identity: vm.identity }]);
      const session = sessionOf(await vm.connect(object, 1));
      await object.apply(group, [{ name: "vm", version: 2, identity: { ...vm.identity, drained: true } }]);
      expect(await object.heartbeat({ name: "vm", session, epoch: 1, sequence: 1 })).toMatchObject({ state: "DRAINING", released: false });
      around.released = true;
      await scheduler.wait(520);
      expect(await object.heartbeat({ name: "vm", session, epoch: 1, sequence: 2 })).toMatchObject({ state: "DRAINING", released: true });
      await object.apply(group, [{ name: "vm", version: 3, identity: vm.identity }]);
      expect(await object.heartbeat({ name: "vm", session, epoch: 1, sequence: 3 })).toMatchObject({ state: "SERVING", released: false });
    }));
});
