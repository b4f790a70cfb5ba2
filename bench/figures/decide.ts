/** How much longer a decision takes when there are a thousand times as many rules. */
import { compileSnapshot, type CompiledSnapshot } from "#proxy/match/compile.ts";
import { decide } from "#proxy/filters/decide.ts";
import type { RequestView } from "#proxy/match/request.ts";
import { alternate, type Figure, measured, median, ratios, type Result, type Settings } from "../figure.ts";
import { type Shape, snapshotOf, spread, targetsOf, tenantHeader } from "../snapshots.ts";

const figure: Figure = { name: "decide() with 100,000 rules ÷ 100 rules", key: "decide", bound: "at most", must: 2, aim: 1.3, unit: "×" };

export const figures = [figure];

const rounds = 25;
const repetitions = 400;

export async function measureDecide({ progress }: Settings): Promise<Result[]> {
  progress("decisions");
  const few = sideOf(100);
  const many = sideOf(100_000);
  const times = await alternate(rounds, { few: () => nanoseconds(few), many: () => nanoseconds(many) });
  const detail = `${Math.round(median(times.many))} ns ÷ ${Math.round(median(times.few))} ns`;
  return [measured(figure, ratios(times.many, times.few), detail)];
}

interface Side {
  readonly compiled: CompiledSnapshot;
  readonly views: readonly RequestView[];
}

/** The same number of different requests for each, spread over all rules. */
function sideOf(rules: number): Side {
  const shape: Shape = { rules, endpoints: 10, kind: "mixed", port: 80, samplingRatio: 0 };
  const result = compileSnapshot(snapshotOf(shape));
  if ("error" in result) throw new Error(result.error);
  return { compiled: result.compiled, views: targetsOf(shape, spread(shape, 99)).map(viewOf) };
}

const headers = new Map<string, string>([[tenantHeader.name, tenantHeader.value]]);

function viewOf(target: string): RequestView {
  const get = (name: string): string | null => headers.get(name) ?? null;
  return { method: "GET", scheme: "http", authority: "cart.shop.mesh", target, headers: { get } };
}

/** Of one decision. */
function nanoseconds({ compiled, views }: Side): number {
  const start = performance.now();
  for (let repetition = 0; repetition < repetitions; repetition++) {
    for (const view of views) if (decide(compiled, view).kind !== "route") throw new Error(`no rule takes ${view.target}`);
  }
  return ((performance.now() - start) / (repetitions * views.length)) * 1e6;
}
