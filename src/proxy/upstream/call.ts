import type { Target } from "../balance/balancer.ts";
import { type Answer, type AttemptResult, discard } from "./attempt.ts";
import { Attempts, type Call, type CallDependencies, type Refusal, type Sent } from "./attempts.ts";
import { hedged } from "./hedge.ts";
import type { Ending, Lifetime } from "./lifetime.ts";
import { backoffMs, isIdempotent, isRetriable, retryAfterMs } from "./retry.ts";
import type { Failure } from "./transport.ts";

/** An upstream's answer. Whoever has it calls `over` when its body is through, or `discard`. */
export interface Answered extends Answer {
  readonly target: Target;
  over(): void;
  /** Lets go of it unread. */
  discard(): void;
}

export type CallResult =
  | Answered
  | { readonly kind: "failure"; readonly failure: Failure; readonly target: Target }
  | { readonly kind: "ended"; readonly ending: Ending }
  /** The circuit breakers allow no attempt. */
  | { readonly kind: "overflow" }
  /** The instance is reached in a way that this proxy was not given. */
  | { readonly kind: "no-transport" }
  | { readonly kind: "no-endpoint" };

/** Why another attempt is made. `reconnect` is not the user's retry: it counts neither against the policy nor against the budget. */
type Again = { readonly kind: "reconnect" } | { readonly kind: "retry"; readonly waitMs: number; readonly leave: () => void };

/**
 * Sends attempts, each to another endpoint while there are any, until one is not to be followed by another: one at a time, or beside each
 * other where the route hedges. Without a policy that covers it, a lost connection is made up for once, where doing it twice is doing it once
 * and the whole body can be sent again: that keeps the death of an instance from being seen.
 */
export async function callUpstream(call: Call, dependencies: CallDependencies): Promise<CallResult> {
  const { state, headers, hedge, method } = call;
  const { lifetime } = dependencies;
  const attempts = new Attempts(call, dependencies);
  // Two conversations would be two conversations.
  const mayHedge = hedge !== undefined && isIdempotent(method) && !headers.has("upgrade");
  const so = { retries: 0, hasReconnected: false };
  const leave = state.budget.enter();
  let leaveBudget: (() => void) | undefined;
  try {
    for (;;) {
      if (lifetime.ended) return { kind: "ended", ending: lifetime.ended };
      const first = await attempts.send();
      if ("refused" in first) return refusedResult(first, lifetime);
      const isFinal = (result: AttemptResult): boolean => result.kind === "response" && !isCovered(call, result);
      const { sent, result } = mayHedge
        ? await hedged({ attempts, first, hedge, call, isFinal })
        : { sent: first, result: await first.result };
      leaveBudget?.();
      leaveBudget = undefined;
      if (result.kind === "ended") return { kind: "ended", ending: lifetime.ended ?? "client" };
      const again = nextStep(call, result, { ...so, ...dependencies });
      if (again === undefined) return finished(sent, result);
      letGo(sent, result);
      if (again.kind === "reconnect") so.hasReconnected = true;
      else {
        so.retries += 1;
        leaveBudget = again.leave;
        await lifetime.sleep(again.waitMs);
      }
    }
  } finally {
    leaveBudget?.();
    leave();
  }
}

type Settled = Exclude<AttemptResult, { kind: "ended" }>;

interface Standing extends Pick<CallDependencies, "lifetime" | "clock" | "random"> {
  readonly retries: number;
  readonly hasReconnected: boolean;
}

/** Undefined: what there is must do. */
function nextStep(call: Call, result: Settled, standing: Standing): Again | undefined {
  const { retry, method, body, state } = call;
  if (!body.isReplayable) return undefined;
  if (isCovered(call, result)) {
    const { retries, lifetime, clock, random } = standing;
    const asked = retryAfterMs(result, { now: clock.now(), remainingMs: lifetime.remainingMs });
    if (asked === undefined || retries >= (retry?.retries ?? 0)) return undefined;
    const leave = state.budget.retry();
    return leave && { kind: "retry", waitMs: Math.max(asked, backoffMs(retries + 1, random)), leave };
  }
  const isLost =
    result.kind === "failure" && (result.failure === "lost" || result.failure === "connect-failure" || result.failure === "reset");
  return isLost && isIdempotent(method) && !standing.hasReconnected ? { kind: "reconnect" } : undefined;
}

/** Whether the retry policy has a condition for it. */
function isCovered({ retry, method }: Call, result: Settled): boolean {
  return retry !== undefined && isRetriable(retry.conditions, result, method);
}

function refusedResult({ refused }: Refusal, { ended }: Lifetime): CallResult {
  switch (refused) {
    case "overflow":
      return { kind: "overflow" };
    case "transport":
      return { kind: "no-transport" };
    case "none":
      return { kind: "no-endpoint" };
    case "ended":
      return { kind: "ended", ending: ended ?? "client" };
  }
}

function finished(sent: Sent, result: Settled): CallResult {
  const { target } = sent;
  if (result.kind === "failure") {
    sent.over();
    return { ...result, target };
  }
  return { ...result, target, over: () => sent.over(), discard: () => letGo(sent, result) };
}

/** Lets go of a result that nobody will see. */
function letGo(sent: Sent, result: AttemptResult): void {
  if (result.kind === "response") discard(result.response);
  sent.over();
}
