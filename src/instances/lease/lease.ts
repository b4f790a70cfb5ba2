/** The words of leases: plain data that crosses Durable Object RPC, and what a Lease object keeps. */
import type { GroupKey } from "../group/spec.ts";

/** How long an instance is believed without a heartbeat, and kept without one. */
export interface LeaseTerms {
  /** Without a heartbeat for so long it is LOST and out of routing. Default 30. */
  readonly ttlSec: number;
  /** LOST for so long it is deregistered. Default 86,400. */
  readonly collectAfterSec: number;
}

export const defaultTerms: LeaseTerms = { ttlSec: 30, collectAfterSec: 86_400 };

/** Who may connect under a name. */
export interface LeaseIdentity extends LeaseTerms {
  /** Ed25519, raw, base64url. */
  readonly publicKey: string;
  /** Tells one registration of a name from the next: reports about an earlier one are old news. */
  readonly enrolment: string;
  /** Whether it is to be out of traffic. */
  readonly drained: boolean;
}

/** What the Project object tells a Lease object about one name; without an identity the lease is over. A lower version is old news. */
export interface LeaseTask {
  readonly name: string;
  readonly version: number;
  readonly identity?: LeaseIdentity;
}

type Connection = "CONNECTED" | "LOST";

/** A second process came with the identity of one that was still there. */
interface CloneSuspicion {
  readonly atMs: number;
  /** Of the newer one. */
  readonly address: string;
}

/** What of a lease the project knows: one per change, never one per heartbeat. */
export interface LeaseReport {
  readonly name: string;
  readonly enrolment: string;
  /** Grows with each change of the lease. */
  readonly revision: number;
  readonly state: Connection;
  readonly sinceMs: number;
  readonly epoch: number;
  /** Where the agent called from. */
  readonly address?: string;
  /** What the agent's own probe says; absent while it has said nothing. */
  readonly healthy?: boolean;
  readonly clone?: CloneSuspicion;
}

/** A session that a newer one has taken the place of. */
interface Superseded {
  readonly sessionHash: string;
  readonly byAddress: string;
  readonly atMs: number;
  /** The newer one proved that the older had given way: an upgrade, no clone. */
  readonly handedOver: boolean;
}

/** What is durable of a lease. */
export interface Lease extends LeaseReport, LeaseIdentity {
  /** Version of the task that it comes from. */
  readonly version: number;
  readonly sessionHash?: string;
  readonly superseded?: Superseded;
  /** Revision that the project has taken. */
  readonly reportedRevision: number;
}

/** What is in memory alone: an eviction costs the counters, and gives every lease its full time again. */
export interface Presence {
  readonly lastSeenMs: number;
  /** -1 before the first heartbeat of a session, or since the object was away. */
  readonly sequence: number;
  /** Of the application, since its start. */
  readonly cpuSeconds?: number;
  /** Cores that it kept busy between the last two heartbeats. */
  readonly cpuCores?: number;
}

/** What is known of an instance's last heartbeat; of memory alone, so that it costs no write. */
export type LastHeartbeat = Omit<Presence, "sequence">;

export interface ConnectRequest {
  readonly project: string;
  readonly group: GroupKey;
  readonly name: string;
  readonly epoch: number;
  readonly nonce: string;
  /** base64url, Ed25519 over `connectText`. */
  readonly signature: string;
  readonly address: string;
  /** The session that this one takes over from, which has given way. */
  readonly previousSession?: string;
}

export type ConnectAnswer =
  | { readonly kind: "connected"; readonly session: string; readonly epoch: number; readonly ttlSec: number }
  | { readonly kind: "unknown" }
  | { readonly kind: "badSignature" }
  | { readonly kind: "staleEpoch"; readonly lastEpoch: number };

export interface Heartbeat {
  readonly name: string;
  readonly session: string;
  readonly epoch: number;
  readonly sequence: number;
  readonly healthy?: boolean;
  readonly cpuSeconds?: number;
}

export type HeartbeatAnswer =
  | { readonly kind: "taken"; readonly state: "SERVING" | "DRAINING"; readonly released: boolean; readonly healthy?: boolean }
  | { readonly kind: "superseded"; readonly byAddress: string; readonly atMs: number }
  | { readonly kind: "unknownSession" }
  | { readonly kind: "unknown" };

/** The Lease object, as the control Worker and the Project object see it (Durable Object RPC). */
export interface LeaseControl {
  apply(group: { readonly project: string; readonly key: GroupKey }, tasks: readonly LeaseTask[]): Promise<void>;
  openSession(request: ConnectRequest): Promise<ConnectAnswer>;
  heartbeat(beat: Heartbeat): Promise<HeartbeatAnswer>;
  /** Undefined where there was none since the object was made anew. */
  lastHeartbeat(name: string): Promise<LastHeartbeat | undefined>;
  /** Whether this is the session that the instance has now. */
  authorize(name: string, session: string): Promise<boolean>;
}

/** The Project object, as a Lease object sees it (Durable Object RPC). */
export interface LeaseObserver {
  observeLeases(group: GroupKey, reports: readonly LeaseReport[]): Promise<void>;
  /** Deregisters instances that were lost for too long; of those that are registered anew by now, nothing. */
  collectLeases(group: GroupKey, lost: readonly { readonly name: string; readonly enrolment: string }[]): Promise<void>;
  released(group: GroupKey, instances: readonly string[]): Promise<boolean>;
}

/** How often an agent is to heartbeat: three times within the time that it is believed. */
export function heartbeatIntervalSec(ttlSec: number): number {
  return ttlSec / 3;
}
