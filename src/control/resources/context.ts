import type { Clock } from "#base/clock.ts";
import type { JsonObject } from "#base/json.ts";
import type { Random } from "#base/random.ts";
import type { Change, Command, Outcome } from "../command.ts";
import type { OperationLog } from "../operations/log.ts";
import type { ResourceKey, Store } from "../store/store.ts";

/** What executing a command needs; the Project object makes one and keeps it. */
export interface ExecuteContext {
  readonly store: Store;
  readonly operations: OperationLog;
  readonly clock: Clock;
  /** Names of operations, suffixes of ids and of names that the caller left to us. */
  readonly random: Random;
  /** In the emulator instances live on 127.0.0.0/8; deployed, no loopback address may be registered. */
  readonly loopbackAllowed: boolean;
}

/** What executing a command gave. */
export interface Execution {
  readonly outcome: Outcome;
  /** Empty when nothing changed: a read, or a write of what was there already. */
  readonly changes: readonly Change[];
}

/** A command under way. */
export interface Call {
  readonly command: Command;
  readonly context: ExecuteContext;
}

/** What a verb gives: an answer, or a mutation that is answered with an operation (under our own API, which has none, with the resource). */
export type Result =
  | { readonly answer: JsonObject; readonly changes?: readonly Change[] }
  | {
      /** What was acted on; names the operation's target. */
      readonly target: ResourceKey;
      readonly changes: readonly Change[];
    };

/** One verb of one collection: the HTTP layer routes and authorizes by this row, `execute` runs it. */
export interface Verb {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Whether the path names a resource of the collection, or the collection alone. */
  readonly on: "collection" | "resource";
  /** Whether it may change anything: needs an editor, and honours `requestId`. */
  readonly mutates: boolean;
  run(call: Call): Result;
}
