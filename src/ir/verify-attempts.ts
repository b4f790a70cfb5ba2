import type { JsonObject } from "#base/json.ts";
import type { Inspector } from "./inspector.ts";

/** The part of the verification that concerns how long requests may take, and hedging. */

const milliseconds = [0, Number.MAX_SAFE_INTEGER] as const;

/** Checks `idleTimeoutMs`, `maxStreamDurationMs` and `hedge` of a route. */
export function verifyAttempts(inspector: Inspector, action: JsonObject): void {
  for (const field of ["idleTimeoutMs", "maxStreamDurationMs"]) {
    if (action[field] !== undefined) inspector.number(action, field, milliseconds);
  }
  inspector.optionalObject(action, "hedge", (hedge) => {
    inspector.number(hedge, "afterMs", milliseconds);
    inspector.integer(hedge, "attempts", [2, 4]);
  });
}
