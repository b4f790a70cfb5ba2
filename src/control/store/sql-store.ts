import type { JsonObject } from "#base/json.ts";
import type { GroupReport } from "#instances/group/spec.ts";
import { migrate } from "./schema.ts";
import { firstRow, textColumn, type SqlDatabase, type SqlValue } from "./sql.ts";
import type { ResourceKey, Store, StoredResource } from "./store.ts";

/** Puts a change of the memory back to what it was. */
type Undo = () => void;

/**
 * The store of one project in SQLite. Every resource is also held parsed in memory (a project is a few thousand small documents), so that
 * reads and recompilations touch no SQL; writes go to both, and a transaction that throws undoes both.
 * What is handed out is shared: callers treat it as immutable.
 */
export class SqlStore implements Store {
  readonly #database: SqlDatabase;
  readonly #collections = new Map<string, Map<ResourceKey, StoredResource>>();
  readonly #byKey = new Map<ResourceKey, StoredResource>();
  readonly #reports = new Map<string, GroupReport>();
  #revision: number;
  /** What the transactions under way have changed in memory, oldest first. */
  #undo: Undo[] = [];
  #depth = 0;

  constructor(database: SqlDatabase) {
    migrate(database);
    this.#database = database;
    const { sql } = database;
    for (const row of sql.exec("SELECT * FROM resources ORDER BY key")) this.#remember(fromRow(row));
    for (const row of sql.exec("SELECT key, report FROM group_reports")) {
      this.#reports.set(textColumn(row, "key"), JSON.parse(textColumn(row, "report")) as GroupReport);
    }
    this.#revision = Number(firstRow(sql.exec("SELECT value FROM counters WHERE name = 'revision'"))?.["value"] ?? 0);
  }

  transaction<T>(work: () => T): T {
    const mark = this.#undo.length;
    this.#depth += 1;
    try {
      return this.#database.transactionSync(work);
    } catch (failure) {
      for (const undo of this.#undo.splice(mark).toReversed()) undo();
      throw failure;
    } finally {
      this.#depth -= 1;
      if (this.#depth === 0) this.#undo = [];
    }
  }

  get(key: ResourceKey): StoredResource | undefined {
    return this.#byKey.get(key);
  }

  list(collection: string, prefix = ""): readonly StoredResource[] {
    const found = [...(this.#collections.get(collection)?.values() ?? [])];
    const narrowed = prefix === "" ? found : found.filter((resource) => resource.key.startsWith(prefix));
    return narrowed.sort((a, b) => compareKeys(a.key, b.key));
  }

  put(resource: StoredResource, references: readonly ResourceKey[]): void {
    const before = this.#byKey.get(resource.key);
    const { sql } = this.#database;
    this.transaction(() => {
      sql.exec(
        `INSERT INTO resources (key, collection, name, id, created_ms, updated_ms, revision, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (key) DO UPDATE SET id = excluded.id, created_ms = excluded.created_ms, updated_ms = excluded.updated_ms,
           revision = excluded.revision, body = excluded.body`,
        resource.key,
        resource.collection,
        resource.name,
        resource.id,
        resource.createdAtMs,
        resource.updatedAtMs,
        resource.revision,
        JSON.stringify(resource.resource),
      );
      // Only what differs is written: a group refers to each of its members.
      const wanted = JSON.stringify(references);
      sql.exec("DELETE FROM resource_references WHERE source = ? AND target NOT IN (SELECT value FROM json_each(?))", resource.key, wanted);
      sql.exec("INSERT OR IGNORE INTO resource_references (source, target) SELECT ?, value FROM json_each(?)", resource.key, wanted);
      this.#remember(resource);
      this.#undo.push(() => (before ? this.#remember(before) : this.#forget(resource)));
    });
  }

  delete(key: ResourceKey): void {
    const before = this.#byKey.get(key);
    if (!before) return;
    this.transaction(() => {
      this.#database.sql.exec("DELETE FROM resources WHERE key = ?", key);
      this.#database.sql.exec("DELETE FROM resource_references WHERE source = ?", key);
      this.#forget(before);
      this.#undo.push(() => this.#remember(before));
    });
  }

  referrers(key: ResourceKey): readonly ResourceKey[] {
    const rows = this.#database.sql.exec("SELECT source FROM resource_references WHERE target = ? ORDER BY source", key);
    return [...rows].map((row) => textColumn(row, "source"));
  }

  nextRevision(): number {
    const before = this.#revision;
    this.#revision = before + 1;
    this.#remembered(() => (this.#revision = before));
    this.#database.sql.exec(
      "INSERT INTO counters (name, value) VALUES ('revision', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
      this.#revision,
    );
    return this.#revision;
  }

  groupReport(groupKey: string): GroupReport | undefined {
    return this.#reports.get(groupKey);
  }

  putGroupReport(report: GroupReport): void {
    const before = this.#reports.get(report.key);
    this.#database.sql.exec(
      "INSERT INTO group_reports (key, report) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET report = excluded.report",
      report.key,
      JSON.stringify(report),
    );
    this.#reports.set(report.key, report);
    this.#remembered(() => (before ? this.#reports.set(report.key, before) : this.#reports.delete(report.key)));
  }

  deleteGroupReport(groupKey: string): void {
    const before = this.#reports.get(groupKey);
    if (!before) return;
    this.#database.sql.exec("DELETE FROM group_reports WHERE key = ?", groupKey);
    this.#reports.delete(groupKey);
    this.#remembered(() => this.#reports.set(groupKey, before));
  }

  /** Outside of a transaction a single statement stands by itself, and there is nothing to go back to. */
  #remembered(undo: Undo): void {
    if (this.#depth > 0) this.#undo.push(undo);
  }

  #remember(resource: StoredResource): void {
    this.#byKey.set(resource.key, resource);
    const collection = this.#collections.get(resource.collection) ?? new Map<ResourceKey, StoredResource>();
    this.#collections.set(resource.collection, collection.set(resource.key, resource));
  }

  #forget(resource: StoredResource): void {
    this.#byKey.delete(resource.key);
    this.#collections.get(resource.collection)?.delete(resource.key);
  }
}

function compareKeys(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function fromRow(row: Record<string, SqlValue>): StoredResource {
  return {
    key: textColumn(row, "key"),
    collection: textColumn(row, "collection"),
    name: textColumn(row, "name"),
    id: textColumn(row, "id"),
    createdAtMs: Number(row["created_ms"]),
    updatedAtMs: Number(row["updated_ms"]),
    revision: Number(row["revision"]),
    resource: JSON.parse(textColumn(row, "body")) as JsonObject,
  };
}
