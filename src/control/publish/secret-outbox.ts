import { bytesOf, numberOf, textOf } from "../store/row.ts";
import { firstRow, type Sql } from "../store/sql.ts";
import type { SecretWrite } from "./plan.ts";

/** Far more than a proxy needs from reading a snapshot to having read the secrets that it names. */
const overlapMs = 5_000;

interface VersionRef {
  readonly name: string;
  readonly version: number;
}

/**
 * Sealed secret versions on their way into KV, and destroyed or disabled ones on their way out. The rows are made in the
 * transaction that changes the version's state; the sealed bytes stay in `secret_versions` and are read when they are written.
 */
export class SecretOutbox {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** Within a transaction. A later operation on the same version takes the place of one that was not done yet. */
  put({ name, version }: VersionRef): void {
    this.#enqueue({ name, version, operation: "put", notBeforeMs: 0 });
  }

  /** The same for taking a version out of KV, with some seconds left for proxies that are just loading a snapshot which names it. */
  delete({ name, version }: VersionRef, now: number): void {
    this.#enqueue({ name, version, operation: "delete", notBeforeMs: now + overlapMs });
  }

  pending(): readonly SecretWrite[] {
    return [...this.#sql.exec("SELECT name, version, operation, not_before_ms FROM secret_writes")].map((row) => ({
      name: textOf(row, "name"),
      version: numberOf(row, "version"),
      operation: row["operation"] === "put" ? "put" : "delete",
      notBeforeMs: numberOf(row, "not_before_ms"),
    }));
  }

  /** Sealed bytes; undefined once the version was destroyed, and then its key is to be deleted. */
  sealed(name: string, version: number): Uint8Array<ArrayBuffer> | undefined {
    const row = firstRow(
      this.#sql.exec("SELECT sealed FROM secret_versions WHERE name = ? AND version = ? AND state = 'ENABLED'", name, version),
    );
    return row && bytesOf(row, "sealed");
  }

  #enqueue({ name, version, operation, notBeforeMs }: SecretWrite): void {
    this.#sql.exec(
      `INSERT INTO secret_writes (name, version, operation, not_before_ms) VALUES (?, ?, ?, ?)
       ON CONFLICT (name, version) DO UPDATE SET operation = excluded.operation, attempts = 0, not_before_ms = excluded.not_before_ms`,
      name,
      version,
      operation,
      notBeforeMs,
    );
  }

  /** Takes the row out, unless the opposite operation was enqueued while this one was under way. */
  markWritten({ name, version, operation }: VersionRef & Pick<SecretWrite, "operation">): void {
    this.#sql.exec("DELETE FROM secret_writes WHERE name = ? AND version = ? AND operation = ?", name, version, operation);
  }

  attempts({ name, version }: VersionRef): number {
    return Number(
      firstRow(this.#sql.exec("SELECT attempts FROM secret_writes WHERE name = ? AND version = ?", name, version))?.["attempts"] ?? 0,
    );
  }

  markFailed({ name, version }: VersionRef, notBeforeMs: number): void {
    this.#sql.exec(
      "UPDATE secret_writes SET attempts = attempts + 1, not_before_ms = ? WHERE name = ? AND version = ?",
      notBeforeMs,
      name,
      version,
    );
  }
}
