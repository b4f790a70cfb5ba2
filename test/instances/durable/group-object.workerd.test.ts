import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import { GroupObject } from "#instances/durable/group-object.ts";
import type { GroupEnv } from "#instances/durable/group-object.ts";
import type { FleetInstance, FleetState } from "#instances/fleet.ts";
import type { GroupReport, GroupSpec } from "#instances/group/spec.ts";
import { httpProbe, managedSpec, membersSpec } from "../group/specs.ts";

/** The object on real storage and real alarms, among a fleet, a project and a network that the test plays. */
class Surroundings {
  readonly vms = new Map<string, FleetState>();
  readonly calls: string[] = [];
  readonly reports: GroupReport[] = [];
  readonly probed: string[] = [];
  released = true;
  observeFails = false;

  readonly env: GroupEnv = {
    PROJECT: {
      getByName: () => ({
        observeGroup: async (report) => {
          if (this.observeFails) throw new Error("overloaded");
          this.reports.push(report);
        },
        released: async () => this.released,
      }),
    },
    FLEET: { fetch: (url, init) => this.#answer(new Request(url, init)) },
    NET: {
      fetch: async (url) => {
        this.probed.push(url);
        return new Response("fine");
      },
      connect: () => {
        throw new Error("no TCP here");
      },
    },
  };

  get last(): GroupReport | undefined {
    return this.reports.at(-1);
  }

  async #answer(request: Request): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    this.calls.push(`${request.method} ${pathname}`);
    if (request.method === "GET") return Response.json([...this.vms.values()]);
    if (request.method === "DELETE") {
      const known = this.vms.delete(searchParams.get("id") ?? "");
      return new Response(null, { status: known ? 204 : 404 });
    }
    const { name, id } = (await request.json()) as FleetInstance;
    const state = this.vms.get(id) ?? { name, id, address: `127.10.0.${this.vms.size + 1}`, pid: 1, running: true };
    this.vms.set(id, state);
    return Response.json(state);
  }
}

type Namespace = DurableObjectNamespace<GroupObject>;

/** Runs the test inside an object of its own, with the object's real context. */
function inObject(name: string, work: (context: DurableObjectState, around: Surroundings) => Promise<void>): Promise<void> {
  const namespace = (env as unknown as { GROUP: Namespace }).GROUP;
  return runInDurableObject(namespace.getByName(name), (_object, context) => work(context, new Surroundings()));
}

/** Rings the alarm until the fact is there. */
async function until(group: GroupObject, fact: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!fact()) {
    if (performance.now() > deadline) throw new Error(`not so within 10 s: ${fact.toString()}`);
    await scheduler.wait(10);
    await group.alarm();
  }
}

function tables(context: DurableObjectState): string[] {
  const rows = context.storage.sql.exec<{ name: string }>(
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_%' ESCAPE '\\'",
  );
  return [...rows].map(({ name }) => name);
}

function deleted(version: number): GroupSpec {
  const { managed: _managed, ...rest } = managedSpec(0, { version });
  return { ...rest, kind: "deleted" };
}

describe("GroupObject", () => {
  test("makes, resizes and drains instances over the fleet's protocol", () =>
    inObject("p/lifecycle", async (context, around) => {
      const group = new GroupObject(context, around.env);
      await group.configure(managedSpec(3));
      await until(group, () => around.last?.isStable === true && around.vms.size === 3);
      expect(around.calls).toContain("GET /projects/demo/zones/z/instanceGroups/web/instances");
      expect(around.calls.filter((call) => /^PUT .*\/web\/instances\/web-[a-z0-9]{4}$/.test(call))).toHaveLength(3);
      await group.configure(managedSpec(1, { version: 2 }));
      await until(group, () => around.vms.size === 1 && around.last?.isStable === true);
      expect(around.last?.instances.map(({ id }) => id)).toEqual([...around.vms.keys()]);
    }));

  test("sets an alarm for what is due next", () =>
    inObject("p/alarm", async (context, around) => {
      const group = new GroupObject(context, around.env);
      await group.configure(membersSpec("unmanaged", [{ name: "vm-a", address: "10.0.0.1" }], { probes: [httpProbe] }));
      await until(group, () => around.last?.instances[0]?.health[httpProbe.id] === "HEALTHY");
      expect(around.probed).toEqual(["http://10.0.0.1:8080/healthz"]);
      const alarmAtMs = await context.storage.getAlarm();
      expect(alarmAtMs).toBeGreaterThan(Date.now());
      expect(alarmAtMs).toBeLessThan(Date.now() + 6000);
    }));

  test("goes on after an eviction: same instances, health kept, higher sequence", () =>
    inObject("p/eviction", async (context, around) => {
      const group = new GroupObject(context, around.env);
      await group.configure(managedSpec(2, { probes: [httpProbe] }));
      await until(group, () => around.last?.instances.every(({ health }) => health[httpProbe.id] === "HEALTHY") === true);
      const before = around.last;
      const again = new GroupObject(context, around.env);
      await again.alarm();
      await until(again, () => (around.last?.sequence ?? 0) > (before?.sequence ?? 0));
      expect(around.last?.instances).toEqual(before?.instances);
      expect(around.vms.size).toBe(2);
    }));

  test("makes good what died, once, however often it is told", () =>
    inObject("p/events", async (context, around) => {
      const group = new GroupObject(context, around.env);
      await group.configure(managedSpec(2));
      await until(group, () => around.last?.isStable === true);
      const [victim] = around.last?.instances ?? [];
      if (!victim) throw new Error("no instance was reported");
      const { name, id } = victim;
      around.vms.delete(id);
      const event = { project: "demo", group: "zones/z/instanceGroups/web", name, id, exit: "signal SIGKILL" };
      await Promise.all([group.fleetEvent(event), group.fleetEvent(event)]);
      await until(group, () => around.last?.isStable === true && around.vms.size === 2);
      const after = around.last?.instances.find((each) => each.name === name);
      expect(after?.id).not.toBe(id);
      expect(after?.lastError).toBe("the VM ended by itself: signal SIGKILL");
    }));

  test("tells the project again until it is heard", () =>
    inObject("p/reports", async (context, around) => {
      const group = new GroupObject(context, around.env);
      around.observeFails = true;
      await group.configure(managedSpec(1));
      await until(group, () => around.vms.size === 1);
      expect(around.reports).toEqual([]);
      around.observeFails = false;
      await until(group, () => around.last?.isStable === true);
      expect(around.reports).toHaveLength(1);
    }));

  test("a deleted group leaves nothing behind, and its name can be used again", () =>
    inObject("p/deleted", async (context, around) => {
      const group = new GroupObject(context, around.env);
      await group.configure(managedSpec(1));
      await until(group, () => around.last?.isStable === true);
      expect(tables(context)).toEqual(["single", "template", "instance"]);
      await group.configure(deleted(2));
      await until(group, () => tables(context).length === 0);
      expect(around.vms.size).toBe(0);
      expect(await context.storage.getAlarm()).toBeNull();
      await group.configure(managedSpec(2, { version: 1 }));
      await until(group, () => around.last?.isStable === true && around.vms.size === 2);
      expect(tables(context)).toEqual(["single", "template", "instance"]);
    }));

  test("an event about a group that is not there stores nothing", () =>
    inObject("p/nothing", async (context, around) => {
      const group = new GroupObject(context, around.env);
      await group.fleetEvent({ project: "p", group: "nothing", name: "web-0000", id: "1", exit: "exit code 0" });
      expect(tables(context)).toEqual([]);
      expect(await context.storage.getAlarm()).toBeNull();
    }));

  test("storage of a later format is refused by name", () =>
    inObject("p/format", async (context, around) => {
      const group = new GroupObject(context, around.env);
      await group.configure(managedSpec(0));
      context.storage.sql.exec("UPDATE single SET value = '2' WHERE name = 'format'");
      expect(() => new GroupObject(context, around.env)).toThrow("this group's storage has format 2; this code reads format 1");
    }));
});
