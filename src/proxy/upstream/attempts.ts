import type { Clock } from "#base/clock.ts";
import type { Random } from "#base/random.ts";
import type { HedgePolicy, RetryPolicy } from "#ir/route.ts";
import type { Preference, Target } from "../balance/balancer.ts";
import type { ClusterState } from "../balance/clusters.ts";
import type { AttemptEnd } from "../balance/stats.ts";
import { type AttemptResult, startAttempt } from "./attempt.ts";
import type { RequestBody } from "./body.ts";
import type { HeadSlots } from "./head-slots.ts";
import type { Lifetime } from "./lifetime.ts";
import type { SigningKeys } from "./signing.ts";
import type { FetchFor, FetchLike } from "./transport.ts";

/** The attempts of one request: each is admitted by the cluster's state, sent, and accounted for. */

/** A request that goes to a backend service, all its attempts together. */
export interface Call {
  readonly state: ClusterState;
  /** What the choice of an instance goes by. */
  readonly preference: Preference;
  readonly method: string;
  readonly path: string;
  readonly headers: Headers;
  readonly body: RequestBody;
  /** The caller's request, where its body can only travel within it (`isCarried`). */
  readonly carrier?: Request;
  readonly retry?: RetryPolicy;
  readonly hedge?: HedgePolicy;
  /** Those of `state.inboundKeys`; absent where there are none. */
  readonly signingKeys?: SigningKeys;
}

export interface CallDependencies {
  readonly fetchFor: FetchFor;
  readonly lifetime: Lifetime;
  readonly clock: Clock;
  readonly random: Random;
  /** Of the whole request: attempts, hedges and the mirror share them. */
  readonly slots: HeadSlots;
  /** Called before each attempt, which it may give headers of its own; what it returns is told how the attempt ended. */
  readonly observe: (target: Target, attempt: number) => (result: AttemptResult) => void;
}

/** An attempt that was sent. */
export interface Sent {
  readonly target: Target;
  /** Never rejects. `ended` is accounted for already; whoever gets another result calls `over` when its body is through. */
  readonly result: Promise<AttemptResult>;
  /** Gives it up. */
  readonly stop: () => void;
  /** It occupies its instance no longer. Once is enough, more do no harm. */
  over(): void;
}

/**
 * `none`: no instance is there to be asked; `ended`: the request's time was over first; `overflow`: limits are in the way; `transport`: the
 * instance is reached in a way that this proxy was not given.
 */
export interface Refusal {
  readonly refused: "none" | "ended" | "overflow" | "transport";
}

export class Attempts {
  readonly #call: Call;
  readonly #dependencies: CallDependencies;
  readonly #tried = new Set<string>();
  #sent = 0;

  constructor(call: Call, dependencies: CallDependencies) {
    this.#call = call;
    this.#dependencies = dependencies;
  }

  /** How many were sent. */
  get sent(): number {
    return this.#sent;
  }

  get lifetime(): Lifetime {
    return this.#dependencies.lifetime;
  }

  /** Sends one more, to an instance that none of them went to while there is such a one. */
  async send(): Promise<Sent | Refusal> {
    const { lifetime, slots } = this.#dependencies;
    const { state, preference } = this.#call;
    const leaveSlot = slots.take();
    if (!leaveSlot) return { refused: "overflow" };
    const admission = await state.admit({ ...preference, tried: this.#tried }, lifetime);
    if (admission.kind !== "admitted") {
      leaveSlot();
      return { refused: admission.kind };
    }
    const { target } = admission;
    const fetchUpstream = this.#dependencies.fetchFor(target.isTunneled ? "tunnel" : state.cluster.transport);
    if (fetchUpstream) return this.#start(target, { fetchUpstream, leaveSlot });
    leaveSlot();
    state.answered(target, { kind: "abandoned" }, 0);
    state.ended(target);
    return { refused: "transport" };
  }

  #start(target: Target, { fetchUpstream, leaveSlot }: { readonly fetchUpstream: FetchLike; readonly leaveSlot: () => void }): Sent {
    const { clock, lifetime, observe, random } = this.#dependencies;
    const { state, method, path, headers, body, carrier, retry, signingKeys } = this.#call;
    const key = target.inboundKey === undefined ? undefined : signingKeys?.get(target.inboundKey);
    this.#tried.add(target.key);
    const observed = observe(target, this.#sent++);
    const startedAtMs = clock.now();
    const attempt = {
      cluster: state.cluster,
      target,
      path,
      method,
      headers,
      body,
      ...(carrier && { carrier }),
      ...(key && { signing: { key, clock, random } }),
      ...(retry?.perTryTimeoutMs !== undefined && { perTryTimeoutMs: retry.perTryTimeoutMs }),
    };
    const { result, stop } = startAttempt(fetchUpstream, attempt, lifetime);
    let isOver = false;
    const over = (): void => {
      if (!isOver) state.ended(target);
      isOver = true;
    };
    const settled = result.then((how) => {
      leaveSlot();
      lifetime.moved();
      state.answered(target, endOf(how, lifetime), clock.now() - startedAtMs);
      if (how.kind === "ended") over();
      observed(how);
      return how;
    });
    return { target, result: settled, stop, over };
  }
}

/** An instance that the route's timeout gave up has failed (Envoy: local origin timeout); what ends otherwise says nothing of it. */
function endOf(result: AttemptResult, { ended }: Lifetime): AttemptEnd {
  switch (result.kind) {
    case "response":
      return result;
    case "failure":
      return { kind: "failure" };
    case "ended":
      return { kind: ended === "timeout" ? "failure" : "abandoned" };
  }
}
