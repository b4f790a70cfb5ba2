/**
 * `npm run bench`: the figures that the proxy promises, each a ratio within one run. Status 1 when one misses what it must reach.
 * Options behind `--`: `--json`, `--only KEY[,KEY]`, `--rounds N`, `--seconds N`, `--soak MINUTES`, `--profile`.
 */
import { arch, cpus, release, totalmem } from "node:os";
import { parseArgs } from "node:util";
import { type Figure, holds, type Result, type Settings } from "./figure.ts";
import * as decide from "./figures/decide.ts";
import * as edit from "./figures/edit.ts";
import * as load from "./figures/load.ts";
import * as memory from "./figures/memory.ts";
import * as peers from "./figures/peers.ts";
import * as throughput from "./figures/throughput.ts";
import * as tunnel from "./figures/tunnel.ts";
import { profile } from "./profile.ts";
import { type Program, table } from "./report.ts";
import { cleanUp, isInstalled } from "./runtime/process.ts";
import { startUpstream } from "./runtime/upstream.ts";
import { soak } from "./soak.ts";
import { measureSteady } from "./steady.ts";

interface Part {
  readonly figures: readonly Figure[];
  readonly measure: (settings: Settings) => Promise<Result[]>;
  /** Programs without which the figures cannot be measured. */
  readonly needs: readonly Program[];
}

const parts: readonly Part[] = [
  { figures: decide.figures, measure: decide.measureDecide, needs: [] },
  { figures: load.figures, measure: load.measureLoad, needs: [] },
  { figures: edit.figures, measure: edit.measureEdit, needs: [] },
  { figures: memory.figures, measure: memory.measureMemory, needs: ["nginx"] },
  { figures: throughput.figures, measure: throughput.measureThroughput, needs: ["wrk", "nginx"] },
  { figures: peers.figures, measure: peers.measurePeers, needs: ["wrk", "nginx"] },
  { figures: tunnel.figures, measure: tunnel.measureTunnel, needs: ["wrk", "nginx"] },
];

const { values: flags } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    only: { type: "string" },
    rounds: { type: "string", default: "5" },
    seconds: { type: "string", default: "3" },
    soak: { type: "string" },
    profile: { type: "boolean", default: false },
  },
});

const settings: Settings = {
  rounds: Number(flags.rounds),
  seconds: Number(flags.seconds),
  progress: (line) => process.stderr.write(`${line}\n`),
};
const only = flags.only?.split(",");

async function main(): Promise<number> {
  const missing = await missingPrograms();
  if (!missing.has("nginx")) await startUpstream();
  if (flags.soak !== undefined) return show(await soak(Number(flags.soak), settings));
  if (flags.profile) return show(await profile(settings));
  const results: Result[] = [];
  for (const part of parts) results.push(...(await measure(part, missing)));
  const wantsSteady = !only || only.includes("steady");
  const added = wantsSteady && missing.size === 0 ? await measureSteady(settings) : undefined;
  const machine = {
    cpus: cpus().length,
    model: cpus()[0]?.model,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    arch: arch(),
  };
  process.stdout.write(flags.json ? `${JSON.stringify({ machine, settings, results, added })}\n` : table(results, added));
  return results.every((result) => "skipped" in result || holds(result, "must")) ? 0 : 1;
}

async function missingPrograms(): Promise<Set<Program>> {
  const programs: Program[] = ["wrk", "nginx", "h2load"];
  const installed = await Promise.all(programs.map(isInstalled));
  return new Set(programs.filter((_, at) => installed[at] !== true));
}

async function measure(part: Part, missing: ReadonlySet<Program>): Promise<Result[]> {
  const wanted = part.figures.filter(({ key }) => !only || only.includes(key));
  if (wanted.length === 0) return [];
  const lacking = part.needs.filter((program) => missing.has(program));
  if (lacking.length > 0)
    return wanted.map((figure) => ({ figure, skipped: `needs ${lacking.join(" and ")} (apt-get install wrk nginx)` }));
  const results = await part.measure(settings);
  return results.filter(({ figure }) => wanted.some(({ key }) => key === figure.key));
}

function show(result: unknown): number {
  process.stdout.write(`${JSON.stringify(result, undefined, flags.json ? 0 : 2)}\n`);
  return 0;
}

for (const [signal, status] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const)
  process.once(signal, () => {
    cleanUp();
    process.exit(status);
  });
try {
  process.exitCode = await main();
} finally {
  cleanUp();
}
