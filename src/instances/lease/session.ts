import { fnv1a64, sha256Hex } from "#base/hash.ts";
import type { Random } from "#base/random.ts";
import { randomHex } from "#base/random.ts";
import type { GroupKey } from "../group/spec.ts";

/**
 * Sessions of agents: text that is opaque to them and tells the control Worker, without asking anybody, which group they belong to. What
 * proves a session is its random part; lease objects keep the hash of the whole.
 */

/** Lease objects of one group. 10,000 instances that heartbeat every 10 s are 250 requests a second to each. */
const shards = 4;

/** Name of the Lease object that keeps the lease of an instance. */
export function leaseObjectName(project: string, group: GroupKey, instance: string): string {
  const hash = fnv1a64(instance).at(-1) ?? 0;
  return `${project}/${group}#${hash % shards}`;
}

const form = /^wls_([A-Za-z0-9_-]{1,400})_[0-9a-f]{32}$/;

/** A session of a member of this group: 128 random bits. */
export function newSession(group: GroupKey, random: Random): string {
  return `wls_${btoa(group).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "")}_${randomHex(random, 16)}`;
}

/** The group that a session names; undefined when the text is no session. Proves nothing. */
export function groupOfSession(session: string): GroupKey | undefined {
  const encoded = form.exec(session)?.[1];
  if (encoded === undefined) return undefined;
  try {
    return atob(encoded.replaceAll("-", "+").replaceAll("_", "/"));
  } catch {
    return undefined;
  }
}

/** What is kept of a session. */
export function hashOfSession(session: string): Promise<string> {
  return sha256Hex(session);
}
