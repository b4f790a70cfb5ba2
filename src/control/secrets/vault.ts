import type { JsonObject } from "#base/json.ts";
import type { SecretOutbox } from "../publish/secret-outbox.ts";
import { bytesOf, jsonOf, numberOf, textOf, type Row } from "../store/row.ts";
import { firstRow, type Sql } from "../store/sql.ts";

/** A secret without its versions: what the user gave, less what the server computes. */
export interface StoredSecret {
  readonly name: string;
  readonly body: JsonObject;
  readonly createdAtMs: number;
  /** Changes with each change of the secret; the etag is made of it. */
  readonly revision: number;
}

export type VersionState = "ENABLED" | "DISABLED" | "DESTROYED";

export interface StoredVersion {
  readonly name: string;
  readonly version: number;
  readonly state: VersionState;
  readonly createdAtMs: number;
  readonly destroyedAtMs?: number;
  readonly revision: number;
}

/**
 * Secrets of one project and their versions. Only sealed bytes are ever here. Enabled versions are also put into KV for the proxies, and
 * taken out when they are disabled or destroyed. Writers call it within a transaction.
 */
export class Vault {
  readonly #sql: Sql;
  readonly #outbox: SecretOutbox;

  constructor(sql: Sql, outbox: SecretOutbox) {
    this.#sql = sql;
    this.#outbox = outbox;
  }

  secret(name: string): StoredSecret | undefined {
    const row = firstRow(this.#sql.exec("SELECT * FROM secrets WHERE name = ?", name));
    return row && toSecret(row);
  }

  /** In the order of names. */
  secrets(): readonly StoredSecret[] {
    return [...this.#sql.exec("SELECT * FROM secrets ORDER BY name")].map(toSecret);
  }

  put(secret: StoredSecret): void {
    this.#sql.exec(
      `INSERT INTO secrets (name, body, created_ms, revision) VALUES (?, ?, ?, ?)
       ON CONFLICT (name) DO UPDATE SET body = excluded.body, revision = excluded.revision`,
      secret.name,
      JSON.stringify(secret.body),
      secret.createdAtMs,
      secret.revision,
    );
  }

  /** Wipes the secret and all its versions. */
  delete(name: string, now: number): void {
    for (const { version } of this.versions(name)) this.#outbox.delete({ name, version }, now);
    this.#sql.exec("DELETE FROM secret_versions WHERE name = ?", name);
    this.#sql.exec("DELETE FROM secrets WHERE name = ?", name);
  }

  /**
   * Takes the next version number. Numbers are never given twice, not even after the secret was deleted and made again: a reader of KV may
   * still hold the old bytes under the old number.
   */
  reserveVersion(name: string): number {
    const row = firstRow(
      this.#sql.exec(
        `INSERT INTO secret_numbers (name, last_version) VALUES (?, 1)
         ON CONFLICT (name) DO UPDATE SET last_version = last_version + 1 RETURNING last_version`,
        name,
      ),
    );
    return Number(row?.["last_version"]);
  }

  addVersion(version: Omit<StoredVersion, "state">, sealed: Uint8Array<ArrayBuffer>): void {
    this.#sql.exec(
      "INSERT INTO secret_versions (name, version, state, created_ms, revision, sealed) VALUES (?, ?, 'ENABLED', ?, ?, ?)",
      version.name,
      version.version,
      version.createdAtMs,
      version.revision,
      sealed.slice().buffer,
    );
    this.#outbox.put(version);
  }

  version(name: string, version: number): StoredVersion | undefined {
    const row = firstRow(this.#sql.exec(`SELECT ${versionColumns} FROM secret_versions WHERE name = ? AND version = ?`, name, version));
    return row && toVersion(row);
  }

  /** Newest first. */
  versions(name: string): readonly StoredVersion[] {
    return [...this.#sql.exec(`SELECT ${versionColumns} FROM secret_versions WHERE name = ? ORDER BY version DESC`, name)].map(toVersion);
  }

  /** Sealed bytes of a version; undefined when it was destroyed. */
  sealed(name: string, version: number): Uint8Array<ArrayBuffer> | undefined {
    const row = firstRow(this.#sql.exec("SELECT sealed FROM secret_versions WHERE name = ? AND version = ?", name, version));
    return row?.["sealed"] ? bytesOf(row, "sealed") : undefined;
  }

  /** Records a new state. Destroying wipes the sealed bytes; only enabled versions are in KV. */
  setState(version: StoredVersion, now: number): void {
    const { name, state } = version;
    this.#sql.exec(
      "UPDATE secret_versions SET state = ?, destroyed_ms = ?, revision = ? WHERE name = ? AND version = ?",
      state,
      version.destroyedAtMs ?? null,
      version.revision,
      name,
      version.version,
    );
    if (state === "DESTROYED")
      this.#sql.exec("UPDATE secret_versions SET sealed = NULL WHERE name = ? AND version = ?", name, version.version);
    if (state === "ENABLED") this.#outbox.put(version);
    else this.#outbox.delete(version, now);
  }

  /** What `{secret.NAME}` in a header value stands for: the newest enabled version; null when there is none. */
  latestEnabled(name: string): number | null {
    const row = firstRow(this.#sql.exec("SELECT max(version) AS version FROM secret_versions WHERE name = ? AND state = 'ENABLED'", name));
    return typeof row?.["version"] === "number" ? row["version"] : null;
  }
}

const versionColumns = "name, version, state, created_ms, destroyed_ms, revision";

function toSecret(row: Row): StoredSecret {
  return {
    name: textOf(row, "name"),
    body: jsonOf<JsonObject>(row, "body"),
    createdAtMs: numberOf(row, "created_ms"),
    revision: numberOf(row, "revision"),
  };
}

function toVersion(row: Row): StoredVersion {
  return {
    name: textOf(row, "name"),
    version: numberOf(row, "version"),
    state: row["state"] as VersionState,
    createdAtMs: numberOf(row, "created_ms"),
    revision: numberOf(row, "revision"),
    ...(row["destroyed_ms"] !== null && { destroyedAtMs: numberOf(row, "destroyed_ms") }),
  };
}
