import { firstRow, type SqlDatabase } from "../store/sql.ts";

/**
 * Tables of the Project object beyond its resources, as a list of steps; described in docs/storage.md. A step that was released is never
 * edited: what is stored outlives the code.
 */
const migrations: readonly (readonly string[])[] = [
  [
    "CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",

    "CREATE TABLE services (service TEXT PRIMARY KEY, owner TEXT NOT NULL) WITHOUT ROWID",
    `CREATE TABLE service_dependencies (
       key TEXT NOT NULL,
       service TEXT NOT NULL,
       PRIMARY KEY (key, service)
     ) WITHOUT ROWID`,
    "CREATE INDEX service_dependencies_by_service ON service_dependencies (service)",

    `CREATE TABLE publications (
       service TEXT PRIMARY KEY,
       generation INTEGER NOT NULL,
       created_ms INTEGER NOT NULL,
       stored TEXT,
       stored_generation INTEGER NOT NULL DEFAULT 0,
       pointed_generation INTEGER NOT NULL DEFAULT 0,
       snapshot_written_ms INTEGER NOT NULL DEFAULT 0,
       pointer_written_ms INTEGER NOT NULL DEFAULT 0,
       attempts INTEGER NOT NULL DEFAULT 0,
       not_before_ms INTEGER NOT NULL DEFAULT 0,
       last_error TEXT
     ) WITHOUT ROWID`,
    "CREATE INDEX publications_pending ON publications (service) WHERE pointed_generation < generation",
    "CREATE TABLE snapshot_chunks (service TEXT NOT NULL, chunk INTEGER NOT NULL, bytes BLOB NOT NULL, PRIMARY KEY (service, chunk))",
    `CREATE TABLE snapshot_secrets (
       service TEXT NOT NULL,
       name TEXT NOT NULL,
       version INTEGER NOT NULL,
       PRIMARY KEY (service, name, version)
     ) WITHOUT ROWID`,
    "CREATE TABLE garbage (key TEXT PRIMARY KEY, collect_after_ms INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE INDEX garbage_by_time ON garbage (collect_after_ms)",

    `CREATE TABLE group_tasks (
       key TEXT PRIMARY KEY,
       spec TEXT NOT NULL,
       version INTEGER NOT NULL,
       created_version INTEGER NOT NULL,
       acknowledged_version INTEGER NOT NULL DEFAULT 0,
       attempts INTEGER NOT NULL DEFAULT 0,
       not_before_ms INTEGER NOT NULL DEFAULT 0
     ) WITHOUT ROWID`,

    `CREATE TABLE group_dependencies (
       key TEXT NOT NULL,
       group_key TEXT NOT NULL,
       PRIMARY KEY (key, group_key)
     ) WITHOUT ROWID`,
    "CREATE INDEX group_dependencies_by_group ON group_dependencies (group_key)",

    `CREATE TABLE secrets (
       name TEXT PRIMARY KEY,
       body TEXT NOT NULL,
       created_ms INTEGER NOT NULL,
       revision INTEGER NOT NULL
     ) WITHOUT ROWID`,
    "CREATE TABLE secret_numbers (name TEXT PRIMARY KEY, last_version INTEGER NOT NULL) WITHOUT ROWID",
    `CREATE TABLE secret_versions (
       name TEXT NOT NULL,
       version INTEGER NOT NULL,
       state TEXT NOT NULL,
       created_ms INTEGER NOT NULL,
       destroyed_ms INTEGER,
       revision INTEGER NOT NULL,
       sealed BLOB,
       PRIMARY KEY (name, version)
     )`,
    `CREATE TABLE secret_writes (
       name TEXT NOT NULL,
       version INTEGER NOT NULL,
       operation TEXT NOT NULL,
       attempts INTEGER NOT NULL DEFAULT 0,
       not_before_ms INTEGER NOT NULL DEFAULT 0,
       PRIMARY KEY (name, version)
     ) WITHOUT ROWID`,

    "CREATE TABLE proxy_reports (service TEXT PRIMARY KEY, report TEXT NOT NULL) WITHOUT ROWID",
    `CREATE TABLE audit (
       sequence INTEGER PRIMARY KEY AUTOINCREMENT,
       at_ms INTEGER NOT NULL,
       user TEXT NOT NULL,
       verb TEXT NOT NULL,
       key TEXT NOT NULL,
       changed TEXT NOT NULL
     )`,
  ],
  [
    `CREATE TABLE reported_proxies (
       service TEXT NOT NULL,
       proxy TEXT NOT NULL,
       report TEXT NOT NULL,
       PRIMARY KEY (service, proxy)
     ) WITHOUT ROWID`,
    "INSERT INTO reported_proxies (service, proxy, report) SELECT service, '', report FROM proxy_reports",
    "DROP TABLE proxy_reports",
    "ALTER TABLE services ADD COLUMN warnings TEXT NOT NULL DEFAULT '[]'",
    "CREATE INDEX services_by_owner ON services (owner)",
  ],
  [
    "CREATE TABLE lease_identities (lease_key TEXT PRIMARY KEY, group_key TEXT NOT NULL, identity TEXT NOT NULL) WITHOUT ROWID",
    `CREATE TABLE lease_tasks (
       group_key TEXT NOT NULL,
       name TEXT NOT NULL,
       version INTEGER NOT NULL,
       task TEXT NOT NULL,
       attempts INTEGER NOT NULL DEFAULT 0,
       not_before_ms INTEGER NOT NULL DEFAULT 0,
       PRIMARY KEY (group_key, name)
     ) WITHOUT ROWID`,
  ],
  [
    "ALTER TABLE services ADD COLUMN is_stale INTEGER NOT NULL DEFAULT 0",
    "CREATE INDEX services_stale ON services (service) WHERE is_stale = 1",
  ],
];

/** Brings the tables to the newest version; cheap when they are there already. Called once, when the object wakes. */
export function migrateProject(database: SqlDatabase): void {
  const { sql } = database;
  database.transactionSync(() => {
    sql.exec("CREATE TABLE IF NOT EXISTS project_schema (version INTEGER NOT NULL)");
    const reached = Number(firstRow(sql.exec("SELECT max(version) AS version FROM project_schema"))?.["version"] ?? 0);
    for (const [index, statements] of migrations.entries()) {
      if (index < reached) continue;
      for (const statement of statements) sql.exec(statement);
      sql.exec("INSERT INTO project_schema (version) VALUES (?)", index + 1);
    }
  });
}
