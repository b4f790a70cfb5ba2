import type { JsonObject } from "#base/json.ts";
import type { Scope } from "../command.ts";
import { firstRow, textColumn, type Sql, type SqlValue } from "../store/sql.ts";

/** How many operations of a project are kept; older ones are forgotten, as Google forgets them after a while. */
export const keptOperations = 1000;

/** An operation as it is answered; it was done when it was made, since a call changes everything in one transaction. */
export interface StoredOperation {
  readonly name: string;
  readonly scope: Scope;
  readonly body: JsonObject;
  /** The caller's `requestId`, together with what it asked for: the same request again gets the same operation. */
  readonly requestKey?: string;
}

/** The operations of one project. Its table is made by `store/schema.ts`; a `SqlStore` over the same database must exist first. */
export class OperationLog {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** Keeps an operation and forgets what is beyond `keptOperations`. */
  put(operation: StoredOperation): void {
    this.#sql.exec(
      "INSERT INTO operations (name, scope, request_id, body) VALUES (?, ?, ?, ?)",
      operation.name,
      operation.scope,
      operation.requestKey ?? null,
      JSON.stringify(operation.body),
    );
    this.#sql.exec("DELETE FROM operations WHERE sequence <= (SELECT max(sequence) FROM operations) - ?", keptOperations);
  }

  get(scope: Scope, name: string): StoredOperation | undefined {
    return fromRow(firstRow(this.#sql.exec("SELECT * FROM operations WHERE scope = ? AND name = ?", scope, name)));
  }

  byRequest(requestKey: string): StoredOperation | undefined {
    return fromRow(firstRow(this.#sql.exec("SELECT * FROM operations WHERE request_id = ? LIMIT 1", requestKey)));
  }

  /** Oldest first; of one scope, or of all. */
  list(scope?: Scope): readonly StoredOperation[] {
    const rows =
      scope === undefined
        ? this.#sql.exec("SELECT * FROM operations ORDER BY sequence")
        : this.#sql.exec("SELECT * FROM operations WHERE scope = ? ORDER BY sequence", scope);
    return [...rows].map((row) => fromRow(row)).filter((operation) => operation !== undefined);
  }

  delete(scope: Scope, name: string): void {
    this.#sql.exec("DELETE FROM operations WHERE scope = ? AND name = ?", scope, name);
  }
}

function fromRow(row: Record<string, SqlValue> | undefined): StoredOperation | undefined {
  if (!row) return undefined;
  return { name: textColumn(row, "name"), scope: textColumn(row, "scope"), body: JSON.parse(textColumn(row, "body")) as JsonObject };
}
