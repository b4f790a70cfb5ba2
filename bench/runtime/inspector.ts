/** workerd's inspector (Chrome's DevTools protocol): what an isolate's memory holds and where its time goes. */
import type { Server } from "./workerd.ts";

export interface Inspector {
  /** Bytes of the JavaScript heap in use after a full collection. */
  heapBytes(): Promise<number>;
  /** Runs `work` and gives each function's own share of the time, the largest first. */
  profile(work: () => Promise<unknown>): Promise<readonly Share[]>;
  close(): void;
}

export interface Share {
  /** Function and line of the bundle. */
  readonly where: string;
  readonly percent: number;
}

interface CpuProfile {
  readonly nodes: readonly { readonly id: number; readonly callFrame: { functionName: string; url: string; lineNumber: number } }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

const wakeMs = 100;

/**
 * Attaches to the isolate of a Worker, before its first request. workerd hands on to an isolate what the inspector says when the isolate has
 * something to do: `wake` sends it a request.
 */
export async function attach({ inspector: origin = "" }: Server, worker: string, wake: () => Promise<unknown>): Promise<Inspector> {
  const socket = new WebSocket(`${origin.replace("http:", "ws:")}/${worker}`);
  await new Promise((resolve, reject) => {
    socket.addEventListener("open", resolve);
    socket.addEventListener("error", () => reject(new Error(`no inspector of ${worker} at ${origin}`)));
  });
  const waiting = new Map<number, (result: unknown) => void>();
  socket.addEventListener("message", ({ data }) => {
    const { id, result } = JSON.parse(String(data)) as { id?: number; result?: unknown };
    if (id !== undefined) waiting.get(id)?.(result);
  });
  let calls = 0;
  const call = async <T>(method: string, params: object = {}): Promise<T> => {
    const id = ++calls;
    const answer = new Promise((resolve) => waiting.set(id, resolve));
    socket.send(JSON.stringify({ id, method, params }));
    const timer = setInterval(() => void wake().catch(() => undefined), wakeMs);
    return (await answer.finally(() => clearInterval(timer))) as T;
  };
  return {
    heapBytes: async () => {
      await call("HeapProfiler.collectGarbage");
      return (await call<{ usedSize: number }>("Runtime.getHeapUsage")).usedSize;
    },
    profile: async (work) => {
      await call("Profiler.enable");
      await call("Profiler.setSamplingInterval", { interval: 200 });
      await call("Profiler.start");
      await work();
      return sharesOf((await call<{ profile: CpuProfile }>("Profiler.stop")).profile);
    },
    close: () => socket.close(),
  };
}

function sharesOf({ nodes, samples, timeDeltas }: CpuProfile): Share[] {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const totals = new Map<string, number>();
  let all = 0;
  for (const [at, sample] of samples.entries()) {
    const frame = frames.get(sample);
    const time = timeDeltas[at] ?? 0;
    if (!frame || frame.functionName === "(idle)") continue;
    const where = `${frame.functionName || "(anonymous)"}:${frame.lineNumber + 1}`;
    totals.set(where, (totals.get(where) ?? 0) + time);
    all += time;
  }
  return [...totals].map(([where, time]) => ({ where, percent: (100 * time) / all })).toSorted((a, b) => b.percent - a.percent);
}
