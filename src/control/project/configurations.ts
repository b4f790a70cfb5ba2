import { messageOf, UserError } from "#base/errors.ts";
import { Pace } from "#base/pace.ts";
import { directoryService, keys, schemaVersion } from "#ir/snapshot.ts";
import { readDirectory, readSnapshot, writeDirectory, writeSnapshot } from "#ir/codec.ts";
import { compileSnapshot } from "#proxy/match/compile.ts";
import { compileService, type CompiledService } from "#control/compiler/service.ts";
import { inertWarnings } from "#control/compiler/inert.ts";
import {
  claimedHosts,
  serviceTable,
  serviceTableCollections,
  type ServiceConflict,
  type ServiceEntry,
} from "#control/compiler/services.ts";
import { collectionOf, dependency, type ResourceView } from "#control/compiler/view.ts";
import type { Ledger } from "../publish/ledger.ts";
import { jsonOf, textOf } from "../store/row.ts";
import { firstRow, type SqlDatabase } from "../store/sql.ts";

/** To be raised with each change of the compiler that gives other snapshots for the same resources: every project compiles itself again. */
export const compilerRevision = 7;

/** Workers KV. */
const maxKeyBytes = 512;

/** What a person reads of one service, and no more. */
const mostWarnings = 100;

/** What is stored and not obeyed. */
interface ServiceWarning {
  /** `backendServices/cart.iap is stored; it has no effect on traffic`: the resource and, where there is one, the field come first. */
  readonly text: string;
  readonly services: readonly string[];
}

/**
 * Compilations of a service that became stale again and again: a thousand instances that connect together are a few, not a thousand. The
 * spacing is half of that between two pointers of a service.
 */
const staleRate = { burst: 8, spacingMs: 500 };

/**
 * What to do with a snapshot that its own proxy would refuse: throw a `UserError`, so that the command is undone; or leave the last good
 * generation in place, for changes that nobody can take back, such as a report of a group.
 */
type Unreadable = "refuse" | "keep";

interface Parts {
  readonly database: SqlDatabase;
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
  readonly #stalePace = new Pace(staleRate);

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /**
   * Brings everything up to date after a change of what `keys` names in the words of the compiler's dependencies; a collection is among them
   * only beside the resources of it that changed. Throws `UserError` for a snapshot that its own proxy would refuse.
   */
  update(keys: ReadonlySet<string>, now: number): void {
    const affected = new Set(this.dependents(keys));
    const changed = [...keys].filter((key) => serviceTableCollections.includes(collectionOf(key)));
    if (!this.#keepsTable(changed)) for (const service of this.#updateTable(now)) affected.add(service);
    this.#compile(affected, { unreadable: "refuse", now });
  }

  /** Records what is to be compiled after a change that nobody waits for and that touches no service table: `compileStale` does it. */
  markStale(keys: Iterable<string>): void {
    const services = JSON.stringify(this.dependents(keys));
    this.#sql.exec("UPDATE services SET is_stale = 1 WHERE is_stale = 0 AND service IN (SELECT value FROM json_each(?))", services);
  }

  hasStale(): boolean {
    return firstRow(this.#sql.exec("SELECT service FROM services WHERE is_stale = 1 LIMIT 1")) !== undefined;
  }

  /** Compiles what is stale and due, each service in a transaction of its own. Never throws. Returns when to look again. */
  compileStale(now: number): { readonly wakeAtMs?: number } {
    const stale = [...this.#sql.exec("SELECT service FROM services WHERE is_stale = 1")].map((row) => textOf(row, "service"));
    const later: number[] = [];
    for (const service of stale) {
      const dueAtMs = this.#stalePace.dueAtMs(service);
      if (dueAtMs > now) later.push(dueAtMs);
      else this.#compileOne(service, now);
    }
    return later.length > 0 ? { wakeAtMs: Math.min(...later) } : {};
  }

  #compileOne(service: string, now: number): void {
    this.#stalePace.spend(service, now);
    try {
      this.#parts.database.transactionSync(() => this.#compile(new Set([service]), { unreadable: "keep", now }));
    } catch (thrown) {
      this.#parts.log(`service ${service} keeps its last configuration, it could not be compiled: ${messageOf(thrown)}`);
      this.#sql.exec("UPDATE services SET is_stale = 0 WHERE service = ?", service);
    }
  }

  get #sql(): SqlDatabase["sql"] {
    return this.#parts.database.sql;
  }

  /** Compiles everything again: the compiler has changed, or the project is new. */
  updateAll(now: number): void {
    this.#updateTable(now);
    this.#compile(new Set(this.services()), { unreadable: "keep", now });
    this.#recordDirectory(now);
  }

  /** In code-unit order. */
  services(): readonly string[] {
    return [...this.#sql.exec("SELECT service FROM services ORDER BY service")].map((row) => textOf(row, "service"));
  }

  /** Services whose snapshots were made of one of these. */
  dependents(dependencies: Iterable<string>): readonly string[] {
    const rows = this.#sql.exec(
      "SELECT DISTINCT service FROM service_dependencies WHERE key IN (SELECT value FROM json_each(?))",
      JSON.stringify([...dependencies]),
    );
    return [...rows].map((row) => textOf(row, "service"));
  }

  /** Hosts that two resources claim. */
  conflicts(): readonly ServiceConflict[] {
    return serviceTable(this.#parts.view).conflicts;
  }

  /** What the resources ask for and is not done, each with the services that it concerns. */
  warnings(): readonly ServiceWarning[] {
    const rows = [...this.#sql.exec("SELECT service, warnings FROM services WHERE warnings <> '[]' ORDER BY service")];
    const services = new Map<string, string[]>();
    for (const row of rows) {
      for (const text of jsonOf<string[]>(row, "warnings")) services.set(text, [...(services.get(text) ?? []), textOf(row, "service")]);
    }
    const inert = inertWarnings(this.#parts.view).map((text) => ({ text, services: [] }));
    return [...[...services].map(([text, of]) => ({ text, services: of })), ...inert];
  }

  /**
   * Whether these changes leave the service table as it is, as far as can be told from what changed alone: each resource claims exactly the
   * services that it owns. That is so of most edits, and saves them a look at all routes of the project.
   */
  #keepsTable(changed: readonly string[]): boolean {
    return changed
      .filter((key) => key !== dependency.collection(collectionOf(key)))
      .every((key) => {
        const claimed = claimedHosts(this.#parts.view, key);
        if (claimed === undefined) return false;
        const owned = [...this.#sql.exec("SELECT service FROM services WHERE owner = ?", key)].map((row) => textOf(row, "service"));
        return owned.length > 0 && owned.length === claimed.length && owned.every((service) => claimed.includes(service));
      });
  }

  /** Those of one service. */
  warningsOf(service: string): readonly string[] {
    const row = firstRow(this.#sql.exec("SELECT warnings FROM services WHERE service = ?", service));
    return row ? jsonOf<string[]>(row, "warnings") : [];
  }

  /** Takes over the service table; returns the services that are new or have another owner. */
  #updateTable(now: number): readonly string[] {
    const { ledger, view } = this.#parts;
    const sql = this.#sql;
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
      this.#stalePace.forget(service);
      ledger.remove(service, now);
      this.#parts.removed(service);
    }
    if (removed.length > 0 || changed.some((entry) => !before.has(entry.service))) this.#recordDirectory(now);
    return changed.map((entry) => entry.service);
  }

  #compile(services: ReadonlySet<string>, how: { readonly unreadable: Unreadable; readonly now: number }): void {
    for (const [service, entry] of this.#entries([...services])) {
      const compiled = compileService(this.#parts.view, entry);
      this.#recordDependencies(service, compiled.dependencies);
      this.#recordWarnings(service, compiled.warnings);
      this.#sql.exec("UPDATE services SET is_stale = 0 WHERE service = ? AND is_stale = 1", service);
      const bytes = writeSnapshot(compiled.snapshot);
      const fault = unreadable(bytes, compiled);
      if (fault === undefined) this.#parts.ledger.record({ service, bytes, secrets: compiled.snapshot.secrets }, how.now);
      else if (how.unreadable === "refuse")
        throw new UserError({ code: "invalid", message: `Service '${service}' could not be served: ${fault}.` });
      else this.#parts.log(`service ${service} keeps its last configuration, its proxy would refuse the new one: ${fault}`);
    }
  }

  #recordDependencies(service: string, dependencies: readonly string[]): void {
    const sql = this.#sql;
    const rows = sql.exec("SELECT key FROM service_dependencies WHERE service = ? ORDER BY key", service);
    const before = [...rows].map((row) => textOf(row, "key"));
    // The usual case: another value, the same sources.
    if (before.length === dependencies.length && before.every((key, index) => key === dependencies[index])) return;
    const wanted = JSON.stringify(dependencies);
    sql.exec("DELETE FROM service_dependencies WHERE service = ? AND key NOT IN (SELECT value FROM json_each(?))", service, wanted);
    sql.exec("INSERT OR IGNORE INTO service_dependencies (key, service) SELECT value, ? FROM json_each(?)", service, wanted);
  }

  #recordWarnings(service: string, warnings: readonly string[]): void {
    const text = JSON.stringify(warnings.slice(0, mostWarnings));
    this.#sql.exec("UPDATE services SET warnings = ? WHERE service = ? AND warnings <> ?", text, service, text);
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
    const sql = this.#sql;
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
