import type { Random } from "#base/random.ts";
import type { RetryCondition } from "#ir/route.ts";
import type { Failure } from "./transport.ts";

/** When an attempt is made again: Google's `retryConditions`, which are Envoy's `retry_on`. */

/** How an attempt ended: with the head of a response, or without one. */
export type Outcome =
  | { readonly kind: "response"; readonly status: number; readonly headers: { get(name: string): string | null } }
  | { readonly kind: "failure"; readonly failure: Failure };

/** RFC 9110 9.2.2: doing it twice is doing it once. */
const idempotent = new Set(["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"]);

export function isIdempotent(method: string): boolean {
  return idempotent.has(method);
}

type Response = Extract<Outcome, { kind: "response" }>;

interface Coverage {
  readonly failure?: (failure: Failure, method: string) => boolean;
  readonly response?: (response: Response) => boolean;
}

/** No response at all: disconnected, reset, or no head in time. A local limit is none of these. */
const anyFailure = (failure: Failure): boolean => failure !== "overflow";
const grpcStatus = (code: string): Coverage => ({ response: ({ headers }) => headers.get("grpc-status") === code });

/**
 * Only `connect-failure` and `refused-stream` are promises that nothing was done. A lost connection that may have been a reset keeps the
 * promise of `connect-failure` for idempotent methods alone.
 */
const coverage: Readonly<Record<RetryCondition, Coverage>> = {
  "5xx": { failure: anyFailure, response: ({ status }) => status >= 500 && status <= 599 },
  "gateway-error": { failure: anyFailure, response: ({ status }) => status >= 502 && status <= 504 },
  reset: { failure: anyFailure },
  "connect-failure": { failure: (failure, method) => failure === "connect-failure" || (failure === "lost" && isIdempotent(method)) },
  "refused-stream": { failure: (failure) => failure === "refused-stream" },
  "retriable-4xx": { response: ({ status }) => status === 409 },
  cancelled: grpcStatus("1"),
  "deadline-exceeded": grpcStatus("4"),
  "resource-exhausted": grpcStatus("8"),
  internal: grpcStatus("13"),
  unavailable: grpcStatus("14"),
};

/**
 * Whether a policy with these conditions retries after this outcome. A configured policy holds for every method, as in Envoy and at Google:
 * who asks for retries on `5xx` or `reset` accepts that a POST may be done twice.
 */
export function isRetriable(conditions: readonly RetryCondition[], outcome: Outcome, method: string): boolean {
  if (outcome.kind === "failure") return conditions.some((condition) => coverage[condition].failure?.(outcome.failure, method) ?? false);
  // Envoy: an upstream that says it limits the rate is not asked again.
  if (outcome.headers.get("x-envoy-ratelimited") !== null) return false;
  return conditions.some((condition) => coverage[condition].response?.(outcome) ?? false);
}

const backoffBaseMs = 25;
const backoffCapMs = 250;

/** Milliseconds before the `retry`-th retry (from 1): exponential with full jitter, Envoy's defaults. */
export function backoffMs(retry: number, random: Random): number {
  return random.float() * Math.min(backoffCapMs, backoffBaseMs * 2 ** (retry - 1));
}

/** Longer than this nobody is made to wait (Envoy: `rate_limited_retry_back_off.max_interval`). */
const longestWaitMs = 300_000;

/** The statuses with which `Retry-After` speaks of the request itself (RFC 9110 10.2.3; RFC 6585 4). */
const waitable: ReadonlySet<number> = new Set([429, 503]);

/**
 * How long an answer asks to wait before the next attempt, in milliseconds: its `Retry-After`, in seconds or as a date. 0 when it does not
 * ask, undefined when it asks for longer than `remainingMs` or five minutes: then there is no use in trying again.
 */
export function retryAfterMs(outcome: Outcome, { now, remainingMs }: { now: number; remainingMs: number }): number | undefined {
  if (outcome.kind === "failure" || !waitable.has(outcome.status)) return 0;
  const text = outcome.headers.get("retry-after");
  if (text === null) return 0;
  const asked = /^\d{1,9}$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - now;
  if (Number.isNaN(asked)) return 0;
  return asked > Math.min(remainingMs, longestWaitMs) ? undefined : Math.max(0, asked);
}
