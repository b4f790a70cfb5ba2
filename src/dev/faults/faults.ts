/**
 * Faults that the emulator can be told to show, as Cloudflare shows them: KV that fails, is slow, or answers what it knew a while ago,
 * and a control Worker that proxies cannot reach. `POST /wayside/v1/dev/faults` sets them.
 */
import { UserError, type Fault } from "#base/errors.ts";
import { isJsonObject } from "#base/json.ts";

export interface KvFaults {
  /** Every read throws. */
  readonly failReads: boolean;
  /** Every write and delete throws. */
  readonly failWrites: boolean;
  /** A second write to a key within a second throws, as Workers KV does. */
  readonly limitWrites: boolean;
  /** Added to every call. */
  readonly latencyMs: number;
  /** A read is answered from what was read up to this long ago, absence included, as an edge location's cache does. 0: always fresh. */
  readonly staleMs: number;
}

interface ControlFaults {
  /** What proxies ask of the control Worker throws: version probe and reports. The API goes on, so that `status` can be watched. */
  readonly fail: boolean;
  /** Added to every such call. */
  readonly latencyMs: number;
}

export interface Faults {
  readonly kv: KvFaults;
  readonly control: ControlFaults;
}

export const noFaults: Faults = {
  kv: { failReads: false, failWrites: false, limitWrites: false, latencyMs: 0, staleMs: 0 },
  control: { fail: false, latencyMs: 0 },
};

/** An hour: longer than any test, and still within what a timer can hold. */
const maxMs = 3_600_000;

/** `current` with the fields of a request body in place of its own. Throws `UserError` that names every wrong field. */
export function changeFaults(current: Faults, body: unknown): Faults {
  const faults: Fault[] = [];
  const section = <Section extends object>(name: "kv" | "control", now: Section): Section => {
    const change = isJsonObject(body) ? body[name] : undefined;
    if (change === undefined) return now;
    if (!isJsonObject(change)) {
      faults.push({ code: "invalid", field: name, message: `'${name}' must be an object` });
      return now;
    }
    for (const [key, value] of Object.entries(change)) {
      const wanted = Object.hasOwn(now, key) ? typeof (now as Record<string, unknown>)[key] : undefined;
      const message = wrong(value, wanted);
      if (message) faults.push({ code: "invalid", field: `${name}.${key}`, message: `'${name}.${key}' ${message}` });
    }
    return { ...now, ...change };
  };
  if (!isJsonObject(body)) faults.push({ code: "invalid", message: 'The body must be a JSON object such as {"kv":{"failReads":true}}' });
  const changed = { kv: section("kv", current.kv), control: section("control", current.control) };
  for (const key of Object.keys(isJsonObject(body) ? body : {})) {
    if (!Object.hasOwn(changed, key))
      faults.push({ code: "invalid", field: key, message: `'${key}' is unknown; there are kv and control` });
  }
  if (faults.length > 0) throw new UserError(faults);
  return changed;
}

function wrong(value: unknown, wanted: string | undefined): string | undefined {
  if (wanted === undefined) return "is unknown";
  if (typeof value !== wanted) return `must be a ${wanted}`;
  const isTime = typeof value !== "number" || (value >= 0 && value <= maxMs);
  return isTime ? undefined : `must be from 0 to ${maxMs} (milliseconds)`;
}
