/** Load, made by wrk (as much as it can) and h2load (at a steady rate). */
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { type Shape, targetsOf, tenantHeader } from "../snapshots.ts";
import { output, temporaryFolder } from "./process.ts";
import type { Server } from "./workerd.ts";

export interface LoadResult {
  readonly requestsPerSecond: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

export interface Load {
  readonly origin: string;
  readonly connections: number;
  readonly seconds: number;
  /** Asked for in turn. */
  readonly targets: readonly string[];
}

let scripts = 0;

/** Sends as many requests as the connections allow. Throws when any of them was not answered with a 2xx. */
export async function saturate({ origin, connections, seconds, targets }: Load): Promise<LoadResult> {
  const script = path.join(temporaryFolder(), `load-${++scripts}.lua`);
  writeFileSync(script, luaScript(targets));
  const text = await output("wrk", ["-t1", `-c${connections}`, `-d${seconds}s`, "--latency", "-s", script, origin]);
  const last = text.slice(text.lastIndexOf("{"));
  const result = JSON.parse(last) as { requests: number; microseconds: number; errors: number; p50: number; p99: number };
  if (result.errors > 0 || result.requests === 0) throw new Error(`${result.errors} of ${result.requests} requests to ${origin} failed`);
  return { requestsPerSecond: result.requests / (result.microseconds / 1e6), p50: result.p50 / 1000, p99: result.p99 / 1000 };
}

/** The requests are put together before the first one is sent, so that the generator costs the same for all of them. */
function luaScript(targets: readonly string[]): string {
  return `
local targets = {${targets.map((target) => JSON.stringify(target)).join(",")}}
local requests, at = {}, 0
init = function(args)
  wrk.headers[${JSON.stringify(tenantHeader.name)}] = ${JSON.stringify(tenantHeader.value)}
  for i, target in ipairs(targets) do requests[i] = wrk.format("GET", target) end
end
request = function()
  at = at % #requests + 1
  return requests[at]
end
done = function(summary, latency)
  local e = summary.errors
  io.write(string.format('{"requests":%d,"microseconds":%d,"errors":%d,"p50":%d,"p99":%d}',
    summary.requests, summary.duration, e.connect + e.read + e.write + e.status + e.timeout,
    latency:percentile(50), latency:percentile(99)))
end
`;
}

/** Latencies in milliseconds, in ascending order, of requests sent at a steady rate over 16 connections. */
export async function steady(url: string, requestsPerSecond: number, seconds: number): Promise<number[]> {
  const connections = 16;
  const log = path.join(temporaryFolder(), `steady-${++scripts}`);
  const rate = `--rps=${requestsPerSecond / connections}`;
  const header = `--header=${tenantHeader.name}: ${tenantHeader.value}`;
  await output("h2load", ["--h1", `-c${connections}`, "-t1", rate, `--duration=${seconds}`, `--log-file=${log}`, header, url]);
  // Start in microseconds, status, duration in microseconds.
  const lines = readFileSync(log, "utf8").trim().split("\n");
  const answers = lines.map((line) => line.split("\t").map(Number));
  if (answers.some(([, status]) => status !== 200)) throw new Error(`requests to ${url} failed`);
  return answers.map(([, , duration = 0]) => duration / 1000).toSorted((a, b) => a - b);
}

/** One request, whatever comes of it, by the first rule. */
export async function ask({ origin }: Server, shape: Shape): Promise<void> {
  const [target = "/"] = targetsOf(shape, [0]);
  const response = await fetch(origin + target, { headers: { [tenantHeader.name]: tenantHeader.value } });
  await response.arrayBuffer();
}
