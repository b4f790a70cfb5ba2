import { sameJson } from "#base/json.ts";
import { Pace } from "#base/pace.ts";
import type { GroupKey, GroupReport, GroupSpec } from "#instances/group/spec.ts";
import type { Change } from "../command.ts";
import { affectedGroups, compileGroup, type CompiledGroup } from "#control/compiler/groups.ts";
import { touchedBy } from "#control/compiler/touched.ts";
import type { ResourceView } from "#control/compiler/view.ts";
import type { Store } from "../store/store.ts";
import { jsonOf, numberOf, textOf } from "../store/row.ts";
import { firstRow, type Sql } from "../store/sql.ts";
import { nextNumber } from "./settings.ts";

/** Specifications that one group is offered: a thousand VMs that join together are a few lists of members, not a thousand. */
const offerRate = { burst: 8, spacingMs: 500 };

/** A specification that its group has not taken yet. */
export interface GroupTask {
  readonly spec: GroupSpec;
  /** Failures since the last success. */
  readonly attempts: number;
}

/** A group as it is specified now. */
export interface GroupTarget {
  readonly spec: GroupSpec;
}

interface Parts {
  readonly sql: Sql;
  readonly store: Store;
  readonly view: ResourceView;
}

interface Known {
  readonly spec: GroupSpec;
  /** Version with which the group came into being, again if it had been deleted: what is older is about its predecessor. */
  readonly createdVersion: number;
}

/**
 * The specifications of the project's groups, each on its way to a Group object: an outbox like that of the snapshots. A specification is
 * recorded in the transaction of the change that made it and offered to its group until the group has taken it.
 */
export class Groups {
  readonly #parts: Parts;
  readonly #offerPace = new Pace(offerRate);

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Brings the specifications up to date after these changes. Returns the groups that are no more. Within the transaction of the change. */
  update(changes: readonly Change[]): readonly string[] {
    const { sql, view } = this.#parts;
    const touched = JSON.stringify(changes.flatMap(({ key }) => touchedBy(view, key)));
    const rows = sql.exec("SELECT DISTINCT group_key FROM group_dependencies WHERE key IN (SELECT value FROM json_each(?))", touched);
    const candidates = new Set([...rows].map((row) => textOf(row, "group_key")));
    for (const key of affectedGroups(view, changes)) candidates.add(key);
    return [...candidates].filter((key) => this.#updateOne(key) === "deleted");
  }

  /** Brings all specifications up to date: another compiler may make something else of the same resources. Within a transaction. */
  updateAll(): void {
    const keys = [...this.#parts.sql.exec("SELECT key FROM group_tasks")].map((row) => textOf(row, "key"));
    for (const key of keys) this.#updateOne(key);
  }

  /** Takes a report, unless it is old news or about a group that is no more. Returns whether it was taken. */
  observe(report: GroupReport): boolean {
    const { store } = this.#parts;
    const known = this.#known(report.key);
    if (!known || known.spec.kind === "deleted" || report.specVersion < known.createdVersion) return false;
    const last = store.groupReport(report.key);
    // A group whose object was made anew counts its reports from the beginning, but only ever answers to a newer specification.
    const isNews =
      !last || report.specVersion > last.specVersion || (report.specVersion === last.specVersion && report.sequence > last.sequence);
    if (isNews) store.putGroupReport(report);
    return isNews;
  }

  /** Specifications that are to be offered now, in the order of their versions. */
  due(now: number): readonly GroupTask[] {
    const rows = this.#parts.sql.exec(
      "SELECT spec, attempts FROM group_tasks WHERE acknowledged_version < version AND not_before_ms <= ? ORDER BY version",
      now,
    );
    return [...rows].map((row) => ({ spec: jsonOf<GroupSpec>(row, "spec"), attempts: numberOf(row, "attempts") }));
  }

  hasPending(): boolean {
    return firstRow(this.#parts.sql.exec("SELECT key FROM group_tasks WHERE acknowledged_version < version LIMIT 1")) !== undefined;
  }

  /** When the next of those is due that are to be offered after this time; undefined where there is none. */
  dueAfterMs(now: number): number | undefined {
    const where = "acknowledged_version < version AND not_before_ms > ?";
    const row = firstRow(this.#parts.sql.exec(`SELECT min(not_before_ms) AS at_ms FROM group_tasks WHERE ${where}`, now));
    return row && row["at_ms"] !== null ? numberOf(row, "at_ms") : undefined;
  }

  /** The newest specification of a group, whether or not it has taken it. */
  target(key: GroupKey): GroupTarget | undefined {
    return this.#known(key);
  }

  /** The group has taken this version. A deleted group needs nothing more of us. */
  acknowledge({ key, version, kind }: GroupSpec, now: number): void {
    const { sql } = this.#parts;
    if (kind === "deleted") {
      this.#offerPace.forget(key);
      sql.exec("DELETE FROM group_tasks WHERE key = ? AND version = ?", key, version);
    } else this.#offerPace.spend(key, now);
    sql.exec(
      "UPDATE group_tasks SET acknowledged_version = max(acknowledged_version, ?), attempts = 0, not_before_ms = ? WHERE key = ?",
      version,
      this.#offerPace.dueAtMs(key),
      key,
    );
  }

  postpone({ key }: GroupSpec, notBeforeMs: number): void {
    this.#parts.sql.exec("UPDATE group_tasks SET attempts = attempts + 1, not_before_ms = ? WHERE key = ?", notBeforeMs, key);
  }

  #updateOne(key: string): "same" | "changed" | "deleted" {
    const known = this.#known(key);
    const compiled = compileGroup(this.#parts.view, key);
    if (compiled) this.#recordDependencies(key, compiled);
    if (compiled && known?.spec.kind !== "deleted" && known && sameJson({ ...compiled.spec, version: known.spec.version }, known.spec))
      return "same";
    if (!compiled && (!known || known.spec.kind === "deleted")) return "same";
    const version = nextNumber(this.#parts.sql, "groupVersion");
    if (compiled) {
      const goesOn = known && known.spec.kind !== "deleted";
      this.#record({ spec: { ...compiled.spec, version }, createdVersion: goesOn ? known.createdVersion : version });
      return "changed";
    }
    if (known) this.#recordDeletion(known, version);
    return "deleted";
  }

  #recordDeletion(known: Known, version: number): void {
    const { managed: _managed, members: _members, ...rest } = known.spec;
    this.#record({ spec: { ...rest, probes: [], kind: "deleted", version }, createdVersion: known.createdVersion });
    this.#parts.sql.exec("DELETE FROM group_dependencies WHERE group_key = ?", rest.key);
    this.#parts.store.deleteGroupReport(rest.key);
  }

  #record({ spec, createdVersion }: Known): void {
    this.#parts.sql.exec(
      `INSERT INTO group_tasks (key, spec, version, created_version) VALUES (?, ?, ?, ?)
       ON CONFLICT (key) DO UPDATE SET spec = excluded.spec, version = excluded.version, created_version = excluded.created_version,
         attempts = 0, not_before_ms = CASE WHEN attempts = 0 THEN not_before_ms ELSE 0 END`,
      spec.key,
      JSON.stringify(spec),
      spec.version,
      createdVersion,
    );
  }

  #recordDependencies(key: string, { dependencies }: CompiledGroup): void {
    const { sql } = this.#parts;
    const wanted = JSON.stringify(dependencies);
    sql.exec("DELETE FROM group_dependencies WHERE group_key = ? AND key NOT IN (SELECT value FROM json_each(?))", key, wanted);
    sql.exec("INSERT OR IGNORE INTO group_dependencies (key, group_key) SELECT value, ? FROM json_each(?)", key, wanted);
  }

  #known(key: string): Known | undefined {
    const row = firstRow(this.#parts.sql.exec("SELECT spec, created_version FROM group_tasks WHERE key = ?", key));
    return row && { spec: jsonOf<GroupSpec>(row, "spec"), createdVersion: numberOf(row, "created_version") };
  }
}
