import { textOf } from "../store/row.ts";
import { firstRow, type Sql } from "../store/sql.ts";

/** Names of the Project object's counters and marks, all of them in the table `settings`. */
export type Setting = "generation" | "groupVersion" | "leaseVersion" | "compilerRevision";

export function readSetting(sql: Sql, name: Setting): string | undefined {
  const row = firstRow(sql.exec("SELECT value FROM settings WHERE name = ?", name));
  return row && textOf(row, "value");
}

export function writeSetting(sql: Sql, name: Setting, value: string): void {
  sql.exec("INSERT INTO settings (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", name, value);
}

/** The next number of a counter, from 1; never given twice. Within a transaction. */
export function nextNumber(sql: Sql, name: Setting): number {
  const next = Number(readSetting(sql, name) ?? 0) + 1;
  writeSetting(sql, name, String(next));
  return next;
}
