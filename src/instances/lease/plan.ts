import type { Lease, LeaseReport, LeaseTask, Presence } from "./lease.ts";

/** What becomes of one lease; pure. Whatever gives back the same lease has nothing to store. */

/** Takes in what the project says of a name. Undefined: there is no lease (any more). */
export function applyTask(before: Lease | undefined, task: LeaseTask, now: number): Lease | undefined {
  if (before && before.version > task.version) return before;
  const { identity, name, version } = task;
  if (!identity) return undefined;
  if (before?.enrolment === identity.enrolment) return acknowledged({ ...before, ...identity, version }, before);
  return { name, version, ...identity, revision: 0, reportedRevision: 0, state: "LOST", sinceMs: now, epoch: 0 };
}

/** Whoever takes an instance out of traffic has seen what is suspected of it. */
function acknowledged(lease: Lease, before: Lease): Lease {
  if (!lease.clone || !lease.drained || before.drained) return lease;
  const { clone: _clone, ...rest } = lease;
  return changed(rest);
}

export interface Connecting {
  readonly epoch: number;
  readonly sessionHash: string;
  readonly address: string;
  readonly previousHash?: string;
}

/** A new session in place of the one before; its first heartbeat brings it back into routing. Undefined when the epoch is not newer than the last. */
export function connect(lease: Lease, how: Connecting, now: number): Lease | undefined {
  if (how.epoch <= lease.epoch) return undefined;
  const { sessionHash, address, epoch, previousHash } = how;
  const superseded = lease.sessionHash && {
    sessionHash: lease.sessionHash,
    byAddress: address,
    atMs: now,
    handedOver: previousHash === lease.sessionHash,
  };
  const { superseded: _before, ...rest } = lease;
  return changed({
    ...rest,
    sessionHash,
    epoch,
    address,
    ...(superseded && { superseded }),
  });
}

/** A lease with what is in memory of it. */
interface Known {
  readonly lease: Lease;
  readonly presence: Presence | undefined;
}

export interface Beating {
  readonly sessionHash: string;
  readonly epoch: number;
  readonly sequence: number;
  readonly healthy?: boolean;
  readonly cpuSeconds?: number;
}

export type Beaten =
  | { readonly kind: "taken"; readonly lease: Lease; readonly presence: Presence }
  | { readonly kind: "superseded"; readonly lease: Lease }
  | { readonly kind: "unknownSession" };

/**
 * A heartbeat. One that is late or comes twice changes nothing; one of a session whose place was taken while it was still at work tells
 * that two processes have the same identity.
 */
export function beat({ lease, presence }: Known, how: Beating, now: number): Beaten {
  const { superseded } = lease;
  if (superseded?.sessionHash === how.sessionHash) {
    if (superseded.handedOver || lease.clone) return { kind: "superseded", lease };
    const clone = { atMs: superseded.atMs, address: superseded.byAddress };
    return { kind: "superseded", lease: changed({ ...lease, clone }) };
  }
  if (lease.sessionHash !== how.sessionHash || lease.epoch !== how.epoch) return { kind: "unknownSession" };
  if (presence && how.sequence <= presence.sequence) return { kind: "taken", lease, presence };
  const { sequence, healthy } = how;
  return { kind: "taken", lease: alive(lease, healthy, now), presence: { lastSeenMs: now, sequence, ...cpuOf(how, presence, now) } };
}

/** Unknown at the first figure, and when the application was started anew in between. */
function cpuOf({ cpuSeconds }: Beating, before: Presence | undefined, now: number): Pick<Presence, "cpuSeconds" | "cpuCores"> {
  if (cpuSeconds === undefined) return {};
  const used = cpuSeconds - (before?.cpuSeconds ?? Number.POSITIVE_INFINITY);
  const elapsedSec = (now - (before?.lastSeenMs ?? now)) / 1000;
  return { cpuSeconds, ...(used >= 0 && elapsedSec > 0 && { cpuCores: used / elapsedSec }) };
}

function alive(lease: Lease, healthy: boolean | undefined, now: number): Lease {
  const isSame = lease.state === "CONNECTED" && (healthy === undefined || healthy === lease.healthy);
  if (isSame) return lease;
  return changed({
    ...lease,
    ...(healthy === undefined ? {} : { healthy }),
    ...(lease.state === "LOST" && { state: "CONNECTED", sinceMs: now }),
  });
}

/** When a lease needs another look: to be lost, or to be collected. */
export function dueAtMs(lease: Lease, presence: Presence | undefined): number {
  if (lease.state === "LOST") return lease.sinceMs + lease.collectAfterSec * 1000;
  return (presence?.lastSeenMs ?? lease.sinceMs) + lease.ttlSec * 1000;
}

/** The lease at this time: lost when nothing was heard for longer than its terms allow. */
export function atTime(lease: Lease, presence: Presence | undefined, now: number): Lease {
  if (lease.state === "LOST" || dueAtMs(lease, presence) > now) return lease;
  return changed({ ...lease, state: "LOST", sinceMs: now });
}

export function isCollectable(lease: Lease, now: number): boolean {
  return lease.state === "LOST" && dueAtMs(lease, undefined) <= now;
}

function changed(lease: Lease): Lease {
  return { ...lease, revision: lease.revision + 1 };
}

/** What the project is told of a lease. */
export function reportOf(lease: Lease): LeaseReport {
  const { name, enrolment, revision, state, sinceMs, epoch, address, healthy, clone } = lease;
  return {
    name,
    enrolment,
    revision,
    state,
    sinceMs,
    epoch,
    ...(address === undefined ? {} : { address }),
    ...(healthy === undefined ? {} : { healthy }),
    ...(clone && { clone }),
  };
}
