/** The Workers of the emulator in workerd. The one module that knows miniflare. */
import { convertV4MiniflareOptions, Miniflare, type V4MiniflareOptions, type WorkerdStructuredLog } from "miniflare";
import { counterBindings } from "#proxy/shared-counters.ts";
import type { WorkerCode, WorkerName } from "./bundle.ts";
import { nodeService } from "./node-service.ts";

export interface RuntimeOptions {
  readonly code: Readonly<Record<WorkerName, WorkerCode>>;
  readonly project: string;
  /** Ports on 127.0.0.1 of the control API and of the mesh entry; 0 takes a free one. */
  readonly port: number;
  readonly meshPort: number;
  /** Where Durable Objects and KV are kept, and where workerd may put what it needs while it runs. */
  readonly stateFolder: string;
  readonly temporaryFolder: string;
  readonly masterKey: string;
  readonly otlp?: string;
  readonly configRefreshMs: number;
  /** Answers the binding `FLEET`. */
  readonly fleet: (request: Request) => Promise<Response>;
  /** Added to workerd's environment, by which its process is recognised. */
  readonly environment: Readonly<Record<string, string>>;
  readonly onLog: (level: string, message: string) => void;
  /** workerd had crashed and was started again, on the same ports. */
  readonly onRestart: () => void;
}

export interface Runtime {
  /** Origins, without a slash at the end. */
  readonly api: string;
  readonly mesh: string;
  /** The control Worker without the front before it: injected faults do not stop what is sent here. */
  readonly control: string;
  /** One round of the mesh's background work. */
  tick(): Promise<void>;
  stop(): Promise<void>;
}

const compatibility = { compatibilityDate: "2026-10-01", compatibilityFlags: ["enable_request_signal"] };
const host = "127.0.0.1";
/** Longer than a round takes when everything that it asks hangs until its own deadline. */
const tickTimeoutMs = 30_000;
/** VMs of the fleet live on 127.10.0.0/16, registered ones on any loopback address. */
const vmNetwork = { network: { allow: ["127.0.0.0/8"] } };

/** Answers when the Workers can be called. Throws when workerd does not start. */
export async function startRuntime(options: RuntimeOptions): Promise<Runtime> {
  const ownSignals = listenersOf();
  const miniflare = new Miniflare(convertV4MiniflareOptions(configurationOf(options)));
  leaveSignalsToUs(ownSignals);
  try {
    await miniflare.ready;
    const origin = async (worker: string, entrypoint?: string): Promise<string> =>
      (await miniflare.unsafeGetDirectURL(worker, entrypoint)).origin;
    const [api, mesh, control, ticker] = await Promise.all([origin("front"), origin("mesh"), origin("control"), origin("mesh", "Ticker")]);
    const tick = async (): Promise<void> => {
      const response = await fetch(ticker, { method: "POST", signal: AbortSignal.timeout(tickTimeoutMs) });
      await response.body?.cancel();
    };
    return { api, mesh, control, tick, stop: () => miniflare.dispose() };
  } catch (thrown) {
    await miniflare.dispose().catch(() => {});
    throw thrown;
  }
}

function configurationOf(options: RuntimeOptions): V4MiniflareOptions {
  return {
    host,
    port: 0,
    cf: false,
    logRequests: false,
    resourcePersistencePath: options.stateFolder,
    resourceTmpPath: options.temporaryFolder,
    unsafeRuntimeEnv: { ...options.environment },
    handleStructuredLogs: ({ level, message }: WorkerdStructuredLog) => {
      // workerd's own word for what is of no interest to anybody outside of it.
      if (!message.startsWith("NOSENTRY")) options.onLog(level, message);
    },
    unsafeHandleRuntimeRestart: options.onRestart,
    workers: [frontWorker(options), controlWorker(options), meshWorker(options)],
  };
}

function frontWorker({ code, port, fleet }: RuntimeOptions): WorkerOptions {
  return {
    ...compatibility,
    name: "front",
    modules: true,
    script: code.front.source,
    kvNamespaces: { KV: "bus" },
    serviceBindings: { CONTROL: "control", CONTROL_BUS: { name: "control", entrypoint: "Bus" }, FLEET: { node: nodeService(fleet) } },
    unsafeDirectSockets: [{ host, port }],
  };
}

function controlWorker({ code, masterKey, fleet }: RuntimeOptions): WorkerOptions {
  return {
    ...compatibility,
    name: "control",
    modules: true,
    script: code.control.source,
    bindings: { DEV: "1", MASTER_KEY: masterKey },
    durableObjects: {
      PROJECT: { className: "ProjectObject", useSQLite: true },
      GROUP: { className: "GroupObject", useSQLite: true },
      TUNNEL: { className: "TunnelObject", useSQLite: true },
      LEASE: { className: "LeaseObject", useSQLite: true },
    },
    serviceBindings: { BUS: { name: "front", entrypoint: "Bus" }, NET: vmNetwork, FLEET: { node: nodeService(fleet) } },
    unsafeDirectSockets: [{ host, port: 0 }],
  };
}

function meshWorker({ code, project, meshPort, masterKey, otlp, configRefreshMs }: RuntimeOptions): WorkerOptions {
  return {
    ...compatibility,
    name: "mesh",
    modules: true,
    script: code.mesh.source,
    bindings: {
      PROJECT: project,
      REFRESH_MS: configRefreshMs,
      MASTER_KEY: masterKey,
      ISOLATE_SOURCE: code.isolate.source,
      ISOLATE_HASH: code.isolate.hash,
      ...(otlp === undefined ? {} : { OTLP_URL: otlp }),
    },
    ratelimits: Object.fromEntries(
      counterBindings.map(({ name, namespace, requests, periodSec }) => [
        name,
        { namespace_id: namespace, simple: { limit: requests, period: periodSec } },
      ]),
    ),
    workerLoaders: { LOADER: {} },
    durableObjects: { TUNNEL: { className: "TunnelObject", scriptName: "control", useSQLite: true } },
    serviceBindings: { BUS: { name: "front", entrypoint: "Bus" }, PROBE: { name: "front", entrypoint: "Probe" }, NET: vmNetwork },
    unsafeDirectSockets: [
      { host, port: meshPort },
      { host, port: 0, entrypoint: "Ticker" },
    ],
  };
}

type WorkerOptions = Extract<V4MiniflareOptions, { workers: unknown }>["workers"][number];

const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

type Listeners = ReadonlyMap<NodeJS.Signals, ReadonlySet<unknown>>;

function listenersOf(): Listeners {
  return new Map(signals.map((signal) => [signal, new Set<unknown>(process.listeners(signal))]));
}

/** Miniflare's own listeners end the process at once, with status 130: VMs would be left behind. Whoever started us listens. */
function leaveSignalsToUs(before: Listeners): void {
  for (const signal of signals) {
    for (const listener of process.listeners(signal)) if (!before.get(signal)?.has(listener)) process.off(signal, listener);
  }
}
