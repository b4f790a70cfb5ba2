import { directoryService, keys, schemaVersion, type Pointer, type SecretUse } from "#ir/snapshot.ts";
import { nextNumber } from "../project/settings.ts";
import { bytesOf, jsonOf, numberOf, textOf, type Row } from "../store/row.ts";
import { firstRow, type SqlDatabase, type SqlValue } from "../store/sql.ts";
import { retentionMs, type Garbage, type Publication, type PublishState } from "./plan.ts";

/** A row of SQLite in a Durable Object holds 2 MB. */
const chunkBytes = 1024 * 1024;
/** Enough for a pass of the publisher; what is left over is seen in the next. */
const garbageAtATime = 100;

/** What a service is to have in KV. */
export interface Compiled {
  readonly service: string;
  /** Canonical JSON of the snapshot, or of the directory. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly secrets: readonly SecretUse[];
}

/**
 * Generations of a project and how far each has come on its way to KV: the outbox. A generation is recorded in the transaction of the
 * command that made it and only later written to KV, so a crash in between loses nothing. Only the newest bytes of a service are kept.
 */
export class Ledger {
  readonly #database: SqlDatabase;
  readonly #project: string;

  constructor(database: SqlDatabase, project: string) {
    this.#database = database;
    this.#project = project;
  }

  /** Records what was compiled as a new generation, unless it is what the newest generation holds already. Within a transaction. */
  record(compiled: Compiled, now: number): boolean {
    const { service, bytes } = compiled;
    const current = this.bytes(service);
    if (current && sameBytes(current, bytes)) return false;
    // One counter for the whole project: a service that is deleted and made again goes on upwards, as readers demand.
    const generation = nextNumber(this.#database.sql, "generation");
    const pointerWrittenMs = this.#reclaimPointer(service) ? now : 0;
    this.#exec(
      `INSERT INTO publications (service, generation, created_ms, pointer_written_ms) VALUES (?, ?, ?, ?)
       ON CONFLICT (service) DO UPDATE SET generation = excluded.generation, created_ms = excluded.created_ms`,
      [service, generation, now, pointerWrittenMs],
    );
    this.#forgetContent(service);
    for (let start = 0; start < bytes.length; start += chunkBytes) {
      const chunk = bytes.slice(start, start + chunkBytes).buffer;
      this.#exec("INSERT INTO snapshot_chunks (service, chunk, bytes) VALUES (?, ?, ?)", [service, start / chunkBytes, chunk]);
    }
    for (const { name, version } of compiled.secrets) {
      if (version !== null) this.#exec("INSERT INTO snapshot_secrets (service, name, version) VALUES (?, ?, ?)", [service, name, version]);
    }
    return true;
  }

  /** Takes a service away: its keys stay readable for the retention time, for readers that have not seen the new directory. Within a transaction. */
  remove(service: string, now: number): void {
    const stored = this.#stored(service);
    if (stored) this.#discard(keys.snapshot(this.#project, service, stored.digest), now);
    this.#discard(keys.pointer(this.#project, service), now);
    this.#forgetContent(service);
    this.#exec("DELETE FROM publications WHERE service = ?", [service]);
  }

  /** Newest generation of a service; undefined for an unknown one. */
  newest(service: string): { readonly generation: number; readonly createdAtMs: number } | undefined {
    const row = firstRow(this.#exec("SELECT generation, created_ms FROM publications WHERE service = ?", [service]));
    return row && { generation: numberOf(row, "generation"), createdAtMs: numberOf(row, "created_ms") };
  }

  /** Bytes of the newest generation of a service. */
  bytes(service: string): Uint8Array<ArrayBuffer> | undefined {
    const chunks = [...this.#exec("SELECT bytes FROM snapshot_chunks WHERE service = ? ORDER BY chunk", [service])].map((row) =>
      bytesOf(row, "bytes"),
    );
    if (chunks.length === 0) return undefined;
    const whole = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
    let offset = 0;
    for (const chunk of chunks) {
      whole.set(chunk, offset);
      offset += chunk.length;
    }
    return whole;
  }

  /** Pointers whose snapshots are in KV, of the named services. */
  pointers(services: readonly string[]): Record<string, Pointer> {
    const rows = this.#exec(
      "SELECT service, stored FROM publications WHERE stored IS NOT NULL AND service IN (SELECT value FROM json_each(?))",
      [JSON.stringify(services)],
    );
    return Object.fromEntries([...rows].map((row) => [textOf(row, "service"), jsonOf<Pointer>(row, "stored")]));
  }

  /** Every service with its newest generation and the pointer to what is in KV, in the order of names. The directory is among them. */
  all(): readonly { readonly service: string; readonly generation: number; readonly stored?: Pointer }[] {
    return [...this.#exec("SELECT service, generation, stored FROM publications ORDER BY service", [])].map((row) => ({
      service: textOf(row, "service"),
      generation: numberOf(row, "generation"),
      ...(row["stored"] !== null && { stored: jsonOf<Pointer>(row, "stored") }),
    }));
  }

  /** Everything that still has to be written to KV, and the next few keys to be collected. */
  state(): Omit<PublishState, "secretWrites"> {
    const blocked = new Set(
      [
        ...this.#exec(
          "SELECT DISTINCT service FROM snapshot_secrets JOIN secret_writes USING (name, version) WHERE secret_writes.operation = 'put'",
          [],
        ),
      ].map((row) => textOf(row, "service")),
    );
    const pending = [...this.#exec("SELECT * FROM publications WHERE pointed_generation < generation", [])];
    return {
      publications: pending.map((row) => toPublication(row, blocked)),
      garbage: [...this.#exec("SELECT * FROM garbage ORDER BY collect_after_ms LIMIT ?", [garbageAtATime])].map(toGarbage),
      directory: directoryService,
    };
  }

  /** Of publications that are behind: how many, and what the last failure said. */
  backlog(): { readonly pending: number; readonly lastError?: string } {
    const count = firstRow(this.#exec("SELECT count(*) AS pending FROM publications WHERE pointed_generation < generation", []));
    const failure = firstRow(this.#exec("SELECT last_error FROM publications WHERE attempts > 0 ORDER BY attempts DESC LIMIT 1", []));
    return { pending: Number(count?.["pending"] ?? 0), ...(failure && { lastError: textOf(failure, "last_error") }) };
  }

  /** The snapshot of `generation` is in KV. What it replaces there is kept for the retention time. */
  markStored(service: string, pointer: Omit<Pointer, "schemaVersion">, now: number): void {
    this.#database.transactionSync(() => {
      const key = keys.snapshot(this.#project, service, pointer.digest);
      const before = this.#stored(service);
      this.#exec("DELETE FROM garbage WHERE key = ?", [key]);
      const known = firstRow(
        this.#exec(
          `UPDATE publications SET stored = ?, stored_generation = ?, snapshot_written_ms = ?, attempts = 0, not_before_ms = 0, last_error = NULL
           WHERE service = ? RETURNING service`,
          [JSON.stringify({ ...pointer, schemaVersion } satisfies Pointer), pointer.generation, now, service],
        ),
      );
      if (!known) this.#discard(key, now);
      else if (before && before.digest !== pointer.digest) this.#discard(keys.snapshot(this.#project, service, before.digest), now);
    });
  }

  /** The pointer key names `generation`. */
  markPointed(service: string, generation: number): void {
    this.#exec("UPDATE publications SET pointed_generation = ?, attempts = 0, not_before_ms = 0, last_error = NULL WHERE service = ?", [
      generation,
      service,
    ]);
  }

  /** Failures in a row of a service, counted before this one was. */
  attempts(service: string): number {
    return Number(firstRow(this.#exec("SELECT attempts FROM publications WHERE service = ?", [service]))?.["attempts"] ?? 0);
  }

  /** A pointer write is about to be made: it counts towards the spacing even when it seems to fail, because it may have arrived. */
  markPointing(service: string, now: number): void {
    this.#exec("UPDATE publications SET pointer_written_ms = ? WHERE service = ?", [now, service]);
  }

  /** A write for the service failed; it is tried again at `notBeforeMs`. */
  markFailed(service: string, failure: { readonly message: string; readonly notBeforeMs: number }): void {
    this.#exec("UPDATE publications SET attempts = attempts + 1, not_before_ms = ?, last_error = ? WHERE service = ?", [
      failure.notBeforeMs,
      failure.message,
      service,
    ]);
  }

  /** Whether a key that was to be collected still is to be. */
  isGarbage(key: string): boolean {
    return firstRow(this.#exec("SELECT key FROM garbage WHERE key = ?", [key])) !== undefined;
  }

  markCollected(key: string): void {
    this.#exec("DELETE FROM garbage WHERE key = ?", [key]);
  }

  postponeCollection(key: string, collectAfterMs: number): void {
    this.#exec("UPDATE garbage SET collect_after_ms = ? WHERE key = ?", [collectAfterMs, key]);
  }

  #exec(query: string, bindings: readonly SqlValue[]): Iterable<Row> {
    return this.#database.sql.exec(query, ...bindings);
  }

  #stored(service: string): Pointer | undefined {
    return this.pointers([service])[service];
  }

  #discard(key: string, now: number): void {
    this.#exec(
      "INSERT INTO garbage (key, collect_after_ms) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET collect_after_ms = excluded.collect_after_ms",
      [key, now + retentionMs],
    );
  }

  /** A service that comes back takes over its old pointer key; true when there was one, which may have been written a moment ago. */
  #reclaimPointer(service: string): boolean {
    return firstRow(this.#exec("DELETE FROM garbage WHERE key = ? RETURNING key", [keys.pointer(this.#project, service)])) !== undefined;
  }

  #forgetContent(service: string): void {
    this.#exec("DELETE FROM snapshot_chunks WHERE service = ?", [service]);
    this.#exec("DELETE FROM snapshot_secrets WHERE service = ?", [service]);
  }
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}

function toPublication(row: Row, blocked: ReadonlySet<string>): Publication {
  return {
    service: textOf(row, "service"),
    generation: numberOf(row, "generation"),
    storedGeneration: numberOf(row, "stored_generation"),
    pointedGeneration: numberOf(row, "pointed_generation"),
    snapshotWrittenAtMs: numberOf(row, "snapshot_written_ms"),
    pointerWrittenAtMs: numberOf(row, "pointer_written_ms"),
    attempts: numberOf(row, "attempts"),
    notBeforeMs: numberOf(row, "not_before_ms"),
    waitsForSecret: blocked.has(textOf(row, "service")),
  };
}

function toGarbage(row: Row): Garbage {
  return { key: textOf(row, "key"), collectAfterMs: numberOf(row, "collect_after_ms") };
}
