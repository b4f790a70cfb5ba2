/** A database of an earlier version is brought to the newest without loss. */
import { expect, test } from "vitest";
import { migrateProject } from "#control/project/schema.ts";
import { ProxyReports } from "#control/status/reports.ts";
import { nodeDatabase } from "./node-database.ts";

test("reports of before proxies had names are those of one without", () => {
  const database = nodeDatabase();
  const { sql } = database;
  migrateProject(database);
  // Back to the first step, with what it had.
  sql.exec("DROP TABLE reported_proxies");
  sql.exec("DROP INDEX IF EXISTS services_by_owner");
  sql.exec("ALTER TABLE services DROP COLUMN warnings");
  sql.exec("DROP INDEX services_stale");
  sql.exec("ALTER TABLE services DROP COLUMN is_stale");
  for (const table of ["lease_identities", "lease_tasks"]) sql.exec(`DROP TABLE ${table}`);
  sql.exec("DELETE FROM project_schema WHERE version > 1");
  sql.exec("CREATE TABLE proxy_reports (service TEXT PRIMARY KEY, report TEXT NOT NULL) WITHOUT ROWID");
  const report = { service: "cart", generation: 3, digest: "d", confirmedAtMs: 1, droppedSpans: 0, receivedAtMs: 5 };
  sql.exec("INSERT INTO proxy_reports VALUES ('cart', ?)", JSON.stringify(report));
  sql.exec("INSERT INTO services (service, owner) VALUES ('cart', 'x')");
  migrateProject(database);
  migrateProject(database);
  expect(new ProxyReports(sql).of("cart", 5)).toEqual([{ ...report, proxy: "" }]);
  expect([...sql.exec("SELECT warnings FROM services")]).toEqual([{ warnings: "[]" }]);
});
