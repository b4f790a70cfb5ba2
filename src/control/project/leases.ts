import type { Clock } from "#base/clock.ts";
import { messageOf } from "#base/errors.ts";
import { sameJson, type JsonObject } from "#base/json.ts";
import type { Random } from "#base/random.ts";
import { collectionOf } from "#control/compiler/view.ts";
import {
  drainedCollections,
  drainedKey,
  leaseKey,
  leasesCollection,
  type DrainedInstances,
  type InstanceLease,
} from "#control/compiler/membership.ts";
import { scopeOf, shortName } from "#control/compiler/references.ts";
import type { GroupKey } from "#instances/group/spec.ts";
import type { LeaseControl, LeaseIdentity, LeaseReport, LeaseTask } from "#instances/lease/lease.ts";
import { leaseObjectName } from "#instances/lease/session.ts";
import type { Change } from "../command.ts";
import { backoffMs } from "../publish/plan.ts";
import type { Store } from "../store/store.ts";
import { jsonOf, numberOf, textOf } from "../store/row.ts";
import type { Sql } from "../store/sql.ts";
import { nextNumber } from "./settings.ts";

interface Ports {
  readonly project: string;
  readonly sql: Sql;
  readonly store: Store;
}

interface Waiting {
  readonly group: GroupKey;
  readonly task: LeaseTask;
  readonly attempts: number;
  readonly notBeforeMs: number;
}

/**
 * What Lease objects are to know of instances, as an outbox: who may connect under a name, or that nobody may any more. A row is the newest
 * word about one instance, kept until its Lease object has taken it.
 */
export class LeaseOutbox {
  readonly #ports: Ports;

  constructor(ports: Ports) {
    this.#ports = ports;
  }

  /** Records what these changes mean for leases. Within the transaction of the change. */
  update(changes: readonly Change[]): void {
    for (const key of new Set(changes.flatMap((change) => this.#touched(change)))) this.#record(key);
  }

  pending(): readonly Waiting[] {
    return [...this.#ports.sql.exec("SELECT * FROM lease_tasks ORDER BY version")].map((row) => ({
      group: textOf(row, "group_key"),
      task: jsonOf<LeaseTask>(row, "task"),
      attempts: numberOf(row, "attempts"),
      notBeforeMs: numberOf(row, "not_before_ms"),
    }));
  }

  done(tasks: readonly Waiting[]): void {
    for (const { group, task } of tasks) {
      const { name, version } = task;
      this.#ports.sql.exec("DELETE FROM lease_tasks WHERE group_key = ? AND name = ? AND version = ?", group, name, version);
    }
  }

  postpone(tasks: readonly Waiting[], notBeforeMs: number): void {
    for (const { group, task } of tasks) {
      this.#ports.sql.exec(
        "UPDATE lease_tasks SET attempts = attempts + 1, not_before_ms = ? WHERE group_key = ? AND name = ?",
        notBeforeMs,
        group,
        task.name,
      );
    }
  }

  /** Takes what a Lease object says into the leases; gives the keys of those that it changed. */
  observe(group: GroupKey, reports: readonly LeaseReport[]): string[] {
    const { store } = this.#ports;
    return reports.flatMap((report) => {
      const key = leaseKey(scopeOf(group), report.name);
      const stored = store.get(key);
      const lease = stored?.resource as InstanceLease | undefined;
      const isNews = lease?.group === group && lease.enrolment === report.enrolment && (lease.report?.revision ?? 0) < report.revision;
      if (!stored || !isNews) return [];
      const resource = { ...stored.resource, report: report as unknown as JsonObject[string] };
      store.put({ ...stored, resource }, []);
      return [key];
    });
  }

  /** Of these instances those whose lease is still the one that was lost. */
  stillLost(group: GroupKey, lost: readonly { readonly name: string; readonly enrolment: string }[]): string[] {
    return lost
      .filter(({ name, enrolment }) => {
        const lease = this.#ports.store.get(leaseKey(scopeOf(group), name))?.resource as InstanceLease | undefined;
        return lease?.group === group && lease.enrolment === enrolment;
      })
      .map(({ name }) => name);
  }

  /** Tells a Lease object once more that a name is nobody's. */
  forget(group: GroupKey, name: string): void {
    this.#write(group, { name, version: nextNumber(this.#ports.sql, "leaseVersion") });
  }

  /** Keys of the leases that a change of a resource is about. */
  #touched({ key }: Change): string[] {
    const collection = collectionOf(key);
    if (collection === leasesCollection) return [key];
    if (collection !== drainedCollections.instanceGroups) return [];
    const group = `${scopeOf(key)}/instanceGroups/${shortName(key)}`;
    const leases = this.#ports.store.list(leasesCollection, `${scopeOf(key)}/`);
    return leases.filter(({ resource }) => resource["group"] === group).map((lease) => lease.key);
  }

  #record(key: string): void {
    const { sql, store } = this.#ports;
    const name = shortName(key);
    const lease = store.get(key)?.resource as InstanceLease | undefined;
    const before = [...sql.exec("SELECT group_key, identity FROM lease_identities WHERE lease_key = ?", key)][0];
    const known = before && { group: textOf(before, "group_key"), identity: jsonOf<LeaseIdentity>(before, "identity") };
    const identity = lease && this.#identityOf(lease, name);
    if (known?.group === lease?.group && sameJson(known?.identity, identity)) return;
    if (known && known.group !== lease?.group) {
      sql.exec("DELETE FROM lease_identities WHERE lease_key = ?", key);
      this.forget(known.group, name);
    }
    if (!lease || !identity) return;
    sql.exec(
      "INSERT OR REPLACE INTO lease_identities (lease_key, group_key, identity) VALUES (?, ?, ?)",
      key,
      lease.group,
      JSON.stringify(identity),
    );
    this.#write(lease.group, { name, version: nextNumber(sql, "leaseVersion"), identity });
  }

  #identityOf({ publicKey, enrolment, ttlSec, collectAfterSec, group }: InstanceLease, name: string): LeaseIdentity {
    const drained = this.#ports.store.get(drainedKey(group))?.resource as DrainedInstances | undefined;
    return { publicKey, enrolment, ttlSec, collectAfterSec, drained: drained?.names.includes(name) ?? false };
  }

  #write(group: GroupKey, task: LeaseTask): void {
    this.#ports.sql.exec(
      "INSERT OR REPLACE INTO lease_tasks (group_key, name, version, task, attempts, not_before_ms) VALUES (?, ?, ?, ?, 0, 0)",
      group,
      task.name,
      task.version,
      JSON.stringify(task),
    );
  }
}

export interface LeaseCourierPorts {
  readonly project: string;
  readonly outbox: LeaseOutbox;
  /** A Lease object by its name. A new stub for each call: one that has thrown stays broken. */
  object(name: string): Pick<LeaseControl, "apply">;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: (line: string) => void;
}

/** Takes the outbox to the Lease objects: one call to each, however many instances it is about. */
export class LeaseCourier {
  readonly #ports: LeaseCourierPorts;

  constructor(ports: LeaseCourierPorts) {
    this.#ports = ports;
  }

  /** Delivers what is due and never throws. Returns the number of calls, and when to look again. */
  async pass(): Promise<{ readonly attempts: number; readonly wakeAtMs?: number }> {
    const { project, outbox, clock } = this.#ports;
    const now = clock.now();
    const pending = outbox.pending();
    const due = Map.groupBy(
      pending.filter(({ notBeforeMs }) => notBeforeMs <= now),
      ({ group, task }) => leaseObjectName(project, group, task.name),
    );
    const later = pending.filter(({ notBeforeMs }) => notBeforeMs > now).map(({ notBeforeMs }) => notBeforeMs);
    await Promise.all([...due].map(([name, tasks]) => this.#deliver(name, tasks)));
    return { attempts: due.size, ...(later.length > 0 && { wakeAtMs: Math.min(...later) }) };
  }

  async #deliver(name: string, tasks: readonly Waiting[]): Promise<void> {
    const { project, outbox, clock, random, log } = this.#ports;
    const key = tasks[0]?.group ?? "";
    try {
      await this.#ports.object(name).apply(
        { project, key },
        tasks.map(({ task }) => task),
      );
      outbox.done(tasks);
    } catch (failure) {
      log(`the leases of ${name} were not taken: ${messageOf(failure)}`);
      const attempts = Math.max(...tasks.map((task) => task.attempts)) + 1;
      outbox.postpone(tasks, clock.now() + backoffMs(attempts, random.float()));
    }
  }
}
