import type { Clock } from "#base/clock.ts";
import { messageOf } from "#base/errors.ts";
import type { Random } from "#base/random.ts";
import { dependency } from "#control/compiler/view.ts";
import type { GroupControl, GroupKey, GroupReport } from "#instances/group/spec.ts";
import type { LeaseControl, LeaseReport } from "#instances/lease/lease.ts";
import type { Signals } from "#instances/scale/spec.ts";
import { readSnapshot } from "#ir/codec.ts";
import { directoryService, type Pointer, type Snapshot } from "#ir/snapshot.ts";
import type { SwitchView } from "#instances/switching/switch.ts";
import type { ReportedProxy } from "../bus.ts";
import type { Command, Outcome } from "../command.ts";
import { activeSwitches } from "../resources/group-switches.ts";
import { Publisher, type BusWriter } from "../publish/publisher.ts";
import { isReleased } from "../status/released.ts";
import type { SqlDatabase } from "../store/sql.ts";
import { LoadFeed, resizeOf, scaledGroups } from "./autoscaling.ts";
import { Commands } from "./commands.ts";
import { Courier } from "./courier.ts";
import { LeaseCourier } from "./leases.ts";
import { openState, type ProjectState } from "./state.ts";
import { Switches } from "./switches.ts";

/** What a project needs of the world. */
export interface ProjectPorts {
  readonly project: string;
  readonly database: SqlDatabase;
  readonly bus: BusWriter;
  /** The object of a group of this project. */
  group(key: GroupKey): GroupControl;
  /** A Lease object, by the name that `leaseObjectName` gives it. */
  lease(name: string): Pick<LeaseControl, "apply">;
  readonly clock: Clock;
  readonly random: Random;
  /** The binding `MASTER_KEY`. */
  readonly masterKey?: string;
  readonly loopbackAllowed: boolean;
  /** Sets the one alarm, which calls `drain`; undefined clears it. Must be durable together with what was written since the last await. */
  setAlarm(atMs: number | undefined): void;
  /** Keeps the object awake for work that nobody waits for. */
  background(work: Promise<void>): void;
  log(line: string): void;
}

/** Workers KV allows 1,000 operations in one invocation; what is left over is done in the next. */
const writesPerDrain = 400;

/**
 * One project: resources in, configuration of proxies and groups out. A change is committed first and carried out afterwards
 * (`drain`), from outboxes; the alarm is set in the same breath as the commit, so that a crash in between only delays it.
 */
export class Project {
  readonly #ports: ProjectPorts;
  readonly #state: ProjectState;
  readonly #commands: Commands;
  readonly #publisher: Publisher;
  readonly #courier: Courier;
  readonly #loads = new LoadFeed();
  readonly #leaseCourier: LeaseCourier;
  readonly #switches: Switches;
  #draining: Promise<void> | undefined;
  #drainAgain = false;

  constructor(ports: ProjectPorts) {
    this.#ports = ports;
    const { project, database, bus, clock, random } = ports;
    const log = (line: string): void => ports.log(line);
    this.#state = openState({ project, database, clock, log });
    const { ledger, secretOutbox, groups, leases } = this.#state;
    this.#commands = new Commands({
      state: this.#state,
      clock,
      random,
      loopbackAllowed: ports.loopbackAllowed,
      ...(ports.masterKey !== undefined && { masterKey: ports.masterKey }),
      measure: (key, signals) => this.#measure(key, signals),
      committed: () => this.#wake(),
    });
    this.#publisher = new Publisher({ project, ledger, secrets: secretOutbox, bus, clock, random });
    this.#courier = new Courier({ groups, object: (key) => ports.group(key), clock, random, log });
    this.#leaseCourier = new LeaseCourier({ project, outbox: leases, object: (name) => ports.lease(name), clock, random, log });
    const attempts = (keys: readonly GroupKey[]): SwitchView["attempts"] => this.#loads.attempts(keys, clock.now());
    this.#switches = new Switches({ project, state: this.#state, clock, attempts, run: (command) => this.run(command), log });
    // Whatever an earlier life of the object left undone; its alarm may have been lost with it.
    if (this.#hasWork()) ports.setAlarm(clock.now());
  }

  /** Carries out a command. Throws `UserError` for what is wrong with it, and then nothing has changed. */
  run(command: Command): Promise<Outcome> {
    return this.#commands.run(command);
  }

  /** Pointers whose snapshots are in KV. */
  pointers(services: readonly string[]): Record<string, Pointer> {
    return this.#state.ledger.pointers(services);
  }

  /** Takes what proxies say of themselves; of services that there are not, nothing. */
  report(reports: readonly ReportedProxy[]): void {
    const { ledger, refused, reports: known } = this.#state;
    refused.accept(reports);
    // The mesh entry has a row for what it refused itself, and no configuration to tell of.
    const own = reports.filter(({ service }) => service !== directoryService && ledger.newest(service));
    known.accept(own, this.#ports.clock.now());
    this.#feed(own);
  }

  /** Takes what a group says of its instances into the configuration of every service that uses it. */
  observeGroup(report: GroupReport): void {
    const { store, groups, configurations } = this.#state;
    const isNews = store.transaction(() => {
      if (!groups.observe(report)) return false;
      configurations.markStale([dependency.group(report.key)]);
      return true;
    });
    if (!isNews) return;
    this.#wake();
    this.#scale(report);
  }

  /** Carries out what the group's autoscaler asks for, as a command like any other, with its entry in the audit log. */
  #scale(report: GroupReport): void {
    const ports = this.#ports;
    const resize = resizeOf(ports.project, report, this.#state.groups.target(report.key));
    if (!resize) return;
    const failed = (thrown: unknown): void =>
      ports.log(`group ${report.key} was not resized to ${resize.query["size"]}: ${messageOf(thrown)}`);
    ports.background(this.run(resize).then(() => undefined, failed));
  }

  /** Hands on how many requests the groups get, to those that are sized by it. */
  #feed(reports: readonly ReportedProxy[]): void {
    const now = this.#ports.clock.now();
    this.#loads.accept(reports, now);
    for (const { key, loads } of this.#loads.due(scaledGroups(this.#state), now)) this.#measure(key, { loads });
  }

  /** Lost with the object, or with the call: the next figures say more. */
  #measure(key: GroupKey, signals: Signals): void {
    const told = this.#ports.group(key).measure(signals);
    this.#ports.background(told.catch(() => undefined));
  }

  /** Takes what a Lease object says of connections into the configuration of every service that uses the group. */
  observeLeases(group: GroupKey, reports: readonly LeaseReport[]): void {
    const { store, leases, configurations } = this.#state;
    const changed = store.transaction(() => {
      const keys = leases.observe(group, reports);
      configurations.markStale(keys);
      return keys.length > 0;
    });
    if (changed) this.#wake();
  }

  /** Deregisters instances that were lost for too long, each like a caller would. */
  async collectLeases(group: GroupKey, lost: readonly { readonly name: string; readonly enrolment: string }[]): Promise<void> {
    const { leases, store } = this.#state;
    const collectable = new Set(leases.stillLost(group, lost));
    for (const { name } of lost) {
      if (!collectable.has(name)) store.transaction(() => leases.forget(group, name));
      else {
        const { project } = this.#ports;
        await this.run({ project, collection: "instances", scope: "", verb: "deregister", name, query: { group }, user: "lease" });
      }
    }
    this.#wake();
  }

  /** See `GroupObserver.released`. */
  released(key: GroupKey, instances: readonly string[]): boolean {
    const { configurations, ledger, reports } = this.#state;
    const users = configurations.dependents([dependency.group(key)]).map((service) => ({
      generation: ledger.newest(service)?.generation ?? 0,
      snapshot: () => this.#snapshot(service),
      reports: reports.of(service, this.#ports.clock.now()),
    }));
    return isReleased(users, { key, instances }, this.#ports.clock.now());
  }

  /**
   * Compiles what is stale, does everything that is due in the outboxes, and the next moves of switches, and sets the alarm for what is not
   * due. Never throws; calls at the same time are one.
   */
  drain(): Promise<void> {
    this.#drainAgain = true;
    // Not begun in this turn: what it does may call for another drain, which must find this one.
    this.#draining ??= Promise.resolve()
      .then(() => this.#drainAll())
      .finally(() => (this.#draining = undefined));
    return this.#draining;
  }

  /** To be called in the same turn as the commit, without an await in between. */
  #wake(): void {
    this.#ports.setAlarm(this.#ports.clock.now());
    this.#ports.background(this.drain());
  }

  async #drainAll(): Promise<void> {
    let writes = 0;
    let wakeAtMs: number | undefined;
    while (this.#drainAgain && writes < writesPerDrain) {
      this.#drainAgain = false;
      const compiled = this.#state.configurations.compileStale(this.#ports.clock.now());
      const switched = await this.#switches.pass();
      const [published, delivered, leased] = await Promise.all([
        this.#publisher.pass(writesPerDrain - writes),
        this.#courier.pass(),
        this.#leaseCourier.pass(),
      ]);
      const done = switched.attempts + published.writes + delivered.attempts + leased.attempts;
      writes += done;
      // What was done may have made something else due.
      if (done > 0) this.#drainAgain = true;
      wakeAtMs = [compiled, switched, published, delivered, leased].map((pass) => pass.wakeAtMs).reduce(earlier);
    }
    this.#ports.setAlarm(this.#drainAgain ? this.#ports.clock.now() : wakeAtMs);
  }

  #hasWork(): boolean {
    const { configurations, ledger, secretOutbox, groups, leases, store } = this.#state;
    const { publications, garbage } = ledger.state();
    return (
      configurations.hasStale() ||
      publications.length > 0 ||
      garbage.length > 0 ||
      secretOutbox.pending().length > 0 ||
      groups.hasPending() ||
      leases.pending().length > 0 ||
      activeSwitches(store).length > 0
    );
  }

  #snapshot(service: string): Snapshot | undefined {
    const bytes = this.#state.ledger.bytes(service);
    const read = bytes && readSnapshot(bytes);
    return read && "snapshot" in read ? read.snapshot : undefined;
  }
}

function earlier(a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return Math.min(a, b);
}
