/** The emulator's mesh entry Worker: the same core as deployed, over the front's ways to KV and to the version probe. */
import { exports, WorkerEntrypoint } from "cloudflare:workers";
import { systemClock } from "#base/clock.ts";
import { systemRandom } from "#base/random.ts";
import { importMasterKey } from "#base/seal.ts";
import type { Probe } from "#proxy/config/bus-host.ts";
import { isolateHost } from "#proxy/isolate-host.ts";
import { type IsolateLoader, Mesh } from "#proxy/mesh.ts";
import { type CounterBindings, countersOf } from "#proxy/shared-counters.ts";
import { tunnelEntry } from "#proxy/tunnel-entry.ts";
import { collector } from "#telemetry/collector.ts";
import type { TunnelNamespace } from "#tunnel/fetch.ts";

interface Env extends CounterBindings {
  readonly PROJECT: string;
  readonly REFRESH_MS: number;
  readonly MASTER_KEY: string;
  /** Base URL of the OTLP/HTTP collector. */
  readonly OTLP_URL?: string;
  /** Bundle of src/proxy/isolate.ts. */
  readonly ISOLATE_SOURCE: string;
  readonly ISOLATE_HASH: string;
  readonly LOADER: IsolateLoader;
  readonly NET: Fetcher;
  readonly TUNNEL: TunnelNamespace<Fetcher>;
  /** The front's entrypoints `Bus` and `Probe`. */
  readonly BUS: { get(key: string, type: "arrayBuffer"): Promise<ArrayBuffer | null> };
  readonly PROBE: Probe;
}

/** One mesh for the life of this isolate. */
let mesh: Mesh | undefined;

function meshOf(env: Env): Mesh {
  mesh ??= makeMesh(env);
  return mesh;
}

function makeMesh(env: Env): Mesh {
  const otlp = env.OTLP_URL;
  const countTogether = countersOf(env.PROJECT, env);
  const bindings = exports as unknown as {
    IsolateHost(options: { props: { project: string; service: string } }): unknown;
    TunnelEntry(options: { props: { project: string } }): unknown;
  };
  return new Mesh({
    project: env.PROJECT,
    kv: { get: (key) => env.BUS.get(key, "arrayBuffer") },
    probe: env.PROBE,
    masterKey: importMasterKey(env.MASTER_KEY),
    ...(otlp === undefined ? {} : { sendSpans: collector(otlp) }),
    ...(countTogether && { countTogether }),
    loader: env.LOADER,
    bundle: { source: env.ISOLATE_SOURCE, hash: env.ISOLATE_HASH },
    network: env.NET,
    tunnelBinding: () => bindings.TunnelEntry({ props: { project: env.PROJECT } }),
    hostBinding: (service) => bindings.IsolateHost({ props: { project: env.PROJECT, service } }),
    clock: systemClock,
    random: systemRandom,
    refreshMs: env.REFRESH_MS,
    // The mesh listens on loopback alone, and workerd does not tell who calls.
    callerAddress: "127.0.0.1",
  });
}

export const IsolateHost = isolateHost<Env>((env, { service }) => meshOf(env).host(service));

export const TunnelEntry = tunnelEntry<Env>((env) => env.TUNNEL);

/** Driven by the emulator's timer, so that proxies without requests are fresh and report as well. */
export class Ticker extends WorkerEntrypoint<Env> {
  override async fetch(): Promise<Response> {
    await meshOf(this.env).tick();
    return new Response(null, { status: 204 });
  }
}

export default {
  fetch(request: Request, env: Env, ctx: ExecutionContext): Promise<Response> {
    return meshOf(env).handle(request, ctx);
  },
};
