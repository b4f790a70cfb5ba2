import { WorkerEntrypoint } from "cloudflare:workers";
import { systemClock } from "#base/clock.ts";
import { systemRandom } from "#base/random.ts";
import type { IsolateBinding } from "./config/host.ts";
import { createProxy, type ServiceProxy } from "./proxy.ts";
import { passThrough } from "./pass-through.ts";
import { relay } from "./relay.ts";
import { fetchTunnel } from "./tunnel.ts";
import type { FetchLike } from "./upstream/transport.ts";

/**
 * The proxy of one service as a dynamic isolate, loaded by a mesh entry (mesh.ts). All it can reach is its host, which reads this service's
 * configuration and nothing else, the VM network, where every `fetch` of it goes, and the tunnels of its project.
 */

interface IsolateEnv {
  /** RPC stub of the entry's `IsolateHost`. */
  readonly HOST: IsolateBinding;
  /** RPC stub of the entry's `TunnelEntry`. */
  readonly TUNNEL: Fetcher;
  readonly PROJECT: string;
  readonly SERVICE: string;
  readonly REFRESH_MS: number;
  readonly EXPORTS_SPANS: boolean;
  /** Whether the entry has counters that the whole mesh shares. */
  readonly COUNTS_TOGETHER: boolean;
  readonly CALLER_ADDRESS?: string;
}

let proxy: ServiceProxy | undefined;

/** Which network a plain fetch goes to is the entry's decision (`globalOutbound`). */
const overNetwork: FetchLike = (target, init) => fetch(target, init);

function proxyOf(env: IsolateEnv): ServiceProxy {
  const throughTunnel = fetchTunnel(() => env.TUNNEL);
  proxy ??= createProxy({
    host: env.HOST,
    clock: systemClock,
    random: systemRandom,
    fetchFor: (transport) => (transport === "vpc-service" ? undefined : transport === "tunnel" ? throughTunnel : overNetwork),
    passThrough,
    relay,
    ...(env.COUNTS_TOGETHER && { countTogether: (limit, value) => env.HOST.count(limit, value) }),
    // oxlint-disable-next-line no-console -- the only way from a Worker to its operator's log
    log: (line) => console.error(line),
    options: {
      project: env.PROJECT,
      service: env.SERVICE,
      refreshMs: env.REFRESH_MS,
      exportsSpans: env.EXPORTS_SPANS,
      ...(env.CALLER_ADDRESS !== undefined && { callerAddress: env.CALLER_ADDRESS }),
    },
  });
  return proxy;
}

export default class ProxyIsolate extends WorkerEntrypoint<IsolateEnv> {
  override fetch(request: Request): Promise<Response> {
    return proxyOf(this.env).handle(request, this.ctx);
  }

  /** Called by the mesh entry, so that a proxy without requests stays fresh and reports too. */
  tick(): Promise<void> {
    return proxyOf(this.env).tick();
  }
}
