import type { ScaledGroup } from "#instances/scale/plan.ts";
import { noScaling, planScaling, type ScalingState } from "#instances/scale/plan.ts";
import { addCpuSample, addSignals } from "#instances/scale/samples.ts";
import type { AutoscalingSpec, ScalingReport, Signals } from "#instances/scale/spec.ts";

export function policy(changes: Partial<AutoscalingSpec> = {}): AutoscalingSpec {
  return { mode: "ON", min: 1, max: 10, coolDownMs: 0, stabilizationMs: 600_000, metrics: [], schedules: [], ...changes };
}

export const byCpu = { cpu: { target: 0.6 } };

export function byRate(perInstance: number, target = 0.8): Pick<AutoscalingSpec, "loadBalancing"> {
  return {
    loadBalancing: { target, backends: [{ backendService: "global/backendServices/web", capacity: { kind: "RATE", perInstance } }] },
  };
}

/** A group on a manual clock whose size follows its autoscaler, as the Project object would have it. */
export class ScaledWorld {
  now = 1_800_000_000_000;
  state: ScalingState = noScaling;
  spec: AutoscalingSpec;
  size: number;
  /** Every size that the group had, in their order. */
  readonly sizes: number[];
  /** CPUs that each instance uses, by its index and the size. */
  use: (index: number, size: number) => number = () => 0;
  /** Instances that have not cooled down. */
  starting = 0;
  cpus = 1;
  signals: () => Signals = () => ({});
  #next = 0;
  readonly #used = new Map<string, number>();
  #ids: string[] = [];

  constructor(size: number, spec: AutoscalingSpec) {
    this.size = size;
    this.sizes = [size];
    this.spec = spec;
    this.#resize(size);
  }

  get group(): ScaledGroup {
    return {
      spec: this.spec,
      size: this.size,
      allUnhealthy: false,
      workers: this.#ids.map((id, index) => ({ id, cpus: this.cpus, initialized: index < this.size - this.starting })),
      initializedAtMs: Number.POSITIVE_INFINITY,
    };
  }

  /** Lets time pass in steps, figures coming in and sizes being carried out with each. Returns the last answer. */
  pass(ms: number, stepMs = 5_000): ScalingReport {
    const endMs = this.now + ms;
    while (this.now < endMs) {
      const elapsedMs = Math.min(stepMs, endMs - this.now);
      this.now += elapsedMs;
      this.#measure(elapsedMs);
      this.plan();
    }
    return this.plan();
  }

  plan(): ScalingReport {
    const { state } = planScaling(this.state, this.group, this.now);
    this.state = state;
    const { recommendedSize } = state.report;
    const { mode } = this.spec;
    if (mode === "ON" || (mode !== "OFF" && recommendedSize > this.size)) this.#resize(recommendedSize);
    return state.report;
  }

  #measure(stepMs: number): void {
    for (const [index, id] of this.#ids.entries()) {
      const cpuSeconds = (this.#used.get(id) ?? 0) + (this.use(index, this.size) * stepMs) / 1000;
      this.#used.set(id, cpuSeconds);
      this.state = { ...this.state, samples: addCpuSample(this.state.samples, { id, atMs: this.now, cpuSeconds }) };
    }
    this.state = { ...this.state, samples: addSignals(this.state.samples, this.signals(), this.now) };
  }

  #resize(size: number): void {
    while (this.#ids.length < size) this.#ids.push(String(++this.#next));
    this.#ids = this.#ids.slice(0, size);
    if (size === this.size) return;
    this.size = size;
    this.sizes.push(size);
  }
}
