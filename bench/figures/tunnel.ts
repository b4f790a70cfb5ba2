/** The proxy to an instance behind a tunnel against the same proxy to an instance that it reaches directly. */
import { startTunnel } from "#agent/tunnel/connector.ts";
import { tunnelObjectName } from "#tunnel/address.ts";
import { alternate, type Figure, measured, median, ratios, type Result, type Settings } from "../figure.ts";
import { saturate } from "../runtime/load.ts";
import { upstreamHost, upstreamPort } from "../runtime/upstream.ts";
import { type Server, startProxy } from "../runtime/workerd.ts";
import { project, type Shape, snapshotOf, targetsOf, tunnelHostOf } from "../snapshots.ts";

const throughput: Figure = {
  name: "throughput through a tunnel ÷ direct, 16 connections",
  key: "tunnel",
  bound: "at least",
  must: 0.5,
  aim: 0.7,
  unit: "×",
};
const many: Figure = { ...throughput, name: "throughput through a tunnel ÷ direct, 200 connections" };
const latency: Figure = {
  name: "p50 through a tunnel ÷ direct, one connection",
  key: "tunnel",
  bound: "at most",
  must: 2.5,
  aim: 2,
  unit: "×",
};

export const figures = [throughput, many, latency];

const direct: Shape = { rules: 10, endpoints: 1, kind: "mixed", port: upstreamPort, samplingRatio: 0 };

export async function measureTunnel({ rounds, seconds, progress }: Settings): Promise<Result[]> {
  const sides = {
    direct: await startProxy({ snapshot: snapshotOf(direct) }),
    tunnel: await startProxy({
      snapshot: snapshotOf({ ...direct, isTunneled: true }),
      tunnel: tunnelObjectName(project, tunnelHostOf(0)) ?? "",
    }),
  };
  const agent = await connect(sides.tunnel);
  const targets = targetsOf(direct, [0, 1, 2]);
  const load = ({ origin }: Server, connections: number): ReturnType<typeof saturate> =>
    saturate({ origin, connections, seconds, targets });
  const rates = async (connections: number): Promise<Record<keyof typeof sides, number[]>> => {
    progress(`tunnel: throughput at ${connections} connections`);
    const rate = async (side: Server): Promise<number> => (await load(side, connections)).requestsPerSecond;
    return alternate(rounds, { direct: () => rate(sides.direct), tunnel: () => rate(sides.tunnel) });
  };
  const few = await rates(16);
  const all = await rates(200);
  progress("tunnel: latency at one connection");
  const p50 = async (side: Server): Promise<number> => (await load(side, 1)).p50;
  const latencies = await alternate(rounds, { direct: () => p50(sides.direct), tunnel: () => p50(sides.tunnel) });
  await agent.close();
  for (const server of Object.values(sides)) await server.stop();
  const perSecond = (values: readonly number[]): string => `${Math.round(median(values)).toLocaleString("en")}/s`;
  const milliseconds = (values: readonly number[]): string => `${median(values).toFixed(3)} ms`;
  return [
    measured(throughput, ratios(few.tunnel, few.direct), `${perSecond(few.tunnel)} ÷ ${perSecond(few.direct)}`),
    measured(many, ratios(all.tunnel, all.direct), `${perSecond(all.tunnel)} ÷ ${perSecond(all.direct)}`),
    measured(latency, ratios(latencies.tunnel, latencies.direct), `${milliseconds(latencies.tunnel)} ÷ ${milliseconds(latencies.direct)}`),
  ];
}

/** This process does nothing else while the load runs, so that it can be the agent as well. */
async function connect({ tunnels = "" }: Server): Promise<ReturnType<typeof startTunnel>> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const tunnel = startTunnel({
    url: `${tunnels.replace("http", "ws")}/`,
    bearer: () => "none",
    application: { host: upstreamHost, ports: [upstreamPort] },
    onState: (state) => (state.state === "connected" ? resolve() : reject(new Error(`the tunnel is ${JSON.stringify(state)}`))),
  });
  await promise;
  return tunnel;
}
