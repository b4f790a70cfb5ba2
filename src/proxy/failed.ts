import { bodyTooLarge } from "#proxy/filters/admission.ts";
import { describeRule } from "#proxy/match/describe.ts";
import type { Explanation, Reason } from "./answer.ts";
import { grpcTypeOf } from "./grpc.ts";
import { limitsOf, refuseAs, type Routed, type Served } from "./serving.ts";
import type { CallResult } from "./upstream/call.ts";
import type { Ending } from "./upstream/lifetime.ts";
import type { Failure } from "./upstream/transport.ts";

/** The answers to requests for which no upstream's answer can be had. */

type Unanswered = Exclude<CallResult, { kind: "response" }>;
type Why = Pick<Explanation, "reason" | "text">;

export function refuseFailed(routed: Routed, result: Unanswered): Served {
  const why = whyOf(routed, result);
  return refuseAs(routed, { ...why, ...degradedFor(routed, why.reason) });
}

/** What the backend service has in place of the mesh's own answer. A gRPC client could not read it. */
function degradedFor({ chosen, view }: Routed, reason: Reason): Pick<Explanation, "status" | "body" | "contentType"> {
  const { reasons = [], ...response } = chosen.cluster.degradedResponse ?? {};
  return reasons.some((known) => known === reason) && grpcTypeOf(view.headers) === undefined ? response : {};
}

function whyOf(routed: Routed, result: Unanswered): Why {
  const where = whereOf(routed);
  switch (result.kind) {
    case "no-endpoint":
      return { reason: "no_healthy_endpoints", text: `${where} has no healthy instance` };
    case "overflow":
      return { reason: "overflow", text: `${where} has as many requests under way as its circuit breakers allow` };
    case "no-transport":
      return { reason: "no_transport", text: `${where} has instances that are reached in a way that this proxy was not given` };
    case "ended":
      return whyEnded(routed, result.ending);
    case "failure":
      return whyFailed(routed, result.failure, result.target.endpoint.instance);
  }
}

function whyEnded(routed: Routed, ending: Ending): Why {
  const { timeoutMs, idleTimeoutMs, maxStreamDurationMs } = routed.chosen.decision.action;
  const where = whereOf(routed);
  // Envoy: 408 as long as it is the caller who has not finished, 504 afterwards.
  const reason = routed.lifetime.isSent ? "upstream_timeout" : "request_timeout";
  switch (ending) {
    case "size":
      return { reason: "body_too_large", text: bodyTooLarge(limitsOf(routed.config)).text };
    case "client":
      return { reason: "client_closed", text: "the caller went away" };
    case "timeout":
      return { reason: "upstream_timeout", text: `${where} did not answer within ${timeoutMs} ms` };
    case "duration":
      return { reason, text: `${where} allows a request ${maxStreamDurationMs} ms from beginning to end` };
    case "idle":
      return { reason, text: `${where} allows a silence of ${idleTimeoutMs} ms` };
  }
}

function whyFailed(routed: Routed, failure: Failure, name: string): Why {
  const { timeoutMs, retry } = routed.chosen.decision.action;
  routed.recorder.findings.instance = name;
  const instance = `instance ${name} of ${whereOf(routed)}`;
  if (failure === "timeout")
    return { reason: "upstream_timeout", text: `${instance} did not answer within ${retry?.perTryTimeoutMs ?? timeoutMs} ms` };
  if (failure === "reset") return { reason: "upstream_reset", text: `${instance} closed the connection` };
  return { reason: "upstream_connect_failure", text: `no connection to ${instance}` };
}

function whereOf({ chosen }: Routed): string {
  return `backend service ${chosen.cluster.name} (${describeRule(chosen.decision.rule)})`;
}
