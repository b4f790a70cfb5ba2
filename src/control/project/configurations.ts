import { UserError } from "#base/errors.ts";
import { directoryService, keys, schemaVersion } from "#ir/snapshot.ts";
import { readDirectory, readSnapshot, writeDirectory, writeSnapshot } from "#ir/codec.ts";
import { compileSnapshot } from "#proxy/match/compile.ts";
import { compileService, type CompiledService } from "#control/compiler/service.ts";
import { serviceTable, serviceTableCollections, type ServiceConflict, type ServiceEntry } from "#control/compiler/services.ts";
import { collectionOf, type ResourceView } from "#control/compiler/view.ts";
import type { Ledger } from "../publish/ledger.ts";
import { textOf } from "../store/row.ts";
import type { Sql } from "../store/sql.ts";

/** To be raised with each change of the compiler that gives other snapshots for the same resources: every project compiles itself again. */
export const compilerRevision = 2;

/** Workers KV. */
const maxKeyBytes = 512;

/** What a change touched, in the words of the compiler's dependencies. */
export interface Touched {
  readonly keys: ReadonlySet<string>;
  /**
   * What to do with a snapshot that its own proxy would refuse. `refuse` throws a `UserError`, so that the command is undone; `keep` leaves
   * the last good generation in place, for changes that nobody can take back, such as a report of a group.
   */
  readonly unreadable: "refuse" | "keep";
}

interface Parts {
  readonly sql: Sql;
  readonly ledger: Ledger;
  readonly view: ResourceView;
  /** A service is no more: what its proxy reported counts no longer. */
  removed(service: string): void;
  readonly log: (line: string) => void;
}

/**
 * Which services the project has, what each was compiled from, and their recompilation after a change: only what the change touches is
 * compiled, and only what came out different becomes a new generation. Everything within the transaction of the change.
 */
export class Configurations {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Brings everything up to date after a change. */
  update(touched: Touched, now: number): void {
    const affected = new Set(this.dependents(touched.keys));
    if ([...touched.keys].some((key) => serviceTableCollections.includes(collectionOf(key)))) {
      for (const service of this.#updateTable(now)) affected.add(service);
    }
    this.#compile(affected, { unreadable: touched.unreadable, now });
  }

  /** Compiles everything again: the compiler has changed, or the project is new. */
  updateAll(now: number): void {
    this.#updateTable(now);
    this.#compile(new Set(this.services()), { unreadable: "keep", now });
    this.#recordDirectory(now);
  }

  /** In code-unit order. */
  services(): readonly string[] {
    return [...this.#parts.sql.exec("SELECT service FROM services ORDER BY service")].map((row) => textOf(row, "service"));
  }

  /** Services whose snapshots were made of one of these. */
  dependents(dependencies: Iterable<string>): readonly string[] {
    const rows = this.#parts.sql.exec(
      "SELECT DISTINCT service FROM service_dependencies WHERE key IN (SELECT value FROM json_each(?))",
      JSON.stringify([...dependencies]),
    );
    return [...rows].map((row) => textOf(row, "service"));
  }

  /** Hosts that two resources claim. */
  conflicts(): readonly ServiceConflict[] {
    return serviceTable(this.#parts.view).conflicts;
  }

  /** Takes over the service table; returns the services that are new or have another owner. */
  #updateTable(now: number): readonly string[] {
    const { sql, ledger, view } = this.#parts;
    const before = this.#entries();
    const after = new Map(serviceTable(view).entries.map((entry) => [entry.service, entry]));
    const changed = [...after.values()].filter((entry) => entry.owner !== before.get(entry.service)?.owner);
    const removed = [...before.keys()].filter((service) => !after.has(service));
    for (const entry of changed) {
      sql.exec(
        "INSERT INTO services (service, owner) VALUES (?, ?) ON CONFLICT (service) DO UPDATE SET owner = excluded.owner",
        entry.service,
        entry.owner,
      );
    }
    for (const service of removed) {
      sql.exec("DELETE FROM services WHERE service = ?", service);
      sql.exec("DELETE FROM service_dependencies WHERE service = ?", service);
      ledger.remove(service, now);
      this.#parts.removed(service);
    }
    if (removed.length > 0 || changed.some((entry) => !before.has(entry.service))) this.#recordDirectory(now);
    return changed.map((entry) => entry.service);
  }

  #compile(services: ReadonlySet<string>, how: Pick<Touched, "unreadable"> & { readonly now: number }): void {
    for (const [service, entry] of this.#entries([...services])) {
      const compiled = compileService(this.#parts.view, entry);
      this.#recordDependencies(service, compiled.dependencies);
      const bytes = writeSnapshot(compiled.snapshot);
      const fault = unreadable(bytes, compiled);
      if (fault === undefined) this.#parts.ledger.record({ service, bytes, secrets: compiled.snapshot.secrets }, how.now);
      else if (how.unreadable === "refuse")
        throw new UserError({ code: "invalid", message: `Service '${service}' could not be served: ${fault}.` });
      else this.#parts.log(`service ${service} keeps its last configuration, its proxy would refuse the new one: ${fault}`);
    }
  }

  #recordDependencies(service: string, dependencies: readonly string[]): void {
    const { sql } = this.#parts;
    const rows = sql.exec("SELECT key FROM service_dependencies WHERE service = ? ORDER BY key", service);
    const before = [...rows].map((row) => textOf(row, "key"));
    // The usual case: another value, the same sources.
    if (before.length === dependencies.length && before.every((key, index) => key === dependencies[index])) return;
    const wanted = JSON.stringify(dependencies);
    sql.exec("DELETE FROM service_dependencies WHERE service = ? AND key NOT IN (SELECT value FROM json_each(?))", service, wanted);
    sql.exec("INSERT OR IGNORE INTO service_dependencies (key, service) SELECT value, ? FROM json_each(?)", service, wanted);
  }

  #recordDirectory(now: number): void {
    const { ledger, view } = this.#parts;
    const bytes = writeDirectory({ schemaVersion, project: view.project, services: this.services() });
    const read = readDirectory(bytes);
    if ("error" in read)
      throw new UserError({ code: "limitExceeded", message: `The project's list of services could not be served: ${read.error}.` });
    ledger.record({ service: directoryService, bytes, secrets: [] }, now);
  }

  /** Of the named services, or of all. */
  #entries(services?: readonly string[]): Map<string, ServiceEntry> {
    const { sql } = this.#parts;
    const rows = services
      ? [...sql.exec("SELECT service, owner FROM services WHERE service IN (SELECT value FROM json_each(?))", JSON.stringify(services))]
      : [...sql.exec("SELECT service, owner FROM services")];
    return new Map(rows.map((row) => [textOf(row, "service"), { service: textOf(row, "service"), owner: textOf(row, "owner") }]));
  }
}

/** Why a proxy would refuse these bytes, found with the proxy's own code; undefined when it would not. */
function unreadable(bytes: Uint8Array<ArrayBuffer>, { snapshot }: CompiledService): string | undefined {
  const longest = keys.snapshot(snapshot.project, snapshot.service, "0".repeat(64));
  if (new TextEncoder().encode(longest).length > maxKeyBytes)
    return `the names of project and service are too long for a key of ${maxKeyBytes} bytes`;
  const read = readSnapshot(bytes);
  if ("error" in read) return read.error;
  const compiled = compileSnapshot(read.snapshot);
  return "error" in compiled ? compiled.error : undefined;
}
