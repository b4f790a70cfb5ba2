/** Shapes of what Wayside's own API takes and answers, as its OpenAPI document shows them. */
import * as z from "zod/mini";

const time = z.iso.datetime();
const port = z.int().check(z.minimum(1), z.maximum(65_535));
const namedPorts = z.array(z.object({ name: z.string(), port }));
const networkInterfaces = z.array(z.looseObject({ networkIP: z.exactOptional(z.string()), network: z.exactOptional(z.string()) }));
const labels = z.record(z.string(), z.string());
const epoch = z.int().check(z.minimum(0));
const health = z.enum(["HEALTHY", "UNHEALTHY", "DRAINING", "TIMEOUT", "UNKNOWN"]);

/** Any JSON object: what is Google's, or a report of ours that only people read. */
export const anyObject = z.looseObject({});

export const empty = z.object({});

export const error = z.looseObject({
  error: z.looseObject({ code: z.int(), message: z.string(), status: z.exactOptional(z.string()) }),
});

export const services = z.object({ services: z.array(z.string()) });

export const health200 = z.object({ status: z.literal("ok") });

const leaseTerms = {
  leaseTtlSec: z.exactOptional(z.int().check(z.minimum(3), z.maximum(3600))),
  collectAfterSec: z.exactOptional(z.int().check(z.minimum(1), z.maximum(31_536_000))),
};

export const newJoinToken = z.object({
  group: z.string(),
  zone: z.exactOptional(z.string()),
  ttlSec: z.exactOptional(z.int().check(z.minimum(1), z.maximum(600))),
  uses: z.exactOptional(z.int().check(z.minimum(1), z.maximum(1000))),
  ...leaseTerms,
});

const joinTokenFields = { name: z.string(), group: z.string(), expireTime: time, usesLeft: z.int(), ...leaseTerms };

/** The token is shown this once. */
export const joinToken = z.object({ ...joinTokenFields, token: z.string() });

export const joinTokens = z.object({ joinTokens: z.array(z.object(joinTokenFields)) });

const registrationFields = {
  name: z.exactOptional(z.string()),
  networkInterfaces: z.exactOptional(networkInterfaces),
  port: z.exactOptional(port),
  namedPorts: z.exactOptional(namedPorts),
  labels: z.exactOptional(labels),
  tunnel: z.exactOptional(z.boolean()),
};

export const join = z.object({ token: z.string(), publicKey: z.string(), group: z.exactOptional(z.string()), ...registrationFields });

export const joined = z.object({
  project: z.string(),
  group: z.string(),
  zone: z.string(),
  name: z.string(),
  id: z.exactOptional(z.string()),
  drained: z.boolean(),
  heartbeatIntervalSec: z.number(),
  leaseTtlSec: z.number(),
});

export const connect = z.object({
  group: z.string(),
  name: z.string(),
  epoch,
  nonce: z.string(),
  signature: z.string(),
  networkInterfaces: z.exactOptional(networkInterfaces),
  port: z.exactOptional(port),
  namedPorts: z.exactOptional(namedPorts),
});

export const connected = z.object({ session: z.string(), epoch, heartbeatIntervalSec: z.number(), leaseTtlSec: z.number() });

export const heartbeat = z.object({
  name: z.string(),
  epoch,
  sequence: epoch,
  healthy: z.exactOptional(z.boolean()),
  cpuSeconds: z.exactOptional(z.number()),
});

export const heard = z.object({
  state: z.enum(["SERVING", "DRAINING"]),
  released: z.boolean(),
  connection: z.literal("CONNECTED"),
  health,
});

export const registration = z.object({
  group: z.string(),
  zone: z.exactOptional(z.string()),
  address: z.exactOptional(z.string()),
  ...registrationFields,
});

export const registered = z.object({
  name: z.string(),
  group: z.string(),
  zone: z.string(),
  address: z.string(),
  port: z.exactOptional(port),
});

const servingState = z.enum(["RUNNING", "KEEPALIVE"]);

export const instance = z.object({
  name: z.string(),
  group: z.string(),
  groupKey: z.string(),
  zone: z.string(),
  id: z.exactOptional(z.string()),
  address: z.string(),
  networkInterfaces: z.exactOptional(networkInterfaces),
  port: z.exactOptional(port),
  labels: z.exactOptional(labels),
  status: z.string(),
  action: z.string(),
  health,
  drained: z.boolean(),
  servingState,
  connection: z.exactOptional(
    z.object({
      state: z.enum(["CONNECTED", "LOST"]),
      since: z.exactOptional(time),
      epoch,
      address: z.exactOptional(z.string()),
    }),
  ),
  /** Of one instance alone; never in a list. `cpuSeconds` of the application since its start, `cpuCores` busy between the last two heartbeats. */
  lastHeartbeat: z.exactOptional(z.object({ at: time, cpuSeconds: z.exactOptional(z.number()), cpuCores: z.exactOptional(z.number()) })),
  cloneSuspected: z.exactOptional(z.object({ at: time, address: z.string() })),
  lastError: z.exactOptional(z.string()),
});

export const instances = z.object({ instances: z.array(instance) });

/** `others`: instances that were given the other state by themselves; `lastBatch`: instances that were decided on together. */
export const group = z.object({
  name: z.string(),
  groupKey: z.string(),
  zone: z.string(),
  servingState,
  others: z.exactOptional(z.array(z.string())),
  lastBatch: z.exactOptional(z.object({ decidedAt: time, instances: z.int(), seconds: z.number(), perSecond: z.number() })),
});

export const groups = z.object({ groups: z.array(group) });

const percent = z.int().check(z.minimum(0), z.maximum(100));

export const newGroupSwitch = z.object({
  from: z.string(),
  to: z.string(),
  capacity: z.exactOptional(z.int().check(z.minimum(1))),
  stepPercent: z.exactOptional(percent),
  maxErrorPercent: z.exactOptional(percent),
  timeoutSec: z.exactOptional(z.int().check(z.minimum(1), z.maximum(86_400))),
});

const switchedGroup = z.object({ running: z.int(), keptAlive: z.int() });

export const groupSwitch = z.object({
  name: z.string(),
  from: z.string(),
  to: z.string(),
  state: z.enum(["SWITCHING", "RETURNING", "DONE", "RETURNED"]),
  capacity: z.int(),
  stepPercent: percent,
  maxErrorPercent: percent,
  startTime: time,
  endTime: z.exactOptional(time),
  instances: z.object({ from: switchedGroup, to: switchedGroup }),
  waits: z.exactOptional(z.string()),
  reason: z.exactOptional(z.string()),
});

export const groupSwitches = z.object({ groupSwitches: z.array(groupSwitch) });
