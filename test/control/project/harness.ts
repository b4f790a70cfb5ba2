import type { Json, JsonObject } from "#base/json.ts";
import { seededRandom } from "#base/random.ts";
import type { Command, Outcome } from "#control/command.ts";
import { Project } from "#control/project/project.ts";
import type { SqlDatabase } from "#control/store/sql.ts";
import type { GroupReport, GroupSpec, InstanceReport } from "#instances/group/spec.ts";
import type { LeaseTask } from "#instances/lease/lease.ts";
import type { Pointer, Snapshot } from "#ir/snapshot.ts";
import { nodeDatabase } from "./node-database.ts";

export const masterKey = btoa(String.fromCharCode(...Array.from({ length: 32 }, (_, index) => index)));

interface KvWrite {
  readonly atMs: number;
  readonly operation: "put" | "delete";
  readonly key: string;
}

/** Workers KV as the publisher sees it, with every write on record; fails while `failing` says so. */
class FakeKv {
  readonly values = new Map<string, Uint8Array<ArrayBuffer>>();
  readonly writes: KvWrite[] = [];
  failing: (key: string) => boolean = () => false;
  /** Writes that never come back, as when the object dies in the middle of one. */
  hanging = false;
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  async put(key: string, value: Uint8Array<ArrayBuffer>): Promise<void> {
    await this.#record("put", key);
    this.values.set(key, value.slice());
  }

  async delete(key: string): Promise<void> {
    await this.#record("delete", key);
    this.values.delete(key);
  }

  json<T>(key: string): T | undefined {
    const value = this.values.get(key);
    return value && (JSON.parse(new TextDecoder().decode(value)) as T);
  }

  async #record(operation: KvWrite["operation"], key: string): Promise<void> {
    if (this.hanging) await new Promise<never>(() => {});
    this.writes.push({ atMs: this.#now(), operation, key });
    if (this.failing(key)) throw new Error("KV put failed: 500 (injected)");
  }
}

export interface WorldOptions {
  readonly masterKey?: string | null;
  /** The object's earlier life: its database, its KV and its time. */
  readonly before?: World;
}

/** A project in a world of its own: SQLite, KV, groups and time, all in memory. */
export class World {
  now = Date.UTC(2026, 10, 22);
  readonly kv = new FakeKv(() => this.now);
  /** Specifications in the order in which the groups got them. */
  readonly specs: GroupSpec[] = [];
  /** What the Lease objects were told, in order. */
  readonly leaseTasks: LeaseTask[] = [];
  readonly log: string[] = [];
  readonly database: SqlDatabase;
  readonly project: Project;
  groupsFail = false;
  alarmAtMs: number | undefined;
  #work: Promise<void> = Promise.resolve();

  constructor(options: WorldOptions = {}) {
    const { before } = options;
    if (before) {
      this.now = before.now;
      for (const [key, value] of before.kv.values) this.kv.values.set(key, value);
    }
    this.database = before?.database ?? nodeDatabase();
    const key = options.masterKey === undefined ? masterKey : options.masterKey;
    this.project = new Project({
      project: "demo",
      database: this.database,
      bus: this.kv,
      group: () => ({
        configure: async (spec) => {
          if (this.groupsFail) throw new Error("group is away (injected)");
          this.specs.push(spec);
        },
      }),
      lease: () => ({ apply: async (_group, tasks) => void this.leaseTasks.push(...tasks) }),
      clock: { now: () => this.now },
      random: seededRandom(7),
      ...(key !== null && { masterKey: key }),
      loopbackAllowed: true,
      setAlarm: (atMs) => (this.alarmAtMs = atMs),
      background: (work) => {
        this.#work = work;
      },
      log: (line) => this.log.push(line),
    });
  }

  /** Waits for what the project does by itself, without time going on. */
  async settle(): Promise<void> {
    await this.#work;
    await this.project.drain();
  }

  /** Lets time go on, alarm by alarm. */
  async pass(ms: number): Promise<void> {
    const until = this.now + ms;
    await this.settle();
    while (this.alarmAtMs !== undefined && this.alarmAtMs <= until) {
      this.now = Math.max(this.now, this.alarmAtMs);
      await this.project.drain();
    }
    this.now = until;
  }

  run(command: Partial<Command> & Pick<Command, "collection" | "verb">): Promise<Outcome> {
    return this.project.run({ project: "demo", scope: "global", query: {}, user: "ada@example.com", ...command });
  }

  insert(collection: string, body: JsonObject, scope = "global"): Promise<Outcome> {
    return this.run({ collection, verb: "insert", scope, body });
  }

  async createRoute(name: string, host: string, extra: { rules?: Json } = {}): Promise<void> {
    await this.run({
      collection: "httpRoutes",
      verb: "insert",
      scope: "locations/global",
      query: { httpRouteId: name },
      body: {
        hostnames: [host],
        meshes: ["projects/demo/locations/global/meshes/m"],
        rules: extra.rules ?? [{ action: { destinations: [{ serviceName: "projects/demo/locations/global/backendServices/cart" }] } }],
      },
    });
  }

  /** A mesh, a managed group `web` of two with a health check, the backend service `cart` on it, and the route of `cart.shop.mesh`. */
  async createShop(): Promise<void> {
    await this.insert("healthChecks", { name: "hc", type: "HTTP", httpHealthCheck: { port: 8080 } });
    await this.insert("instanceTemplates", {
      name: "t",
      properties: { machineType: "e2-small", metadata: { items: [{ key: "startup-script", value: "true" }] } },
    });
    await this.insert(
      "instanceGroupManagers",
      {
        name: "web",
        baseInstanceName: "web",
        targetSize: 2,
        instanceTemplate: "global/instanceTemplates/t",
        namedPorts: [{ name: "http", port: 8080 }],
      },
      "zones/us-central1-a",
    );
    await this.insert("backendServices", {
      name: "cart",
      protocol: "HTTP",
      loadBalancingScheme: "INTERNAL_SELF_MANAGED",
      healthChecks: ["global/healthChecks/hc"],
      backends: [{ group: "zones/us-central1-a/instanceGroups/web", balancingMode: "UTILIZATION" }],
    });
    await this.run({ collection: "meshes", verb: "insert", scope: "locations/global", query: { meshId: "m" }, body: {} });
    await this.createRoute("cart", "cart.shop.mesh");
  }

  pointer(service: string): Pointer | undefined {
    return this.kv.json<Pointer>(`ptr/demo/${service}`);
  }

  snapshot(service: string): Snapshot | undefined {
    const pointer = this.pointer(service);
    return pointer && this.kv.json<Snapshot>(`snap/demo/${service}/${pointer.digest}`);
  }

  /** A report of the group `web` with these instances running. */
  reportOf(names: readonly string[], sequence: number, probeId = ""): GroupReport {
    const instance = (name: string, index: number): InstanceReport => ({
      name,
      id: String(1000 + index),
      address: `127.10.0.${index + 1}`,
      status: "RUNNING",
      action: "NONE",
      template: "instanceTemplates/t",
      health: probeId === "" ? {} : { [probeId]: "HEALTHY" },
      createdAtMs: this.now,
    });
    const specVersion = this.specs.at(-1)?.version ?? 1;
    return { key: webKey, specVersion, sequence, isStable: true, instances: names.map(instance) };
  }
}

export const cart = "cart.shop.mesh";

/** One whose shop is there and published. */
export async function shop(): Promise<World> {
  const world = new World();
  await world.createShop();
  await world.pass(2_000);
  return world;
}

export const webKey = "zones/us-central1-a/instanceGroups/web";
