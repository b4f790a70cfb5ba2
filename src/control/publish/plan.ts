/** Decides what is to be written to KV next. Pure: rows of the outbox and the time go in, actions and the next time to look come out. */

/** Google and Cloudflare agree on the reason: Workers KV takes one write a second per key. */
export const pointerSpacingMs = 1_000;
/** Bounds the snapshots written in a storm of edits; the first one goes out at once. */
const snapshotSpacingMs = 200;
/** How long what nothing points to stays readable: far above the staleness that any reader of KV can see. */
export const retentionMs = 24 * 60 * 60 * 1_000;

const firstBackoffMs = 250;
const longestBackoffMs = 30_000;

/** What is known of one service's way to KV. The directory is one of them, under its reserved name. */
export interface Publication {
  readonly service: string;
  /** Newest compiled generation. */
  readonly generation: number;
  /** Generation whose snapshot is in KV; 0 before the first. */
  readonly storedGeneration: number;
  /** Generation that the pointer key names; 0 before the first. */
  readonly pointedGeneration: number;
  readonly snapshotWrittenAtMs: number;
  readonly pointerWrittenAtMs: number;
  /** Failures since the last success. */
  readonly attempts: number;
  readonly notBeforeMs: number;
  /** A secret version that its snapshot names is not in KV yet. */
  readonly waitsForSecret: boolean;
}

/** A sealed secret version that is to be put into KV or taken out of it. */
export interface SecretWrite {
  readonly name: string;
  readonly version: number;
  readonly operation: "put" | "delete";
  readonly notBeforeMs: number;
}

/** A KV key that nothing needs any more. */
export interface Garbage {
  readonly key: string;
  readonly collectAfterMs: number;
}

export interface PublishState {
  /** Only those with something left to write. */
  readonly publications: readonly Publication[];
  readonly secretWrites: readonly SecretWrite[];
  /** In the order of `collectAfterMs`; the first few are enough. */
  readonly garbage: readonly Garbage[];
  /** Name of the publication that lists the services. */
  readonly directory: string;
}

/** In the order in which they must be done: a reader must find what a snapshot names, and the snapshot before its pointer. */
export type PublishAction =
  | { readonly kind: "putSecret" | "deleteSecret"; readonly name: string; readonly version: number }
  | { readonly kind: "snapshot" | "pointer"; readonly service: string }
  | { readonly kind: "collect"; readonly key: string };

export interface PublishPlan {
  readonly actions: readonly PublishAction[];
  /** When there will be something to do if nothing changes; undefined: never. */
  readonly wakeAtMs?: number;
}

/**
 * Plans one pass. Actions of different kinds are done kind by kind; those of one kind may be done side by side.
 * Only the newest generation of a service is ever written: what was superseded before its turn is skipped.
 */
export function planPublish(state: PublishState, now: number): PublishPlan {
  const due: PublishAction[] = [];
  const later: number[] = [];
  const schedule = (action: PublishAction, atMs: number): void => {
    if (atMs <= now) due.push(action);
    else later.push(atMs);
  };

  for (const write of state.secretWrites.filter((one) => one.operation === "put")) {
    schedule({ kind: "putSecret", name: write.name, version: write.version }, write.notBeforeMs);
  }
  for (const one of state.publications) {
    if (one.storedGeneration >= one.generation || isBlocked(one, state)) continue;
    schedule({ kind: "snapshot", service: one.service }, Math.max(one.notBeforeMs, one.snapshotWrittenAtMs + snapshotSpacingMs));
  }
  for (const one of state.publications) {
    if (one.pointedGeneration >= one.storedGeneration) continue;
    schedule({ kind: "pointer", service: one.service }, Math.max(one.notBeforeMs, one.pointerWrittenAtMs + pointerSpacingMs));
  }
  for (const write of state.secretWrites.filter((one) => one.operation === "delete")) {
    schedule({ kind: "deleteSecret", name: write.name, version: write.version }, write.notBeforeMs);
  }
  for (const one of state.garbage) schedule({ kind: "collect", key: one.key }, one.collectAfterMs);

  return { actions: due, ...(later.length > 0 && { wakeAtMs: Math.min(...later) }) };
}

/**
 * The directory waits for the first snapshot of every service that it lists, so that the mesh entry never routes to a service which has none;
 * but not for one that has failed already, which would hold up all the others.
 */
function isBlocked(one: Publication, state: PublishState): boolean {
  if (one.service !== state.directory) return one.waitsForSecret;
  return state.publications.some((other) => other !== one && other.storedGeneration === 0 && other.attempts === 0 && !other.waitsForSecret);
}

/** Milliseconds to wait after the `attempts`-th failure in a row (from 1): doubling from 250 ms to 30 s, the upper half of it random. */
export function backoffMs(attempts: number, random: number): number {
  const ceiling = Math.min(longestBackoffMs, firstBackoffMs * 2 ** Math.min(attempts - 1, 10));
  return Math.round(ceiling / 2 + (ceiling / 2) * random);
}
