import type { Clock } from "#base/clock.ts";
import { messageOf } from "#base/errors.ts";
import { Pace } from "#base/pace.ts";
import type { Random } from "#base/random.ts";
import { connectText, verifyText } from "#base/signing.ts";
import { within } from "#base/within.ts";
import { backoffMs } from "../group/times.ts";
import type { GroupKey } from "../group/spec.ts";
import {
  type ConnectAnswer,
  type ConnectRequest,
  type Heartbeat,
  type HeartbeatAnswer,
  type LastHeartbeat,
  type Lease,
  type LeaseObserver,
  type LeaseTask,
  type Presence,
} from "../lease/lease.ts";
import { applyTask, atTime, beat, connect, dueAtMs, isCollectable, reportOf } from "../lease/plan.ts";
import { hashOfSession, newSession } from "../lease/session.ts";
import { observerTimeoutMs } from "./actions.ts";

export interface LeaseGroup {
  readonly project: string;
  readonly key: GroupKey;
}

/** What outlives a Lease object. Synchronous, and each call is kept as a whole or not at all. */
export interface LeaseStorage {
  load(): { readonly group?: LeaseGroup; readonly leases: readonly Lease[] };
  saveGroup(group: LeaseGroup): void;
  save(lease: Lease): void;
  remove(name: string): void;
  /** Forgets everything: there is no lease any more. */
  wipe(): void;
}

export interface LeasePorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly storage: LeaseStorage;
  readonly observer: (project: string) => LeaseObserver;
  /** Sees to it that `tick` is called at that time or later. Replaces the time set before. */
  readonly setAlarm: (atMs: number) => void;
  /** Keeps the object alive until the work is done. */
  readonly keep: (work: Promise<void>) => void;
  readonly log: (line: string) => void;
}

/** Changes that come at once, as when a rack starts, are told to the project in one call. */
const gatherMs = 50;
/** Of these calls; the next one takes along what has changed meanwhile. The first heartbeats of thousands are a few calls, not one each. */
const reportRate = { burst: 4, spacingMs: 500 };
const toProject = "project";
/** How often the project is asked whether the proxies have let go of one instance. */
const releasePollMs = 500;
/** How often the project is asked to end what was lost for too long. */
const collectEveryMs = 60_000;

/**
 * The leases of some of a group's instances. A heartbeat costs no write: what is written is each connect and each change of state, and
 * what has changed is told to the project until it has taken it.
 */
export class Leases {
  readonly #ports: LeasePorts;
  readonly #leases = new Map<string, Lease>();
  readonly #presences = new Map<string, Presence>();
  readonly #releases = new Map<string, { readonly released: boolean; readonly askedAtMs: number }>();
  readonly #reportPace = new Pace(reportRate);
  #group: LeaseGroup | undefined;
  #alarmAtMs = Number.POSITIVE_INFINITY;
  #sending = false;
  #failures = 0;
  #collectNotBeforeMs = 0;

  constructor(ports: LeasePorts) {
    this.#ports = ports;
    const { group, leases } = ports.storage.load();
    this.#group = group;
    const lastSeenMs = ports.clock.now();
    for (const lease of leases) {
      this.#leases.set(lease.name, lease);
      // Nobody could be heard while the object was away.
      if (lease.state === "CONNECTED") this.#presences.set(lease.name, { lastSeenMs, sequence: -1 });
    }
    if (leases.length > 0) this.#wakeAt(lastSeenMs);
  }

  /** Takes what the project says of names. */
  apply(group: LeaseGroup, tasks: readonly LeaseTask[]): void {
    const { storage, clock } = this.#ports;
    const isNew = this.#group === undefined && tasks.some(({ identity }) => identity !== undefined);
    if (isNew) storage.saveGroup(group);
    if (isNew) this.#group = group;
    for (const task of tasks) {
      const next = applyTask(this.#leases.get(task.name), task, clock.now());
      if (!next) this.#forget(task.name);
      else {
        if (next.enrolment !== this.#leases.get(task.name)?.enrolment) this.#presences.delete(task.name);
        this.#releases.delete(task.name);
        this.#put(next);
      }
    }
    if (this.#leases.size === 0 && this.#group) this.#end();
    else this.#next();
  }

  async connect(request: ConnectRequest): Promise<ConnectAnswer> {
    const known = this.#leases.get(request.name);
    if (!known) return { kind: "unknown" };
    if (!(await verifyText(known.publicKey, connectText(request), request.signature))) return { kind: "badSignature" };
    const { clock, random } = this.#ports;
    const session = newSession(request.group, random);
    const sessionHash = await hashOfSession(session);
    const { epoch, address, previousSession } = request;
    const previousHash = previousSession === undefined ? undefined : await hashOfSession(previousSession);
    // It may have changed, or ended, during the awaits.
    const lease = this.#leases.get(request.name);
    if (!lease || lease.publicKey !== known.publicKey) return { kind: "unknown" };
    const next = connect(lease, { epoch, sessionHash, address, ...(previousHash === undefined ? {} : { previousHash }) }, clock.now());
    if (!next) return { kind: "staleEpoch", lastEpoch: lease.epoch };
    this.#put(next);
    this.#presences.set(lease.name, { lastSeenMs: clock.now(), sequence: -1 });
    this.#next();
    return { kind: "connected", session, epoch, ttlSec: lease.ttlSec };
  }

  async heartbeat({ name, session, ...rest }: Heartbeat): Promise<HeartbeatAnswer> {
    const sessionHash = await hashOfSession(session);
    const lease = this.#leases.get(name);
    if (!lease) return { kind: "unknown" };
    const beaten = beat({ lease, presence: this.#presences.get(name) }, { sessionHash, ...rest }, this.#ports.clock.now());
    if (beaten.kind === "unknownSession") return beaten;
    if (beaten.lease !== lease) {
      this.#put(beaten.lease);
      this.#next();
    }
    if (beaten.kind === "superseded") {
      const { byAddress = "", atMs = 0 } = lease.superseded ?? {};
      return { kind: "superseded", byAddress, atMs };
    }
    this.#presences.set(name, beaten.presence);
    const { drained, healthy } = beaten.lease;
    const released = drained && (await this.#isReleased(name));
    return { kind: "taken", state: drained ? "DRAINING" : "SERVING", released, ...(healthy === undefined ? {} : { healthy }) };
  }

  lastHeartbeat(name: string): LastHeartbeat | undefined {
    const presence = this.#presences.get(name);
    if (!presence || presence.sequence < 0) return undefined;
    const { sequence: _sequence, ...rest } = presence;
    return rest;
  }

  async authorize(name: string, session: string): Promise<boolean> {
    const sessionHash = await hashOfSession(session);
    return this.#leases.get(name)?.sessionHash === sessionHash;
  }

  /** The alarm has rung. */
  tick(): void {
    this.#alarmAtMs = Number.POSITIVE_INFINITY;
    const now = this.#ports.clock.now();
    for (const [name, lease] of this.#leases) {
      const next = atTime(lease, this.#presences.get(name), now);
      if (next !== lease) this.#put(next);
    }
    const lost = [...this.#leases.values()].filter((lease) => isCollectable(lease, now));
    if (lost.length > 0 && now >= this.#collectNotBeforeMs) this.#collect(lost);
    this.#next();
  }

  async #isReleased(name: string): Promise<boolean> {
    const now = this.#ports.clock.now();
    const known = this.#releases.get(name);
    if (known?.released || (known && now - known.askedAtMs < releasePollMs)) return known.released;
    this.#releases.set(name, { released: false, askedAtMs: now });
    const group = this.#group;
    if (!group) return false;
    try {
      const released = await within("the project", observerTimeoutMs, () =>
        this.#ports.observer(group.project).released(group.key, [name]),
      );
      if (this.#leases.get(name)?.drained) this.#releases.set(name, { released, askedAtMs: now });
      return released;
    } catch (thrown) {
      this.#ports.log(`project ${group.project} did not say whether ${name} is released: ${messageOf(thrown)}`);
      return false;
    }
  }

  #put(lease: Lease): void {
    if (this.#leases.get(lease.name) === lease) return;
    this.#leases.set(lease.name, lease);
    this.#ports.storage.save(lease);
  }

  #forget(name: string): void {
    if (!this.#leases.delete(name)) return;
    this.#presences.delete(name);
    this.#releases.delete(name);
    this.#ports.storage.remove(name);
  }

  #end(): void {
    this.#group = undefined;
    this.#alarmAtMs = Number.POSITIVE_INFINITY;
    this.#ports.storage.wipe();
  }

  /** Sets the alarm for what is due next, and sends off what the project does not know yet. */
  #next(): void {
    if (this.#unreported().length > 0 && !this.#sending) {
      this.#sending = true;
      this.#ports.keep(this.#report());
    }
    const due = [...this.#leases.values()].map((lease) => {
      const atMs = dueAtMs(lease, this.#presences.get(lease.name));
      return lease.state === "LOST" ? Math.max(atMs, this.#collectNotBeforeMs) : atMs;
    });
    if (due.length > 0) this.#wakeAt(Math.min(...due));
  }

  #unreported(): Lease[] {
    return [...this.#leases.values()].filter(({ revision, reportedRevision }) => reportedRevision < revision);
  }

  async #report(): Promise<void> {
    const { clock } = this.#ports;
    const waitMs = Math.max(gatherMs, this.#reportPace.dueAtMs(toProject) - clock.now());
    await new Promise((resolve) => setTimeout(resolve, this.#failures === 0 ? waitMs : backoffMs(this.#failures)));
    this.#reportPace.spend(toProject, clock.now());
    const group = this.#group;
    const leases = this.#unreported();
    try {
      const reports = leases.map(reportOf);
      if (group)
        await within("the project", observerTimeoutMs, () => this.#ports.observer(group.project).observeLeases(group.key, reports));
      this.#failures = 0;
      for (const { name, enrolment, revision } of leases) {
        const lease = this.#leases.get(name);
        if (lease?.enrolment === enrolment) this.#put({ ...lease, reportedRevision: Math.max(lease.reportedRevision, revision) });
      }
    } catch (thrown) {
      this.#failures++;
      this.#ports.log(`project ${group?.project} did not take leases of group ${group?.key}: ${messageOf(thrown)}`);
    }
    this.#sending = false;
    if (this.#leases.size > 0) this.#next();
  }

  #collect(lost: readonly Lease[]): void {
    const group = this.#group;
    if (!group) return;
    // Asked again until the project has ended the lease.
    this.#collectNotBeforeMs = this.#ports.clock.now() + collectEveryMs;
    const named = lost.map(({ name, enrolment }) => ({ name, enrolment }));
    const work = this.#ports.observer(group.project).collectLeases(group.key, named);
    this.#ports.keep(work.catch((thrown: unknown) => this.#ports.log(`leases of ${group.key} were not collected: ${messageOf(thrown)}`)));
  }

  /** An alarm that is set for an earlier time is left alone: a look too many is cheaper than a write each time. */
  #wakeAt(atMs: number): void {
    if (atMs >= this.#alarmAtMs) return;
    this.#alarmAtMs = Math.max(atMs, this.#ports.clock.now() + 1);
    this.#ports.setAlarm(this.#alarmAtMs);
  }
}
