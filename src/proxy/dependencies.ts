import type { Clock } from "#base/clock.ts";
import type { Random } from "#base/random.ts";
import type { ProxyHost } from "./config/host.ts";
import type { CountTogether } from "./rate-limiter.ts";
import type { PassThrough, Relay } from "./upstream/deliver.ts";
import type { FetchFor } from "./upstream/transport.ts";

/** What a proxy is made of besides its code: decided by the entry (isolate.ts, worker.ts) or by a test. */

interface ProxyOptions {
  readonly project: string;
  /** The host pattern that names the service. */
  readonly service: string;
  /** How often configuration is looked for, in milliseconds. */
  readonly refreshMs: number;
  /** Whether there is a collector; without one no span is kept. */
  readonly exportsSpans: boolean;
  /** Stands for the caller's address in `x-forwarded-for` where the runtime does not tell it (workerd without Cloudflare in front). */
  readonly callerAddress?: string;
}

export interface ProxyDependencies {
  readonly host: ProxyHost;
  readonly clock: Clock;
  readonly random: Random;
  readonly fetchFor: FetchFor;
  readonly passThrough: PassThrough;
  readonly relay: Relay;
  /** Counts rate limits of the whole mesh; absent: this proxy counts them alone. */
  readonly countTogether?: CountTogether;
  /** One line about a fault of ours, with the id that its caller was given. */
  readonly log: (line: string) => void;
  readonly options: ProxyOptions;
}
