/** The little of SQLite that the store needs, so that the same code runs on a Durable Object and on `node:sqlite`. */

export type SqlValue = string | number | null | ArrayBuffer;

export interface Sql {
  /** Runs one statement to its end; rows are plain objects by column name. */
  exec(query: string, ...bindings: SqlValue[]): Iterable<Record<string, SqlValue>>;
}

/** A database of one project. `ctx.storage` of a Durable Object is one as it stands. */
export interface SqlDatabase {
  readonly sql: Sql;
  /** Keeps all that `work` wrote, or nothing when it throws. May be nested: the inner one is undone alone. */
  transactionSync<T>(work: () => T): T;
}

/** The first row of an answer, or undefined. */
export function firstRow(rows: Iterable<Record<string, SqlValue>>): Record<string, SqlValue> | undefined {
  return [...rows][0];
}

/** A text column; throws when it holds something else, which is a broken database. */
export function textColumn(row: Record<string, SqlValue>, column: string): string {
  const value = row[column];
  if (typeof value !== "string") throw new Error(`column ${column} holds ${typeof value} instead of text`);
  return value;
}
