import type { Clock } from "#base/clock.ts";
import { messageOf } from "#base/errors.ts";
import { type Random, randomHex } from "#base/random.ts";
import type { MasterKey } from "#base/seal.ts";
import { readDirectory } from "#ir/codec.ts";
import { directoryService } from "#ir/snapshot.ts";
import { keptOf } from "#proxy/filters/refused-request.ts";
import { HostTable } from "#proxy/match/hosts.ts";
import type { RequestView } from "#proxy/match/request.ts";
import { answer, type Reason } from "./answer.ts";
import { BusHost, type KvReader, type Probe } from "./config/bus-host.ts";
import { Follower, type Loaded } from "./config/follower.ts";
import type { IsolateBinding } from "./config/host.ts";
import { Refusals } from "./config/refusals.ts";
import { SharedProbe } from "./config/shared-probe.ts";
import { SingleFlight } from "./config/single-flight.ts";
import type { CountTogether } from "./rate-limiter.ts";
import { viewOf } from "./request-view.ts";
import type { Waiter } from "./waiter.ts";
import { within } from "#base/within.ts";

/**
 * The core of a mesh entry Worker: one address for all services of a project. It finds the service of a request by its host and
 * hands the request to that service's proxy, a dynamic isolate of its own, which it brings up and keeps fresh in the background.
 */

/** What a dynamic isolate offers (src/proxy/isolate.ts). */
export interface IsolateEntrypoint {
  fetch(request: Request): Promise<Response>;
  /** Refreshes its configuration, reports, and sends spans. */
  tick(): Promise<void>;
}

/** The code and capabilities of a dynamic isolate, as the binding `worker_loaders` takes them. */
export interface IsolateCode {
  readonly compatibilityDate: string;
  readonly compatibilityFlags: string[];
  readonly mainModule: string;
  readonly modules: Record<string, string>;
  readonly env: Record<string, unknown>;
  readonly globalOutbound: unknown;
}

/** The binding `worker_loaders`, as far as it is used: the same id gives the same isolate while it lives. */
export interface IsolateLoader {
  get(id: string, code: () => Promise<IsolateCode>): { getEntrypoint(): unknown };
}

export interface MeshOptions {
  readonly project: string;
  readonly kv: KvReader;
  readonly probe: Probe;
  readonly masterKey?: MasterKey | Promise<MasterKey>;
  /** Delivers one OTLP/JSON body to the collector; absent: there is none. */
  readonly sendSpans?: (body: string) => Promise<boolean>;
  /** Counts rate limits of the whole mesh; absent: each proxy counts them alone. */
  readonly countTogether?: CountTogether;
  readonly loader: IsolateLoader;
  /** The bundle of src/proxy/isolate.ts, and the hash that tells one build of it from another. */
  readonly bundle: { readonly source: string; readonly hash: string };
  /** Fetcher of the VM network: besides the tunnels the only way out that isolates have. */
  readonly network: unknown;
  /** `ctx.exports.TunnelEntry({ props: { project } })`: what becomes `env.TUNNEL` of isolates (src/proxy/tunnel-entry.ts). */
  readonly tunnelBinding: () => unknown;
  /** `ctx.exports.IsolateHost({ props: { project, service } })`: what becomes `env.HOST` of the isolate (src/proxy/isolate-host.ts). */
  readonly hostBinding: (service: string) => unknown;
  readonly clock: Clock;
  readonly random: Random;
  /** How often configuration is looked for, in milliseconds. */
  readonly refreshMs: number;
  /** Stands for the caller's address where the runtime does not tell it: `127.0.0.1` for an entry that only loopback can reach. */
  readonly callerAddress?: string;
  /** One line about a fault of ours, with the id that its caller was given. */
  readonly log?: (line: string) => void;
}

interface Services {
  readonly names: readonly string[];
  readonly byHost: HostTable<string>;
}

const coldStartMs = 5_000;
/** An isolate's tick makes several calls of at most 5 s each. */
const isolateTickMs = 15_000;
/** Workers allow four distinct dynamic isolates at work for one invocation, which may be serving a request by one of them. */
const isolatesAtOnce = 3;
const compatibilityDate = "2026-10-01";

/** One per mesh entry Worker, kept from one request to the next. */
export class Mesh {
  readonly #options: MeshOptions;
  readonly #probe: SharedProbe;
  readonly #directory: Follower<Services>;
  readonly #hosts = new Map<string, BusHost>();
  readonly #ticks: SingleFlight;
  readonly #loads: SingleFlight;
  readonly #refusals = new Refusals();
  #dueAtMs = 0;

  constructor(options: MeshOptions) {
    this.#options = options;
    this.#probe = new SharedProbe(options.probe, options.clock, options.refreshMs);
    this.#ticks = new SingleFlight(options.clock, 2 * isolateTickMs);
    this.#loads = new SingleFlight(options.clock, coldStartMs);
    this.#directory = new Follower({ source: this.#host(directoryService), clock: options.clock, load: loadServices });
  }

  /** Answers a request of any service. Waits for nothing but the service's proxy once the directory is there. */
  async handle(request: Request, waiter: Waiter): Promise<Response> {
    if (this.#options.clock.now() >= this.#dueAtMs) waiter.waitUntil(this.tick());
    const services = this.#directory.current?.value ?? (await this.#firstServices(waiter));
    const { project } = this.#options;
    const view = viewOf(request);
    if (!services) return this.#refuse(view, "no_config", `the mesh of project ${project} has no configuration yet`);
    const { authority, target } = view;
    // workerd writes Host and target one after the other: what follows a slash in Host would become a part of the path.
    if (!target.startsWith("/") || request.headers.get("host")?.includes("/") === true)
      return this.#refuse(view, "no_service", "the Host header and the target of the request do not make a URL");
    const service = services.byHost.find(authority);
    if (service === undefined) return this.#refuse(view, "no_service", `no service of project ${project} has the host ${authority}`);
    try {
      return await this.#isolate(service).fetch(request);
    } catch (thrown) {
      const refusal = this.#refuse(view, "internal_error", `the proxy of ${service} failed`);
      this.#options.log?.(`mesh: the proxy of ${service} failed (${refusal.headers.get("x-wayside-id")}): ${messageOf(thrown)}`);
      return refusal;
    }
  }

  /**
   * Everything that is done in the background, once: directory, every service's proxy (which also brings up those of new services),
   * reports. Called by a timer of the host and, when that is late, for requests. Never throws; at most one runs at a time.
   */
  async tick(): Promise<void> {
    this.#dueAtMs = this.#options.clock.now() + this.#options.refreshMs * (1 + 0.2 * this.#options.random.float());
    await this.#ticks.run(() => this.#tick());
  }

  /** What `IsolateHost` of this service delegates to. */
  host(service: string): IsolateBinding {
    return this.#host(service);
  }

  async #tick(): Promise<void> {
    const { project } = this.#options;
    await this.#probe.ask(project, [directoryService, ...(this.#directory.current?.value.names ?? [])]);
    await this.#loads.run(() => this.#directory.refresh());
    const services = [...(this.#directory.current?.value.names ?? [])];
    const known = new Set([directoryService, ...services]);
    for (const service of this.#hosts.keys()) if (!known.has(service)) this.#hosts.delete(service);
    await Promise.all(
      Array.from({ length: isolatesAtOnce }, async () => {
        for (let service = services.shift(); service !== undefined; service = services.shift()) await this.#tickIsolate(service);
      }),
    );
    await this.#reportRefusals();
    await this.#probe.flush(project);
  }

  async #tickIsolate(service: string): Promise<void> {
    try {
      await within(`the proxy of ${service}`, isolateTickMs, () => this.#isolate(service).tick());
    } catch {
      // It reported nothing, so its age grows where people look; the others are not held up.
    }
  }

  async #firstServices(waiter: Waiter): Promise<Services | undefined> {
    const loading = this.#loads.run(() => this.#directory.refresh());
    waiter.waitUntil(loading);
    await within("the directory", coldStartMs, () => loading).catch(() => undefined);
    return this.#directory.current?.value;
  }

  #refuse(view: RequestView, reason: Reason, text: string): Response {
    const { clock, random } = this.#options;
    const id = randomHex(random, 16);
    const generation = this.#directory.current?.generation ?? 0;
    this.#refusals.add({ id, atMs: clock.now(), generation, reason, text, ...keptOf(view, undefined) });
    return answer({ reason, text, id }, view);
  }

  /** The mesh's own row of the reports: what it refused before any proxy saw it. */
  async #reportRefusals(): Promise<void> {
    if (this.#refusals.isEmpty) return;
    const { current, confirmedAtMs } = this.#directory;
    const state = { service: directoryService, generation: current?.generation ?? 0, digest: current?.digest ?? "", confirmedAtMs };
    await this.#probe.report(this.#options.project, [{ ...state, droppedSpans: 0, refusals: this.#refusals.take() }]);
  }

  #isolate(service: string): IsolateEntrypoint {
    const { loader, project, bundle } = this.#options;
    const stub = loader.get(`${project}/${service}@${bundle.hash}`, async () => this.#code(service));
    return stub.getEntrypoint() as IsolateEntrypoint;
  }

  #code(service: string): IsolateCode {
    const { bundle, callerAddress, countTogether, hostBinding, network, project, refreshMs, sendSpans, tunnelBinding } = this.#options;
    return {
      compatibilityDate,
      compatibilityFlags: ["enable_request_signal"],
      mainModule: "isolate.js",
      modules: { "isolate.js": bundle.source },
      env: {
        HOST: hostBinding(service),
        TUNNEL: tunnelBinding(),
        PROJECT: project,
        SERVICE: service,
        REFRESH_MS: refreshMs,
        EXPORTS_SPANS: sendSpans !== undefined,
        COUNTS_TOGETHER: countTogether !== undefined,
        ...(callerAddress !== undefined && { CALLER_ADDRESS: callerAddress }),
      },
      globalOutbound: network,
    };
  }

  #host(service: string): BusHost {
    let host = this.#hosts.get(service);
    if (!host) {
      const { project, kv, masterKey, sendSpans, countTogether } = this.#options;
      const given = { ...(masterKey && { masterKey }), ...(sendSpans && { sendSpans }), ...(countTogether && { countTogether }) };
      host = new BusHost({ project, service, kv, probe: this.#probe, ...given });
      this.#hosts.set(service, host);
    }
    return host;
  }
}

async function loadServices(bytes: Uint8Array): Promise<Loaded<Services>> {
  const read = readDirectory(bytes);
  if ("error" in read) return read;
  const names = read.directory.services;
  return { value: { names, byHost: new HostTable(names.map((name) => [name, name])) } };
}
