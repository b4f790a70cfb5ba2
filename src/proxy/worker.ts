import { systemClock } from "#base/clock.ts";
import { messageOf } from "#base/errors.ts";
import { systemRandom } from "#base/random.ts";
import { importMasterKey, type MasterKey } from "#base/seal.ts";
import type { Transport } from "#ir/cluster.ts";
import { collector } from "#telemetry/collector.ts";
import { type TunnelNamespace, tunnelTo } from "#tunnel/fetch.ts";
import { BusHost, type Probe } from "./config/bus-host.ts";
import { kvReader } from "./config/kv-reader.ts";
import { passThrough } from "./pass-through.ts";
import { relay } from "./relay.ts";
import { createProxy, type ServiceProxy } from "./proxy.ts";
import { type CounterBindings, countersOf } from "./shared-counters.ts";
import { fetchTunnel } from "./tunnel.ts";
import type { FetchFor, FetchLike } from "./upstream/transport.ts";

/** The proxy of one service as a deployed Worker of its own: it is its own host, over KV and a service binding to the control Worker. */

interface ProxyEnv extends CounterBindings {
  /** The KV namespace that the control Worker publishes to. */
  readonly BUS: KVNamespace;
  /** The control Worker's entrypoint `Bus`. */
  readonly CONTROL: Probe;
  /** The network of the VMs: a `vpc_networks` binding. Absent where every backend is public. */
  readonly NET?: Fetcher;
  /** The control Worker's Tunnel objects. Absent where no instance is behind a tunnel. */
  readonly TUNNEL?: TunnelNamespace<Fetcher>;
  readonly PROJECT: string;
  readonly SERVICE: string;
  /** The same secret as the control Worker's. Absent: routes that need secrets answer 503. */
  readonly MASTER_KEY?: string;
  /** Origin of an OTLP/HTTP collector. Absent: no spans. */
  readonly OTLP_URL?: string;
  /** How often configuration is looked for, in milliseconds; 10,000 when absent. */
  readonly CONFIG_REFRESH_MS?: string | number;
}

const defaultRefreshMs = 10_000;
const minRefreshMs = 250;

let proxy: ServiceProxy | undefined;

function proxyOf(env: ProxyEnv): ServiceProxy {
  proxy ??= create(env);
  return proxy;
}

function create(env: ProxyEnv): ServiceProxy {
  const { PROJECT: project, SERVICE: service } = env;
  const host = new BusHost({
    project,
    service,
    kv: kvReader(env.BUS),
    probe: env.CONTROL,
    ...(env.MASTER_KEY !== undefined && { masterKey: masterKeyOf(env.MASTER_KEY) }),
    ...(env.OTLP_URL !== undefined && { sendSpans: collector(env.OTLP_URL) }),
  });
  const asked = Number(env.CONFIG_REFRESH_MS);
  const refreshMs = asked > 0 ? Math.max(minRefreshMs, asked) : defaultRefreshMs;
  const options = { project, service, refreshMs, exportsSpans: env.OTLP_URL !== undefined };
  const countTogether = countersOf(project, env);
  return createProxy({
    host,
    clock: systemClock,
    random: systemRandom,
    fetchFor: fetchFor(env),
    passThrough,
    relay,
    ...(countTogether && { countTogether }),
    log,
    options,
  });
}

function masterKeyOf(text: string): Promise<MasterKey> {
  const key = importMasterKey(text);
  // Secrets are unavailable then; said once, here, and not for each of them.
  key.catch((thrown: unknown) => log(messageOf(thrown)));
  return key;
}

function fetchFor({ NET: network, TUNNEL: tunnels, PROJECT: project }: ProxyEnv): FetchFor {
  const ways: Readonly<Record<Transport, FetchLike | undefined>> = {
    public: (target, init) => fetch(target, init),
    "vpc-network": network && ((target, init) => network.fetch(target, init)),
    "vpc-service": undefined,
    tunnel: tunnels && fetchTunnel((url) => tunnelTo(tunnels, project, url)),
  };
  return (transport) => ways[transport];
}

function log(line: string): void {
  // oxlint-disable-next-line no-console -- the only way from a Worker to its operator's log
  console.error(line);
}

export default {
  fetch: (request, env, ctx) => proxyOf(env).handle(request, ctx),
  /** A cron trigger keeps a proxy without requests fresh and reporting. */
  scheduled: (_controller, env, ctx) => ctx.waitUntil(proxyOf(env).tick()),
} satisfies ExportedHandler<ProxyEnv>;
