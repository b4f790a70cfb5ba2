import type { Random } from "#base/random.ts";
import type { RetryPolicy } from "#ir/route.ts";
import type { Target } from "../balance/balancer.ts";
import type { ClusterState } from "../balance/clusters.ts";
import { type AttemptResult, discard, sendAttempt } from "./attempt.ts";
import type { RequestBody } from "./body.ts";
import type { Ending, Lifetime } from "./lifetime.ts";
import { backoffMs, isIdempotent, isRetriable, type Outcome } from "./retry.ts";
import type { Failure, FetchLike } from "./transport.ts";

/** A request that goes to a backend service, all its attempts together. */
export interface Call {
  readonly state: ClusterState;
  readonly method: string;
  readonly path: string;
  readonly headers: Headers;
  readonly body: RequestBody;
  readonly retry?: RetryPolicy;
}

export interface CallDependencies {
  readonly fetchUpstream: FetchLike;
  readonly lifetime: Lifetime;
  readonly random: Random;
  /** Called before each attempt, which it may give headers of its own; what it returns is told how the attempt ended. */
  readonly observe: (target: Target, attempt: number) => (result: AttemptResult) => void;
}

export type CallResult =
  | { readonly kind: "response"; readonly response: Response }
  | { readonly kind: "failure"; readonly failure: Failure; readonly target: Target }
  | { readonly kind: "ended"; readonly ending: Ending }
  | { readonly kind: "no-endpoint" };

/** Why another attempt is made. `reconnect` is not the user's retry: it counts neither against the policy nor against the budget. */
type Again = "retry" | "reconnect" | undefined;

/**
 * Sends attempts, one at a time and each to another endpoint while there are any, until one is not to be followed by another.
 * Without a policy that covers it, a lost connection is made up for once, where doing it twice is doing it once and the whole body can be
 * sent again: that keeps the death of an instance from being seen.
 */
export async function callUpstream(call: Call, dependencies: CallDependencies): Promise<CallResult> {
  const { state } = call;
  const { lifetime, random } = dependencies;
  const tried = new Set<string>();
  const leave = state.budget.enter();
  let leaveBudget: (() => void) | undefined;
  let retries = 0;
  let hasReconnected = false;
  try {
    for (let attempt = 0; ; attempt++) {
      if (lifetime.ended) return { kind: "ended", ending: lifetime.ended };
      const target = state.balancer.pick(tried);
      if (!target) return { kind: "no-endpoint" };
      tried.add(target.key);
      const result = await attemptOnce(call, dependencies, { target, attempt });
      leaveBudget?.();
      leaveBudget = undefined;
      if (result.kind === "ended") return { kind: "ended", ending: lifetime.ended ?? "client" };
      const again = nextStep(call, result, { retries, hasReconnected });
      if (again === "retry") leaveBudget = state.budget.retry();
      if (again === undefined || (again === "retry" && !leaveBudget)) return result.kind === "failure" ? { ...result, target } : result;
      if (result.kind === "response") discard(result.response);
      if (again === "reconnect") hasReconnected = true;
      else await lifetime.sleep(backoffMs(++retries, random));
    }
  } finally {
    leaveBudget?.();
    leave();
  }
}

async function attemptOnce(
  call: Call,
  dependencies: CallDependencies,
  { target, attempt }: { target: Target; attempt: number },
): Promise<AttemptResult> {
  const { fetchUpstream, lifetime, observe } = dependencies;
  const { state, method, path, headers, body, retry } = call;
  const done = observe(target, attempt);
  const perTry = retry?.perTryTimeoutMs === undefined ? {} : { perTryTimeoutMs: retry.perTryTimeoutMs };
  const request = { cluster: state.cluster, target, path, method, headers, body: body.forAttempt(), ...perTry };
  const result = await sendAttempt(fetchUpstream, request, lifetime);
  done(result);
  return result;
}

function nextStep(call: Call, result: Exclude<AttemptResult, { kind: "ended" }>, so: { retries: number; hasReconnected: boolean }): Again {
  const { retry, method, body } = call;
  if (!body.isReplayable) return undefined;
  const outcome: Outcome =
    result.kind === "failure" ? result : { kind: "response", status: result.response.status, headers: result.response.headers };
  if (retry && isRetriable(retry.conditions, outcome, method)) return so.retries < retry.retries ? "retry" : undefined;
  const isLost =
    outcome.kind === "failure" && (outcome.failure === "lost" || outcome.failure === "connect-failure" || outcome.failure === "reset");
  return isLost && isIdempotent(method) && !so.hasReconnected ? "reconnect" : undefined;
}
