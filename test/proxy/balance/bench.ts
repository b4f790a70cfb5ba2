/** A backend service's state without anything around it: tests say what each attempt came to, and when. */
import { seededRandom } from "#base/random.ts";
import type { Cluster, OutlierDetection } from "#ir/cluster.ts";
import type { PickRequest, Target } from "#proxy/balance/balancer.ts";
import { type ClusterState, ClusterStates } from "#proxy/balance/clusters.ts";
import type { AttemptEnd } from "#proxy/balance/stats.ts";
import { endpoint, ManualClock } from "../fixture.ts";

export const fresh: PickRequest = { tried: new Set() };
export const patient = { ended: undefined, sleep: () => new Promise<void>(() => undefined) };
export const ok: AttemptEnd = { kind: "response", status: 200, headers: new Headers() };
export const failed: AttemptEnd = { kind: "response", status: 500, headers: new Headers() };

export const detection: OutlierDetection = {
  intervalMs: 1000,
  baseEjectionMs: 30_000,
  maxEjectionMs: 300_000,
  maxEjectionPercent: 50,
  consecutiveErrors: 5,
  enforcingConsecutiveErrors: 100,
  consecutiveGatewayFailure: 5,
  enforcingConsecutiveGatewayFailure: 100,
  enforcingSuccessRate: 0,
  successRateMinimumHosts: 5,
  successRateRequestVolume: 100,
  successRateStdevFactor: 1900,
};

export const vms = (name: string, count: number, health: "HEALTHY" | "UNHEALTHY" = "HEALTHY") =>
  Array.from({ length: count }, (_, index) => endpoint(`${name}-${index}`, `10.0.0.${index}`, { health }));

/** A proxy's memory of one backend service, which tests drive attempt by attempt. */
export class Bench {
  readonly clock = new ManualClock();
  readonly #states = new ClusterStates(seededRandom(7), this.clock);
  #clusters: ReadonlyMap<string, Cluster>;

  constructor(given: Cluster) {
    this.#clusters = new Map([["c", given]]);
  }

  get state(): ClusterState {
    const state = this.#states.of(this.#clusters, "c");
    if (!state) throw new Error("no state");
    return state;
  }

  configure(given: Cluster): void {
    this.#clusters = new Map([["c", given]]);
  }

  /** What comes of the attempt at once: the instance, or why there is none. */
  begin(request: PickRequest = fresh): { name: string; end: (how?: AttemptEnd) => void } {
    const { state } = this;
    const admission = state.admit(request, patient);
    if (admission instanceof Promise) throw new Error("it waits");
    if (admission.kind !== "admitted") return { name: admission.kind, end: () => undefined };
    return { name: admission.target.endpoint.instance, end: (how = ok) => finish(state, admission.target, how) };
  }

  /** So many requests, one after the other, with how many each instance got. */
  run(count: number, how: (name: string) => AttemptEnd = () => ok, pauseMs = 0): Record<string, number> {
    const seen: Record<string, number> = {};
    for (let request = 0; request < count; request++) {
      const { name, end } = this.begin();
      end(how(name));
      seen[name] = (seen[name] ?? 0) + 1;
      this.clock.nowMs += pauseMs;
    }
    return seen;
  }
}

function finish(state: ClusterState, target: Target, end: AttemptEnd): void {
  state.answered(target, end, 5);
  state.ended(target);
}
