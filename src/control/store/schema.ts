import { firstRow, type SqlDatabase } from "./sql.ts";

/**
 * The tables of `store/` and `operations/`, as a list of steps. A step that was released is never edited: what is stored outlives the code.
 * The version reached is kept in `store_schema`, so that other units may keep tables of their own in the same database.
 */
const migrations: readonly (readonly string[])[] = [
  [
    `CREATE TABLE resources (
       key TEXT PRIMARY KEY,
       collection TEXT NOT NULL,
       name TEXT NOT NULL,
       id TEXT NOT NULL,
       created_ms INTEGER NOT NULL,
       updated_ms INTEGER NOT NULL,
       revision INTEGER NOT NULL,
       body TEXT NOT NULL
     ) WITHOUT ROWID`,
    `CREATE TABLE resource_references (
       source TEXT NOT NULL,
       target TEXT NOT NULL,
       PRIMARY KEY (target, source)
     ) WITHOUT ROWID`,
    "CREATE INDEX resource_references_by_source ON resource_references (source)",
    "CREATE TABLE group_reports (key TEXT PRIMARY KEY, report TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID",
    `CREATE TABLE operations (
       sequence INTEGER PRIMARY KEY AUTOINCREMENT,
       name TEXT NOT NULL UNIQUE,
       scope TEXT NOT NULL,
       request_id TEXT,
       body TEXT NOT NULL
     )`,
    "CREATE INDEX operations_by_scope ON operations (scope, sequence)",
    "CREATE INDEX operations_by_request ON operations (request_id) WHERE request_id IS NOT NULL",
  ],
];

/** Brings the tables to the newest version; cheap when they are there already. Called by whoever opens a project's database, once. */
export function migrate(database: SqlDatabase): void {
  const { sql } = database;
  database.transactionSync(() => {
    sql.exec("CREATE TABLE IF NOT EXISTS store_schema (version INTEGER NOT NULL)");
    const reached = Number(firstRow(sql.exec("SELECT max(version) AS version FROM store_schema"))?.["version"] ?? 0);
    for (const [index, statements] of migrations.entries()) {
      if (index < reached) continue;
      for (const statement of statements) sql.exec(statement);
      sql.exec("INSERT INTO store_schema (version) VALUES (?)", index + 1);
    }
  });
}
