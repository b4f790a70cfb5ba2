import { DurableObject } from "cloudflare:workers";
import { systemClock } from "#base/clock.ts";
import { systemRandom } from "#base/random.ts";
import type {
  ConnectAnswer,
  ConnectRequest,
  Heartbeat,
  HeartbeatAnswer,
  LastHeartbeat,
  Lease,
  LeaseControl,
  LeaseObserver,
  LeaseTask,
} from "../lease/lease.ts";
import { type LeaseGroup, Leases, type LeaseStorage } from "./leases.ts";

/** What a Lease object needs of the control Worker's environment. */
interface LeaseEnv {
  readonly PROJECT: { getByName(project: string): LeaseObserver };
}

/**
 * Leases of a part of a group's instances; `leaseObjectName` names it. It is an object of its own because heartbeats are many and cheap,
 * and neither the Project object nor the Group object may wait behind them.
 */
export class LeaseObject extends DurableObject<LeaseEnv> implements LeaseControl {
  readonly #leases: Leases;

  constructor(ctx: DurableObjectState, env: LeaseEnv) {
    super(ctx, env);
    this.#leases = new Leases({
      clock: systemClock,
      random: systemRandom,
      storage: new SqlLeaseStorage(ctx.storage),
      observer: (project) => env.PROJECT.getByName(project),
      setAlarm: (atMs) => ctx.waitUntil(ctx.storage.setAlarm(atMs)),
      keep: (work) => ctx.waitUntil(work),
      // oxlint-disable-next-line no-console -- the log of a Worker is its console
      log: (line) => console.error(line),
    });
  }

  /** Called by the Project object; safe to repeat. */
  async apply(group: LeaseGroup, tasks: readonly LeaseTask[]): Promise<void> {
    this.#leases.apply(group, tasks);
  }

  /** Called by the control Worker for an agent, as the next two. */
  openSession(request: ConnectRequest): Promise<ConnectAnswer> {
    return this.#leases.connect(request);
  }

  heartbeat(beat: Heartbeat): Promise<HeartbeatAnswer> {
    return this.#leases.heartbeat(beat);
  }

  /** Called by the control Worker when somebody looks at an instance. */
  async lastHeartbeat(name: string): Promise<LastHeartbeat | undefined> {
    return this.#leases.lastHeartbeat(name);
  }

  authorize(name: string, session: string): Promise<boolean> {
    return this.#leases.authorize(name, session);
  }

  override async alarm(): Promise<void> {
    this.#leases.tick();
  }
}

/** One row per lease, and one that says of which group they are. */
class SqlLeaseStorage implements LeaseStorage {
  readonly #storage: DurableObjectStorage;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
  }

  load(): { readonly group?: LeaseGroup; readonly leases: readonly Lease[] } {
    const { sql } = this.#storage;
    if (sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'lease'").toArray().length === 0) return { leases: [] };
    const rows = sql.exec<{ name: string; value: string }>("SELECT name, value FROM lease ORDER BY name").toArray();
    const group = rows.find(({ name }) => name === "")?.value;
    const leases = rows.filter(({ name }) => name !== "").map(({ value }) => JSON.parse(value) as Lease);
    return { leases, ...(group === undefined ? {} : { group: JSON.parse(group) as LeaseGroup }) };
  }

  saveGroup(group: LeaseGroup): void {
    this.#storage.sql.exec("CREATE TABLE IF NOT EXISTS lease (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID");
    this.#put("", group);
  }

  save(lease: Lease): void {
    this.#put(lease.name, lease);
  }

  remove(name: string): void {
    this.#storage.sql.exec("DELETE FROM lease WHERE name = ?", name);
  }

  wipe(): void {
    // Both take effect at once and in order; their promises only tell when that is on disk.
    void this.#storage.deleteAlarm();
    void this.#storage.deleteAll();
  }

  #put(name: string, value: LeaseGroup | Lease): void {
    this.#storage.sql.exec("INSERT OR REPLACE INTO lease (name, value) VALUES (?, ?)", name, JSON.stringify(value));
  }
}
