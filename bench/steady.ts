/** Latency added to requests at a steady rate, by Istio's method: 1 KiB, 1,000 requests a second, 16 connections. */
import { alternate, median, quantile } from "./figure.ts";
import type { Settings } from "./figure.ts";
import { steady } from "./runtime/load.ts";
import { collector, upstream, upstreamPort } from "./runtime/upstream.ts";
import { startPassing, startProxy } from "./runtime/workerd.ts";
import { type Shape, snapshotOf, targetsOf } from "./snapshots.ts";

/** Milliseconds added by the bare Worker to a direct request, and by the proxy to the bare Worker. */
export interface Added {
  readonly share: "p50" | "p90" | "p99";
  readonly direct: number;
  readonly bare: number;
  readonly proxy: number;
}

const shape: Shape = { rules: 100, endpoints: 10, kind: "mixed", port: upstreamPort, samplingRatio: 0.01 };
const perSecond = 1_000;
const shares = { p50: 0.5, p90: 0.9, p99: 0.99 } as const;

export async function measureSteady({ rounds, seconds, progress }: Settings): Promise<Added[]> {
  progress(`latency at ${perSecond} requests a second`);
  const [target = "/"] = targetsOf(shape, [shape.rules - 1]);
  const bare = await startPassing("bare", upstream);
  const proxy = await startProxy({ snapshot: snapshotOf(shape), collector });
  const latencies: Record<string, number[][]> = {};
  const side = (name: string, origin: string) => async (): Promise<number> => {
    const sorted = await steady(origin + target, perSecond, seconds);
    (latencies[name] ??= []).push(sorted);
    return sorted.length;
  };
  const origins = { direct: upstream, bare: bare.origin, proxy: proxy.origin };
  await alternate(rounds, {
    direct: side("direct", origins.direct),
    bare: side("bare", origins.bare),
    proxy: side("proxy", origins.proxy),
  });
  await bare.stop();
  await proxy.stop();
  // The first round warmed up.
  const at = (name: string, share: number): number => median((latencies[name] ?? []).slice(1).map((sorted) => quantile(sorted, share)));
  return (Object.keys(shares) as (keyof typeof shares)[]).map((share) => ({
    share,
    direct: at("direct", shares[share]),
    bare: at("bare", shares[share]),
    proxy: at("proxy", shares[share]),
  }));
}
