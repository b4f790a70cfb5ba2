import type { GroupState } from "../group/state.ts";

/** What outlives a Group object: its state but for what is in memory alone, and the number of its last report. */

export type StoredState = Omit<GroupState, "memory">;

/** Synchronous, and each call is kept as a whole or not at all. */
export interface GroupStorage {
  load(): { readonly state?: StoredState; readonly sequence: number };
  /** Writes what differs from `previous`, which is what was loaded or saved last. */
  save(previous: StoredState | undefined, next: StoredState): void;
  saveSequence(sequence: number): void;
  /** Forgets everything: the group is gone. */
  wipe(): void;
}
