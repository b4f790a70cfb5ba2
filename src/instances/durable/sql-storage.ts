import type { GroupSpec, TemplateSpec } from "../group/spec.ts";
import type { Instance } from "../group/state.ts";
import type { GroupStorage, StoredState } from "./storage.ts";

/** The state of a group in SQLite: one row per instance and per template, and a few single values. */

/** Grows when a row's shape changes in a way that older code cannot read. */
const format = 1;

const tables = [
  "CREATE TABLE IF NOT EXISTS single (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
  "CREATE TABLE IF NOT EXISTS template (revision INTEGER PRIMARY KEY, value TEXT NOT NULL)",
  "CREATE TABLE IF NOT EXISTS instance (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
];

export class SqlGroupStorage implements GroupStorage {
  readonly #storage: DurableObjectStorage;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
  }

  load(): { readonly state?: StoredState; readonly sequence: number } {
    const found = this.#storage.sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'single'").toArray();
    if (found.length === 0) return { sequence: 0 };
    const stored = Number(this.#single("format") ?? format);
    if (stored !== format) throw new Error(`this group's storage has format ${stored}; this code reads format ${format}`);
    const sequence = Number(this.#single("sequence") ?? 0);
    const spec = this.#single("spec");
    if (spec === undefined) return { sequence };
    const templates = new Map<number, TemplateSpec>();
    for (const row of this.#storage.sql.exec<{ revision: number; value: string }>("SELECT revision, value FROM template")) {
      templates.set(row.revision, JSON.parse(row.value) as TemplateSpec);
    }
    const instances = new Map<string, Instance>();
    for (const row of this.#storage.sql.exec<{ name: string; value: string }>("SELECT name, value FROM instance ORDER BY name")) {
      instances.set(row.name, JSON.parse(row.value) as Instance);
    }
    const intentsDone = this.#single("intentsDone");
    const goodTemplates = this.#single("goodTemplates");
    const state = {
      spec: JSON.parse(spec) as GroupSpec,
      lastId: this.#single("lastId") ?? "0",
      templates,
      instances,
      ...(intentsDone !== undefined && { intentsDone: Number(intentsDone) }),
      ...(goodTemplates !== undefined && { goodTemplates: JSON.parse(goodTemplates) as string[] }),
    };
    return { sequence, state };
  }

  save(previous: StoredState | undefined, next: StoredState): void {
    this.#storage.transactionSync(() => {
      if (!previous) this.#createTables();
      if (previous?.spec !== next.spec) this.#setSingle("spec", JSON.stringify(next.spec));
      if (previous?.lastId !== next.lastId) this.#setSingle("lastId", next.lastId);
      if (previous?.intentsDone !== next.intentsDone) this.#setSingle("intentsDone", String(next.intentsDone ?? 0));
      if (previous?.goodTemplates !== next.goodTemplates) this.#setSingle("goodTemplates", JSON.stringify(next.goodTemplates ?? []));
      this.#saveRows({ table: "template", key: "revision" }, previous?.templates, next.templates);
      this.#saveRows({ table: "instance", key: "name" }, previous?.instances, next.instances);
    });
  }

  saveSequence(sequence: number): void {
    this.#setSingle("sequence", String(sequence));
  }

  wipe(): void {
    // Both take effect at once and in order; their promises only tell when that is on disk.
    void this.#storage.deleteAlarm();
    void this.#storage.deleteAll();
  }

  #createTables(): void {
    for (const statement of tables) this.#storage.sql.exec(statement);
    this.#setSingle("format", String(format));
  }

  #single(name: string): string | undefined {
    return this.#storage.sql.exec<{ value: string }>("SELECT value FROM single WHERE name = ?", name).toArray()[0]?.value;
  }

  #setSingle(name: string, value: string): void {
    this.#storage.sql.exec("INSERT OR REPLACE INTO single (name, value) VALUES (?, ?)", name, value);
  }

  #saveRows<K extends string | number>(
    place: { readonly table: "template" | "instance"; readonly key: string },
    previous: ReadonlyMap<K, unknown> | undefined,
    next: ReadonlyMap<K, unknown>,
  ): void {
    if (previous === next) return;
    const { table, key } = place;
    for (const name of previous?.keys() ?? []) {
      if (!next.has(name)) this.#storage.sql.exec(`DELETE FROM ${table} WHERE ${key} = ?`, name);
    }
    for (const [name, value] of next) {
      if (previous?.get(name) === value) continue;
      this.#storage.sql.exec(`INSERT OR REPLACE INTO ${table} (${key}, value) VALUES (?, ?)`, name, JSON.stringify(value));
    }
  }
}
