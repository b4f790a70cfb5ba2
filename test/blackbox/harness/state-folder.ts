/** What a mesh that was started with `--state` has on disk: Workers KV and the databases of Durable Objects, as miniflare keeps them. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

/** Every key of Workers KV with its value. */
export function readKv(state: string): Map<string, string> {
  const blobs = join(state, "workers/kv/bus/blobs");
  const [entries = []] = databases(join(state, "workers/kv/miniflare-KVNamespaceObject")).map((database) =>
    rowsOf(database, "_mf_entries"),
  );
  return new Map(entries.map(({ key, blob_id: blob }) => [String(key), readFileSync(join(blobs, String(blob)), "utf8")]));
}

export interface StoredRow {
  readonly table: string;
  /** All its columns. */
  readonly text: string;
}

/** All rows of all objects of a class, such as `LeaseObject`. */
export function readObjects(state: string, className: string): StoredRow[] {
  return databases(join(state, "workers/do", `control-${className}`)).flatMap((database) =>
    tablesOf(database).flatMap((table) => rowsOf(database, table).map((row) => ({ table, text: textOf(row) }))),
  );
}

type Row = Record<string, unknown>;

function textOf(row: Row): string {
  return Object.values(row)
    .map((value) => (value instanceof Uint8Array ? Buffer.from(value).toString("utf8") : String(value)))
    .join("\t");
}

/** Those of objects; `metadata.sqlite` is the runtime's own. */
function databases(folder: string): string[] {
  const files = readdirSync(folder).filter((file) => file.endsWith(".sqlite") && file !== "metadata.sqlite");
  return files.map((file) => join(folder, file));
}

function tablesOf(file: string): string[] {
  return query(file, "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '_cf_%'").map(({ name }) => String(name));
}

function rowsOf(file: string, table: string): Row[] {
  return query(file, `SELECT * FROM ${table}`);
}

function query(file: string, sql: string): Row[] {
  const database = new DatabaseSync(file, { readOnly: true });
  try {
    return database.prepare(sql).all();
  } finally {
    database.close();
  }
}
