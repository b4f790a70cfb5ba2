import type { Clock } from "#base/clock.ts";
import type { ResourceView } from "#control/compiler/view.ts";
import type { ProxyObservation } from "#proxy/filters/explain-backend.ts";
import { Explainer } from "../explain/explain.ts";
import { RefusedLog } from "../explain/refused-log.ts";
import { OperationLog } from "../operations/log.ts";
import { Ledger } from "../publish/ledger.ts";
import { SecretOutbox } from "../publish/secret-outbox.ts";
import { Vault } from "../secrets/vault.ts";
import { ProxyReports, type ReceivedReport } from "../status/reports.ts";
import { SqlStore } from "../store/sql-store.ts";
import type { SqlDatabase } from "../store/sql.ts";
import { AuditLog } from "./audit.ts";
import { compilerRevision, Configurations } from "./configurations.ts";
import { Groups } from "./groups.ts";
import { LeaseOutbox } from "./leases.ts";
import { migrateProject } from "./schema.ts";
import { readSetting, writeSetting } from "./settings.ts";
import { projectView } from "./view.ts";

/** Everything that one project keeps, each part over the same database. */
export interface ProjectState {
  readonly project: string;
  readonly store: SqlStore;
  /** What the compiler sees of it. */
  readonly view: ResourceView;
  readonly operations: OperationLog;
  readonly secretOutbox: SecretOutbox;
  readonly vault: Vault;
  readonly ledger: Ledger;
  readonly configurations: Configurations;
  readonly groups: Groups;
  readonly leases: LeaseOutbox;
  readonly reports: ProxyReports;
  readonly audit: AuditLog;
  readonly explainer: Explainer;
  readonly refused: RefusedLog;
}

export interface Opening {
  readonly project: string;
  readonly database: SqlDatabase;
  readonly clock: Clock;
  readonly log: (line: string) => void;
}

/** Opens a project's database, makes or migrates its tables, and compiles everything again when the compiler is another than last time. */
export function openState({ project, database, clock, log }: Opening): ProjectState {
  const store = new SqlStore(database);
  migrateProject(database);
  const { sql } = database;
  const secretOutbox = new SecretOutbox(sql);
  const vault = new Vault(sql, secretOutbox);
  const view: ResourceView = projectView({ project, store, vault });
  const ledger = new Ledger(database, project);
  const reports = new ProxyReports(sql);
  const refused = new RefusedLog();
  const configurations = new Configurations({ database, ledger, view, log, removed: (service) => reports.forget(service) });
  const groups = new Groups({ sql, store, view });
  if (readSetting(sql, "compilerRevision") !== String(compilerRevision)) {
    store.transaction(() => {
      configurations.updateAll(clock.now());
      groups.updateAll();
      writeSetting(sql, "compilerRevision", String(compilerRevision));
    });
  }
  return {
    project,
    store,
    view,
    operations: new OperationLog(sql),
    secretOutbox,
    vault,
    ledger,
    configurations,
    groups,
    leases: new LeaseOutbox({ project, sql, store }),
    reports,
    audit: new AuditLog(sql),
    explainer: new Explainer({
      services: () => configurations.services(),
      newest: (service) => ledger.newest(service),
      bytes: (service) => ledger.bytes(service),
      observations: (service, cluster) => reports.of(service, clock.now()).flatMap((report) => seenBy(report, cluster)),
      warnings: (service) => configurations.warningsOf(service),
      refused: (id) => refused.get(id),
    }),
    refused,
  };
}

/** What a proxy said of a backend service, whose name must not reach a prototype. */
function seenBy({ proxy, backends = {} }: ReceivedReport, cluster: string): readonly ProxyObservation[] {
  const seen = Object.hasOwn(backends, cluster) ? backends[cluster] : undefined;
  return seen ? [{ proxy, ...seen }] : [];
}
