import type { Clock } from "#base/clock.ts";
import type { Random } from "#base/random.ts";
import { within } from "#base/within.ts";
import { readSnapshot } from "#ir/codec.ts";
import { type CompiledSnapshot, compileSnapshot } from "#proxy/match/compile.ts";
import { Follower, type Loaded } from "./follower.ts";
import type { ProxyHost, ProxyReport } from "./host.ts";
import type { Refusals } from "./refusals.ts";
import { SecretBook } from "./secret-book.ts";
import { SingleFlight } from "./single-flight.ts";

/** What a request is decided by: one immutable whole. */
export interface Config {
  readonly generation: number;
  readonly digest: string;
  readonly compiled: CompiledSnapshot;
  readonly secrets: SecretBook;
}

export interface KeeperOptions {
  readonly service: string;
  /** Tells this proxy from the others of the service. */
  readonly proxy: string;
  readonly host: ProxyHost;
  readonly clock: Clock;
  readonly random: Random;
  /** How often a newer configuration is looked for, in milliseconds; each time up to a fifth later, so that proxies do not march in step. */
  readonly refreshMs: number;
  readonly droppedSpans: () => number;
  readonly backends: () => NonNullable<ProxyReport["backends"]>;
  readonly refusals: Refusals;
  /** What of a configuration the proxy cannot do as it is told. */
  readonly warningsOf: (compiled: CompiledSnapshot) => readonly string[];
}

interface Content {
  readonly compiled: CompiledSnapshot;
  readonly secrets: SecretBook;
}

const coldStartMs = 5_000;
const reportTimeoutMs = 2_000;
const reportEveryMs = 10_000;
/** Longer than one refresh with all its calls at their deadlines. */
const refreshLimitMs = 15_000;

/**
 * Keeps a proxy's configuration: the last good one, in memory, whatever happens to the bus or the control plane. Nothing here runs on
 * behalf of a request, except for requests that come before the first configuration.
 */
export class ConfigKeeper {
  readonly #options: KeeperOptions;
  readonly #follower: Follower<Content>;
  readonly #refreshes: SingleFlight;
  #config: Config | undefined;
  #dueAtMs = 0;
  #reported = "";
  #reportedAtMs = 0;
  #waits = 0;

  constructor(options: KeeperOptions) {
    this.#options = options;
    this.#refreshes = new SingleFlight(options.clock, refreshLimitMs);
    this.#follower = new Follower({ source: options.host, clock: options.clock, load: (bytes, current) => this.#load(bytes, current) });
  }

  /** What is in force; undefined before the first configuration. */
  get current(): Config | undefined {
    return this.#config;
  }

  /** How many requests have waited for the bus: those of the cold start, and never another. */
  get waits(): number {
    return this.#waits;
  }

  /** Whether it is time for `refresh`. */
  get isDue(): boolean {
    return this.#options.clock.now() >= this.#dueAtMs;
  }

  /** One look at the bus, and a report when it is due. Never throws; at most one runs at a time. */
  refresh(): Promise<void> {
    return this.#refreshes.run(() => this.#refresh());
  }

  /** For a request before the first configuration: waits for it, at most 5 s. `keepAlive` is told what must outlive the request. */
  async first(keepAlive: (work: Promise<void>) => void): Promise<Config | undefined> {
    this.#waits += 1;
    const loading = this.refresh();
    keepAlive(loading);
    await within("the configuration", coldStartMs, () => loading).catch(() => undefined);
    return this.#config;
  }

  async #refresh(): Promise<void> {
    const { clock, random, refreshMs } = this.#options;
    this.#dueAtMs = clock.now() + refreshMs * (1 + 0.2 * random.float());
    const before = this.#follower.current;
    await this.#follower.refresh();
    if (this.#follower.current === before) await this.#retrySecrets();
    const { current } = this.#follower;
    if (current) this.#config = { generation: current.generation, digest: current.digest, ...current.value };
    await this.#report();
  }

  async #load(bytes: Uint8Array<ArrayBuffer>, current: Content | undefined): Promise<Loaded<Content>> {
    const read = readSnapshot(bytes);
    if ("error" in read) return read;
    const { snapshot } = read;
    if (snapshot.service !== this.#options.service) return { error: `it is the snapshot of ${snapshot.service}` };
    const result = compileSnapshot(snapshot);
    if ("error" in result) return result;
    const secrets = await SecretBook.load(snapshot.secrets, current?.secrets, this.#options);
    return { value: { compiled: result.compiled, secrets } };
  }

  async #retrySecrets(): Promise<void> {
    const value = this.#follower.current?.value;
    if (!value?.secrets.isIncomplete) return;
    const secrets = await SecretBook.load(value.compiled.snapshot.secrets, value.secrets, this.#options);
    this.#follower.amend({ compiled: value.compiled, secrets });
  }

  /** Says what is in force and who is ejected when that changed, what was refused, and every 10 s that all is as before. */
  async #report(): Promise<void> {
    const { clock, host, service, proxy, droppedSpans, backends: observe, refusals: refused, warningsOf } = this.#options;
    const { current, rejection, confirmedAtMs } = this.#follower;
    const state = { service, proxy, generation: current?.generation ?? 0, digest: current?.digest ?? "", ...(rejection && { rejection }) };
    const backends = observe();
    const text = JSON.stringify([state, Object.values(backends).map(({ ejected }) => ejected)]);
    if (text === this.#reported && refused.isEmpty && clock.now() - this.#reportedAtMs < reportEveryMs) return;
    const refusals = refused.take();
    const warnings = current ? warningsOf(current.value.compiled) : [];
    const counts = { droppedSpans: droppedSpans(), waitedRequests: this.#waits };
    const report: ProxyReport = { ...state, confirmedAtMs, ...counts, backends, refusals, ...(warnings.length > 0 && { warnings }) };
    try {
      await within("the report", reportTimeoutMs, () => host.report(report));
      this.#reported = text;
      this.#reportedAtMs = clock.now();
    } catch {
      // The next refresh reports again.
      refused.giveBack(refusals);
    }
  }
}
