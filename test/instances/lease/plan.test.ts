/** What becomes of a lease: who may take it, what heartbeats change, and when it ends. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Lease, LeaseIdentity, Presence } from "#instances/lease/lease.ts";
import { applyTask, atTime, beat, connect, dueAtMs, isCollectable, reportOf } from "#instances/lease/plan.ts";

const identity: LeaseIdentity = { publicKey: "key", enrolment: "first", drained: false, ttlSec: 30, collectAfterSec: 3600 };
const now = 1_000_000;

function enrolled(more: Partial<LeaseIdentity> = {}): Lease {
  const lease = applyTask(undefined, { name: "vm", version: 1, identity: { ...identity, ...more } }, now);
  if (!lease) throw new Error("no lease");
  return lease;
}

function connected(lease: Lease, epoch: number, more: { sessionHash?: string; previousHash?: string } = {}): Lease {
  const next = connect(lease, { epoch, sessionHash: `s${epoch}`, address: `10.0.0.${epoch}`, ...more }, now + epoch);
  if (!next) throw new Error("epoch refused");
  return next;
}

const heard = (lease: Lease, presence: Presence | undefined, how: Partial<Parameters<typeof beat>[1]>, at = now) =>
  beat({ lease, presence }, { sessionHash: lease.sessionHash ?? "", epoch: lease.epoch, sequence: 1, ...how }, at);

function taken(lease: Lease, how: Partial<Parameters<typeof beat>[1]> = {}, at = now): { lease: Lease; presence: Presence } {
  const beaten = heard(lease, undefined, how, at);
  if (beaten.kind !== "taken") throw new Error(beaten.kind);
  return beaten;
}

describe("what the project says", () => {
  it.each([
    ["an older word changes nothing", { version: 1 }, { version: 0 }, "vm"],
    ["the same enrolment keeps epoch and session", { version: 1 }, { version: 2, identity }, "vm"],
    ["without an identity it is over", { version: 1 }, { version: 2 }, undefined],
  ])("%s", (_, before, task, name) => {
    const lease = { ...connected(enrolled(), 3), ...before };
    const next = applyTask(lease, { name: "vm", ...task }, now);
    expect(next?.name).toBe(name);
    if (next) expect(next.epoch).toBe(3);
  });

  it("starts anew with another enrolment", () => {
    const next = applyTask(connected(enrolled(), 3), { name: "vm", version: 2, identity: { ...identity, enrolment: "second" } }, now);
    expect(next).toMatchObject({ epoch: 0, revision: 0, state: "LOST" });
    expect(next).not.toHaveProperty("sessionHash");
  });
});

describe("connecting", () => {
  it.each([
    [0, false],
    [5, false],
    [6, true],
    [1_000_000, true],
  ])("with epoch %i after 5: %s", (epoch, ok) => {
    const next = connect(connected(enrolled(), 5), { epoch, sessionHash: "x", address: "a" }, now);
    expect(next !== undefined).toBe(ok);
  });

  it("brings nothing into routing before the first heartbeat", () => {
    const lease = connected(enrolled(), 1);
    expect(lease.state).toBe("LOST");
    expect(taken(lease, { healthy: false }).lease).toMatchObject({ state: "CONNECTED", healthy: false });
  });
});

describe("heartbeats", () => {
  it("change nothing when they say nothing new: nothing is to be written", () => {
    const first = taken(connected(enrolled(), 1), { healthy: true });
    const second = heard(first.lease, first.presence, { sequence: 2, healthy: true }, now + 10_000);
    expect(second).toMatchObject({ kind: "taken", presence: { lastSeenMs: now + 10_000, sequence: 2 } });
    expect("lease" in second && second.lease).toBe(first.lease);
  });

  it.each([0, 1, 2])("of sequence %i after 2 are late or come twice", (sequence) => {
    const first = taken(connected(enrolled(), 1), { sequence: 2, healthy: true });
    expect(heard(first.lease, first.presence, { sequence, healthy: false }, now + 5)).toEqual({ kind: "taken", ...first });
  });

  it("of an unknown session, or another epoch, are refused", () => {
    const lease = connected(enrolled(), 2);
    expect(heard(lease, undefined, { sessionHash: "forged" }).kind).toBe("unknownSession");
    expect(heard(lease, undefined, { epoch: 1 }).kind).toBe("unknownSession");
  });

  it("of a session whose place was taken tell of a clone, once", () => {
    const lease = connected(connected(enrolled(), 1), 2);
    const late = heard(lease, undefined, { sessionHash: "s1", epoch: 1 });
    expect(late).toMatchObject({ kind: "superseded", lease: { clone: { address: "10.0.0.2" } } });
    if (late.kind !== "superseded") return;
    expect(heard(late.lease, undefined, { sessionHash: "s1", epoch: 1 })).toEqual({ kind: "superseded", lease: late.lease });
    const drained = applyTask(late.lease, { name: "vm", version: 2, identity: { ...identity, drained: true } }, now);
    expect(drained).not.toHaveProperty("clone");
    expect(drained?.revision).toBeGreaterThan(late.lease.revision);
  });

  it("of one that handed over tell of nothing", () => {
    const lease = connected(connected(enrolled(), 1), 2, { previousHash: "s1" });
    expect(heard(lease, undefined, { sessionHash: "s1", epoch: 1 })).toEqual({ kind: "superseded", lease });
  });
});

describe("CPU of a heartbeat", () => {
  it.each<[string, Partial<Presence> | undefined, number | undefined, Partial<Presence>]>([
    ["the first figure", undefined, 5, { cpuSeconds: 5 }],
    ["half a core for ten seconds", { cpuSeconds: 5 }, 10, { cpuSeconds: 10, cpuCores: 0.5 }],
    ["none used", { cpuSeconds: 5 }, 5, { cpuSeconds: 5, cpuCores: 0 }],
    ["an application that was started anew", { cpuSeconds: 5 }, 1, { cpuSeconds: 1 }],
    ["none told", { cpuSeconds: 5, cpuCores: 0.5 }, undefined, {}],
  ])("%s", (_, known, cpuSeconds, cpu) => {
    const before = known && { lastSeenMs: now - 10_000, sequence: 1, ...known };
    const said = { sequence: 2, ...(cpuSeconds === undefined ? {} : { cpuSeconds }) };
    const beaten = heard(connected(enrolled(), 1), before, said);
    expect(beaten).toMatchObject({ kind: "taken", presence: { lastSeenMs: now, sequence: 2 } });
    if (beaten.kind === "taken") expect(beaten.presence).toEqual({ lastSeenMs: now, sequence: 2, ...cpu });
  });
});

describe("time", () => {
  it.each([
    [29_999, "CONNECTED"],
    [30_000, "LOST"],
    [86_400_000, "LOST"],
  ])("%i ms after the last heartbeat it is %s", (ms, state) => {
    const { lease, presence } = taken(connected(enrolled(), 1));
    expect(atTime(lease, presence, now + ms).state).toBe(state);
  });

  it("is lost once, comes back with a heartbeat, and is collected in the end", () => {
    const { lease, presence } = taken(connected(enrolled(), 1));
    const lost = atTime(lease, presence, now + 30_000);
    expect(atTime(lost, presence, now + 40_000)).toBe(lost);
    expect(isCollectable(lost, now + 30_000 + 3_599_999)).toBe(false);
    expect(isCollectable(lost, now + 30_000 + 3_600_000)).toBe(true);
    const back = heard(lost, presence, { sequence: 2 }, now + 50_000);
    expect(back).toMatchObject({ kind: "taken", lease: { state: "CONNECTED", sinceMs: now + 50_000 } });
  });
});

it("holds for whatever comes in whatever order: revisions only grow with what the project would be told, and nothing old wins", () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant("connect" as const), epoch: fc.nat(8) }),
    fc.record({ kind: fc.constant("beat" as const), epoch: fc.nat(8), sequence: fc.nat(8), healthy: fc.boolean() }),
    fc.record({ kind: fc.constant("wait" as const), ms: fc.nat(40_000) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      let lease = enrolled();
      let presence: Presence | undefined;
      let at = now;
      for (const one of steps) {
        const before = lease;
        if (one.kind === "connect") {
          const next = connect(lease, { epoch: one.epoch, sessionHash: `s${one.epoch}`, address: "a" }, at);
          expect(next !== undefined).toBe(one.epoch > before.epoch);
          if (next) {
            lease = next;
            presence = { lastSeenMs: at, sequence: -1 };
          }
        } else if (one.kind === "beat") {
          const beaten = beat({ lease, presence }, { ...one, sessionHash: `s${one.epoch}` }, at);
          if (beaten.kind !== "unknownSession") lease = beaten.lease;
          if (beaten.kind === "taken") {
            expect(one.epoch).toBe(before.epoch);
            ({ presence } = beaten);
          }
        } else {
          at += one.ms;
          lease = atTime(lease, presence, at);
        }
        expect(lease.epoch).toBeGreaterThanOrEqual(before.epoch);
        const [told, was] = [lease, before].map((each) => JSON.stringify({ ...reportOf(each), revision: 0 }));
        expect(lease.revision).toBe(before.revision + (lease === before ? 0 : 1));
        if (told !== was) expect(lease.revision).toBeGreaterThan(before.revision);
        if (lease.state === "CONNECTED") expect(dueAtMs(lease, presence)).toBeGreaterThan(at);
      }
    }),
  );
});
