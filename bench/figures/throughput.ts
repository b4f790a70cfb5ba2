/** The proxy in workerd against a Worker that only passes requests on: throughput, the cost of tracing, and what is added at one connection. */
import { alternate, type Figure, measured, median, ratios, type Result, type Settings } from "../figure.ts";
import { type Load, type LoadResult, saturate } from "../runtime/load.ts";
import { collector, upstream, upstreamPort } from "../runtime/upstream.ts";
import { type Server, startPassing, startProxy } from "../runtime/workerd.ts";
import { type Shape, snapshotOf, spread, targetsOf } from "../snapshots.ts";

const throughput: Figure = {
  name: "throughput: 100 rules, 10 endpoints, tracing 1 % ÷ bare Worker",
  key: "throughput",
  bound: "at least",
  must: 0.8,
  aim: 0.95,
  unit: "×",
};
const rules: Figure = { name: "10,000 rules, 1,000 endpoints ÷ 100 rules", key: "rules", bound: "at least", must: 0.95, aim: 1, unit: "×" };
const tracing: Figure = { name: "tracing 100 % ÷ tracing 0 %", key: "tracing", bound: "at least", must: 0.85, aim: 0.95, unit: "×" };
const latency: Figure = {
  name: "p50 at one connection ÷ bare Worker",
  key: "latency",
  bound: "at most",
  must: 1.25,
  aim: 1.1,
  unit: "×",
};

export const figures = [throughput, rules, tracing, latency];

const few: Shape = { rules: 100, endpoints: 10, kind: "mixed", port: upstreamPort, samplingRatio: 0.01 };
const many: Shape = { ...few, rules: 10_000, endpoints: 1_000 };
const connections = 16;

/** Targets of as many rules, whatever the number of rules, so that the load generator does the same for all. */
function targets(shape: Shape): string[] {
  return targetsOf(shape, spread(shape, 99));
}

interface Side {
  readonly start: () => Promise<Server>;
  readonly targets: readonly string[];
}

/** Until V8 has compiled what is used most. */
const warmUpSeconds = 3;

/**
 * A server of its own for each sample, warmed up: two processes of the same program differ from one another more than a program does from
 * one run to the next.
 */
async function sample({ start, targets: wanted }: Side, load: Pick<Load, "connections" | "seconds">): Promise<LoadResult> {
  const server = await start();
  const { origin } = server;
  await saturate({ origin, targets: wanted, connections: load.connections, seconds: warmUpSeconds });
  const result = await saturate({ origin, targets: wanted, ...load });
  await server.stop();
  return result;
}

export async function measureThroughput(settings: Settings): Promise<Result[]> {
  const { rounds, seconds, progress } = settings;
  const passing = (name: "bare" | "least"): Side => ({ start: () => startPassing(name, upstream), targets: targets(few) });
  const proxy = (shape: Shape): Side => {
    const snapshot = snapshotOf(shape);
    return { start: () => startProxy({ snapshot, collector }), targets: targets(shape) };
  };
  const sides = {
    bare: passing("bare"),
    least: passing("least"),
    few: proxy(few),
    many: proxy(many),
    manyRules: proxy({ ...many, endpoints: few.endpoints }),
    untraced: proxy({ ...few, samplingRatio: 0 }),
    traced: proxy({ ...few, samplingRatio: 1 }),
  };
  const rate = async (side: Side): Promise<number> => (await sample(side, { connections, seconds })).requestsPerSecond;
  const p50 = async (side: Side): Promise<number> => (await sample(side, { connections: 1, seconds })).p50;
  progress("throughput at 16 connections");
  const rates = await alternate(rounds, {
    bare: () => rate(sides.bare),
    least: () => rate(sides.least),
    few: () => rate(sides.few),
    many: () => rate(sides.many),
    manyRules: () => rate(sides.manyRules),
    untraced: () => rate(sides.untraced),
    traced: () => rate(sides.traced),
  });
  progress("latency at one connection");
  const latencies = await alternate(rounds, { bare: () => p50(sides.bare), least: () => p50(sides.least), few: () => p50(sides.few) });
  const perSecond = (name: keyof typeof rates): string => `${Math.round(median(rates[name])).toLocaleString("en")}/s`;
  const milliseconds = (name: keyof typeof latencies): string => `${median(latencies[name]).toFixed(3)} ms`;
  const least = { rate: median(ratios(rates.least, rates.bare)), p50: median(ratios(latencies.least, latencies.bare)) };
  return [
    measured(
      throughput,
      ratios(rates.few, rates.bare),
      `${perSecond("few")} ÷ ${perSecond("bare")}; the least proxy ${least.rate.toFixed(2)}`,
    ),
    measured(
      rules,
      ratios(rates.many, rates.few),
      `${perSecond("many")} ÷ ${perSecond("few")}; the rules alone ${median(ratios(rates.manyRules, rates.few)).toFixed(2)}`,
    ),
    measured(tracing, ratios(rates.traced, rates.untraced), `${perSecond("traced")} ÷ ${perSecond("untraced")}`),
    measured(
      latency,
      ratios(latencies.few, latencies.bare),
      `${milliseconds("few")} ÷ ${milliseconds("bare")}; the least proxy ${least.p50.toFixed(2)}`,
    ),
  ];
}
