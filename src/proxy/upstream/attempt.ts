import { messageOf } from "#base/errors.ts";
import type { Cluster } from "#ir/cluster.ts";
import type { Target } from "../balance/balancer.ts";
import type { Lifetime } from "./lifetime.ts";
import { type Failure, failureOfError, failureOfStatus, type FetchInit, type FetchLike, urlOf } from "./transport.ts";

/** One request to one endpoint. */
export interface Attempt {
  readonly cluster: Cluster;
  readonly target: Target;
  /** Path and query. */
  readonly path: string;
  readonly method: string;
  readonly headers: Headers;
  readonly body: FetchInit["body"];
  /** Time for the head of the response, in milliseconds. */
  readonly perTryTimeoutMs?: number;
}

/** `ended`: the request's lifetime was over first. */
export type AttemptResult =
  | { readonly kind: "response"; readonly response: Response }
  | { readonly kind: "failure"; readonly failure: Failure }
  | { readonly kind: "ended" };

/**
 * Sends one attempt and waits for the head of its response. Once that is there the per-try timeout no longer counts (Envoy's
 * `per_try_timeout`), while `lifetime` goes on to bound the body.
 */
export async function sendAttempt(fetchUpstream: FetchLike, attempt: Attempt, lifetime: Lifetime): Promise<AttemptResult> {
  const { cluster, target, path, method, headers, body, perTryTimeoutMs } = attempt;
  const controller = new AbortController();
  let isLate = false;
  const stop = (): void => controller.abort();
  const timer = perTryTimeoutMs && setTimeout(() => ((isLate = true), stop()), perTryTimeoutMs);
  lifetime.watch(stop);
  try {
    const init = { method, headers, body, redirect: "manual", signal: controller.signal, encodeResponseBody: "manual" } as const;
    const response = await fetchUpstream(urlOf(cluster, target, path), init);
    const failure = failureOfStatus(cluster.transport, response.status);
    if (failure === undefined) return { kind: "response", response };
    discard(response);
    return { kind: "failure", failure };
  } catch (thrown) {
    if (lifetime.ended) return { kind: "ended" };
    return { kind: "failure", failure: isLate ? "timeout" : failureOfError(messageOf(thrown)) };
  } finally {
    if (timer) clearTimeout(timer);
  }
}

/** Lets go of a response whose body nobody will read, and so of its connection. */
export function discard(response: Response): void {
  response.body?.cancel().catch(() => undefined);
}
