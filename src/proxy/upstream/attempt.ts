import { messageOf } from "#base/errors.ts";
import type { Cluster } from "#ir/cluster.ts";
import { type Survey, surveyOf } from "#proxy/filters/survey.ts";
import type { Target } from "../balance/balancer.ts";
import type { RequestBody } from "./body.ts";
import type { Lifetime } from "./lifetime.ts";
import { type Failure, failureOfError, failureOfStatus, type FetchLike, urlOf } from "./transport.ts";

/** One request to one endpoint. */
export interface Attempt {
  readonly cluster: Cluster;
  readonly target: Target;
  /** Path and query. */
  readonly path: string;
  readonly method: string;
  readonly headers: Headers;
  readonly body: RequestBody;
  /** The caller's request, where its body can only travel within it (`isCarried`). */
  readonly carrier?: Request;
  /** Time for the head of the response, in milliseconds, from when the whole request is there; 0 or absent: none. */
  readonly perTryTimeoutMs?: number;
}

/** The head of a response is there, and taken out of the runtime. */
export interface Answer {
  readonly kind: "response";
  readonly response: Response;
  readonly status: number;
  readonly headers: Survey;
}

/** `ended`: the request's lifetime was over, another attempt was faster, or this one could not keep up with the request's body. */
export type AttemptResult = Answer | { readonly kind: "failure"; readonly failure: Failure } | { readonly kind: "ended" };

/** An attempt that is under way. */
export interface Running {
  /** Never rejects. */
  readonly result: Promise<AttemptResult>;
  /** Gives the attempt up, or the body of its response. */
  readonly stop: () => void;
}

/**
 * Sends one attempt. `result` comes with the head of its response; from then on the per-try timeout counts no more (Envoy's
 * `per_try_timeout`), while `lifetime` goes on to bound the body.
 */
export function startAttempt(fetchUpstream: FetchLike, attempt: Attempt, lifetime: Lifetime): Running {
  const stopper = new Stopper();
  lifetime.watch(stopper.stop);
  return { result: resultOf({ fetchUpstream, attempt, lifetime, stopper }), stop: stopper.stop };
}

class Stopper {
  readonly #controller = new AbortController();
  #isLate = false;

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Its own time was over, which is a failure of the instance. */
  get isLate(): boolean {
    return this.#isLate;
  }

  readonly stop = (): void => this.#controller.abort();

  late(): void {
    this.#isLate = true;
    this.stop();
  }
}

interface Sending {
  readonly fetchUpstream: FetchLike;
  readonly attempt: Attempt;
  readonly lifetime: Lifetime;
  readonly stopper: Stopper;
}

async function resultOf(sending: Sending): Promise<AttemptResult> {
  const { attempt, lifetime, stopper } = sending;
  const { signal, stop } = stopper;
  const stopPerTry = startPerTry(attempt.perTryTimeoutMs, lifetime, stopper);
  let result: AttemptResult;
  try {
    const response = await send(sending);
    const { status, headers } = response;
    const failure = failureOfStatus(attempt.cluster.transport, status);
    if (signal.aborted) result = stoppedResult(stopper);
    else if (failure !== undefined) result = { kind: "failure", failure };
    else result = { kind: "response", response, status, headers: surveyOf(headers) };
    if (result.kind !== "response") discard(response);
  } catch (thrown) {
    result = signal.aborted ? stoppedResult(stopper) : { kind: "failure", failure: failureOfError(messageOf(thrown)) };
  }
  stopPerTry();
  if (result.kind !== "response") lifetime.unwatch(stop);
  return result;
}

function send({ fetchUpstream, attempt, stopper }: Sending): Promise<Response> {
  const { cluster, target, path, method, headers, body, carrier } = attempt;
  const { signal, stop } = stopper;
  const url = urlOf(cluster, target, path);
  const init = { headers, redirect: "manual", signal, encodeResponseBody: "manual" } as const;
  if (carrier) return fetchUpstream(new Request(url, carrier), init);
  return fetchUpstream(url, { ...init, method, body: body.forAttempt(stop) });
}

function stoppedResult({ isLate }: Stopper): AttemptResult {
  return isLate ? { kind: "failure", failure: "timeout" } : { kind: "ended" };
}

function startPerTry(milliseconds: number | undefined, lifetime: Lifetime, stopper: Stopper): () => void {
  if (!milliseconds) return () => undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isOver = false;
  lifetime.whenSent(() => {
    if (!isOver) timer = setTimeout(() => stopper.late(), milliseconds);
  });
  return () => {
    isOver = true;
    if (timer !== undefined) clearTimeout(timer);
  };
}

/** Lets go of a response whose body nobody will read, and so of its connection. */
export function discard(response: Response): void {
  response.body?.cancel().catch(() => undefined);
}
