import { bodyTooLarge } from "#proxy/filters/admission.ts";
import { describeRule } from "#proxy/match/describe.ts";
import { limitsOf, refuse, type Routed, type Served } from "./serving.ts";
import type { CallResult } from "./upstream/call.ts";
import type { Ending } from "./upstream/lifetime.ts";
import type { Failure } from "./upstream/transport.ts";

/** The answers to requests for which no upstream's answer can be had. */

export function refuseFailed(routed: Routed, result: Exclude<CallResult, { kind: "response" }>): Served {
  switch (result.kind) {
    case "no-endpoint":
      return refuse(routed, "no_healthy_endpoints", `${whereOf(routed)} has no healthy instance`);
    case "overflow":
      return refuse(routed, "overflow", `${whereOf(routed)} has as many requests under way as its circuit breakers allow`);
    case "no-transport":
      return refuse(routed, "no_transport", `${whereOf(routed)} has instances that are reached in a way that this proxy was not given`);
    case "ended":
      return refuseEnded(routed, result.ending);
    case "failure":
      return refuseFailure(routed, result.failure, result.target.endpoint.instance);
  }
}

function refuseEnded(routed: Routed, ending: Ending): Served {
  const { timeoutMs, idleTimeoutMs, maxStreamDurationMs } = routed.chosen.decision.action;
  // Envoy: 408 as long as it is the caller who has not finished, 504 afterwards.
  const reason = routed.lifetime.isSent ? "upstream_timeout" : "request_timeout";
  switch (ending) {
    case "size": {
      const { text } = bodyTooLarge(limitsOf(routed.config));
      return refuse(routed, "body_too_large", text);
    }
    case "client":
      return refuse(routed, "client_closed", "the caller went away");
    case "timeout":
      return refuse(routed, "upstream_timeout", `${whereOf(routed)} did not answer within ${timeoutMs} ms`);
    case "duration":
      return refuse(routed, reason, `${whereOf(routed)} allows a request ${maxStreamDurationMs} ms from beginning to end`);
    case "idle":
      return refuse(routed, reason, `${whereOf(routed)} allows a silence of ${idleTimeoutMs} ms`);
  }
}

function refuseFailure(routed: Routed, failure: Failure, name: string): Served {
  const { timeoutMs, retry } = routed.chosen.decision.action;
  routed.recorder.findings.instance = name;
  const instance = `instance ${name} of ${whereOf(routed)}`;
  if (failure === "timeout")
    return refuse(routed, "upstream_timeout", `${instance} did not answer within ${retry?.perTryTimeoutMs ?? timeoutMs} ms`);
  if (failure === "reset") return refuse(routed, "upstream_reset", `${instance} closed the connection`);
  return refuse(routed, "upstream_connect_failure", `no connection to ${instance}`);
}

function whereOf({ chosen }: Routed): string {
  return `backend service ${chosen.cluster.name} (${describeRule(chosen.decision.rule)})`;
}
