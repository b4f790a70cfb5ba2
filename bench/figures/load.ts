/** What a proxy does with the bytes of a snapshot before it is in force, against the least that could be done with them. */
import { readSnapshot, writeSnapshot } from "#ir/codec.ts";
import { compileSnapshot } from "#proxy/match/compile.ts";
import { alternate, type Figure, measured, median, ratios, type Result, type Settings } from "../figure.ts";
import { snapshotOf } from "../snapshots.ts";

const figure: Figure = {
  name: "snapshot of 10,000 rules and endpoints: verify and index ÷ JSON.parse",
  key: "load",
  bound: "at most",
  must: 3,
  aim: 1.5,
  unit: "×",
};

export const figures = [figure];

const rounds = 15;

export async function measureLoad({ progress }: Settings): Promise<Result[]> {
  progress("loading a snapshot");
  const bytes = writeSnapshot(snapshotOf({ rules: 10_000, endpoints: 10_000, kind: "mixed", port: 80, samplingRatio: 0 }));
  const text = new TextDecoder().decode(bytes);
  const times = await alternate(rounds, {
    load: () =>
      milliseconds(() => {
        const read = readSnapshot(bytes);
        if ("error" in read) throw new Error(read.error);
        const result = compileSnapshot(read.snapshot);
        if ("error" in result) throw new Error(result.error);
      }),
    parse: () => milliseconds(() => void JSON.parse(text)),
  });
  const detail = `${median(times.load).toFixed(1)} ms ÷ ${median(times.parse).toFixed(1)} ms, ${(bytes.length / 2 ** 20).toFixed(1)} MiB`;
  return [measured(figure, ratios(times.load, times.parse), detail)];
}

function milliseconds(work: () => void): number {
  const start = performance.now();
  work();
  return performance.now() - start;
}
