/** Memory of a proxy under load for a long time: a leak is a slope, whatever the level. */
import type { Settings } from "./figure.ts";
import { attach } from "./runtime/inspector.ts";
import { ask, saturate } from "./runtime/load.ts";
import { residentMiB } from "./runtime/process.ts";
import { collector, upstreamPort } from "./runtime/upstream.ts";
import { startProxy } from "./runtime/workerd.ts";
import { type Shape, snapshotOf, spread, targetsOf } from "./snapshots.ts";

export interface Soak {
  readonly minutes: number;
  readonly requests: number;
  /** Of the second half of the time. */
  readonly heapMiBPerMinute: number;
  readonly residentMiBPerMinute: number;
  readonly heapMiB: number;
}

const shape: Shape = { rules: 1_000, endpoints: 100, kind: "mixed", port: upstreamPort, samplingRatio: 0.1 };
const connections = 16;
const sampleSeconds = 10;

interface Sample {
  readonly minute: number;
  readonly heap: number;
  readonly resident: number;
}

export async function soak(minutes: number, { progress }: Pick<Settings, "progress">): Promise<Soak> {
  const server = await startProxy({ snapshot: snapshotOf(shape), collector, inspector: true, configRefreshMs: 1_000 });
  const inspector = await attach(server, "proxy", () => ask(server, shape));
  const targets = targetsOf(shape, spread(shape, 333));
  const samples: Sample[] = [];
  let requests = 0;
  for (let at = 0; at < (minutes * 60) / sampleSeconds; at++) {
    const { requestsPerSecond } = await saturate({ origin: server.origin, connections, seconds: sampleSeconds, targets });
    requests += requestsPerSecond * sampleSeconds;
    const sample = {
      minute: ((at + 1) * sampleSeconds) / 60,
      heap: (await inspector.heapBytes()) / 2 ** 20,
      resident: residentMiB(server.process),
    };
    samples.push(sample);
    progress(`${sample.minute.toFixed(1)} min: heap ${sample.heap.toFixed(2)} MiB, resident ${sample.resident.toFixed(0)} MiB`);
  }
  inspector.close();
  await server.stop();
  const later = samples.slice(samples.length >> 1);
  return {
    minutes,
    requests: Math.round(requests),
    heapMiBPerMinute: slope(later.map(({ minute, heap }) => [minute, heap])),
    residentMiBPerMinute: slope(later.map(({ minute, resident }) => [minute, resident])),
    heapMiB: later.at(-1)?.heap ?? Number.NaN,
  };
}

/** Least squares. */
function slope(points: readonly (readonly [number, number])[]): number {
  const mean = (place: 0 | 1): number => points.reduce((sum, point) => sum + point[place], 0) / points.length;
  const [x, y] = [mean(0), mean(1)];
  const above = points.reduce((sum, point) => sum + (point[0] - x) * (point[1] - y), 0);
  const below = points.reduce((sum, point) => sum + (point[0] - x) ** 2, 0);
  return above / below;
}
