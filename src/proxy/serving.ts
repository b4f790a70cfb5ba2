import { defaultMessageLimits, type MessageLimits } from "#ir/policy.ts";
import type { Decision } from "#proxy/filters/decision.ts";
import type { Chosen } from "#proxy/filters/header-actions/apply.ts";
import { describeRule } from "#proxy/match/describe.ts";
import { answer, type Explanation, type Reason } from "./answer.ts";
import type { ClusterState, ClusterStates } from "./balance/clusters.ts";
import type { Config } from "./config/keeper.ts";
import type { RateLimiter } from "./rate-limiter.ts";
import type { RequestRecorder } from "./recorder.ts";
import type { Arrived } from "./request-view.ts";
import type { BodyEnd } from "./upstream/deliver.ts";
import type { Lifetime } from "./upstream/lifetime.ts";

/** A request that is being served, and what came of it. */

export interface Serving {
  readonly request: Request;
  readonly view: Arrived;
  /** Undefined: there is none yet. */
  readonly config: Config | undefined;
  readonly clusters: ClusterStates;
  readonly limiter: RateLimiter;
  readonly recorder: RequestRecorder;
  /** Work that nobody waits for is kept going after the response. */
  readonly background: (work: Promise<unknown>) => void;
}

/** One whose configuration is there. */
export interface Configured extends Serving {
  readonly config: Config;
}

export type Route = Extract<Decision, { kind: "route" }>;

/** One that goes to an upstream. */
export interface Routed extends Configured {
  readonly chosen: Chosen;
  readonly state: ClusterState;
  readonly lifetime: Lifetime;
}

export interface Served {
  readonly response: Response;
  /** How the response's body ended, or will end. */
  readonly end: BodyEnd | Promise<BodyEnd>;
}

/** How large messages of the service may be. */
export function limitsOf({ compiled }: Config): MessageLimits {
  return compiled.snapshot.limits ?? defaultMessageLimits;
}

/** The mesh's own answer, in place of an upstream's. */
export function refuse(serving: Pick<Serving, "recorder">, reason: Reason, text: string): Served {
  return refuseAs(serving, { reason, text });
}

/** The same with a status that the reason does not say. */
export function refuseAs({ recorder }: Pick<Serving, "recorder">, why: Omit<Explanation, "id">): Served {
  recorder.findings.reason = why.reason;
  recorder.findings.text = why.text;
  const { cors } = recorder.findings;
  const response = answer({ ...why, id: recorder.trace.traceId, ...(cors && { cors }) }, recorder.view);
  const grpcStatus = response.headers.get("grpc-status");
  if (grpcStatus !== null) recorder.findings.grpcStatus = Number(grpcStatus);
  return { response, end: "complete" };
}

/** `secret`: the name of one that the rule's headers need. */
export function refuseForSecret(serving: Pick<Serving, "recorder">, secret: string): Served {
  const { rule: ref } = serving.recorder.findings;
  const rule = ref ? describeRule(ref) : "the rule";
  return refuse(serving, "secret_unavailable", `${rule} needs secret ${secret}, of which no version is available`);
}
