import type { Json, JsonObject } from "#base/json.ts";
import type { ResourceKey } from "./store/store.ts";

/** Where in a project: `global`, `zones/us-central1-a`, `regions/us-central1`, `locations/global`, or `""` for secrets and our own resources. */
export type Scope = string;

/** One call of the API, already parsed and within limits, on its way to the Project object. */
export interface Command {
  readonly project: string;
  readonly collection: string;
  readonly scope: Scope;
  /** `insert`, `get`, `list`, `aggregatedList`, `patch`, `update`, `delete`, or a custom verb such as `resize`. */
  readonly verb: string;
  /** Absent for collection verbs. */
  readonly name?: string;
  readonly query: Readonly<Record<string, string>>;
  readonly body?: Json;
  /** Who calls, for operations and audit. */
  readonly user: string;
}

/** What the HTTP layer sends back. Faults of the user are thrown as `UserError` inside and arrive here as an error body. */
export interface Outcome {
  readonly status: number;
  readonly body?: JsonObject;
}

/** What a command changed; drives compilation, group specifications and the audit log. */
export interface Change {
  readonly key: ResourceKey;
  readonly kind: "created" | "updated" | "deleted";
}
