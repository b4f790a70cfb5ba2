import type { CompiledHost, CompiledSnapshot } from "#proxy/match/compile.ts";
import { findRule, type Found } from "#proxy/match/find.ts";
import { type RequestView, type Subject, subjectOf } from "#proxy/match/request.ts";
import { whyNot, whyTaken } from "#proxy/match/why.ts";
import type { Decision, TraceStep } from "./decision.ts";
import type { Exchange } from "./filter.ts";
import { order } from "./order.ts";

const none: Decision = { kind: "none" };

/**
 * What is to happen to a request: the one decision function of the mesh. Called by the proxy for every request, by
 * `explain`, and by the tests of URL maps. `none` when no virtual host or no rule takes the request, `refused` when its path is not one
 * that rules could be asked about. With `trace`, a step is
 * added for every rule up to the one taken. Pure, and never throws.
 */
export function decide(compiled: CompiledSnapshot, request: RequestView, trace?: TraceStep[]): Decision {
  const host = compiled.hosts.find(request.authority);
  if (host === undefined) return none;
  const subject = subjectOf(request, compiled.paths);
  if ("refused" in subject) return { kind: "refused", why: subject.refused };
  const found = findRule(host, subject);
  if (trace !== undefined) addSteps(trace, { host, subject, found });
  if (found === undefined) return none;
  const exchange: Exchange = {
    request: subject.request,
    subject,
    rule: found.rule,
    match: found.match,
    authority: request.authority,
    target: subject.path + subject.search,
    requestHeaders: [],
    responseHeaders: [],
  };
  for (const { filter } of order) {
    const decision = filter.apply(exchange);
    if (decision !== undefined) return decision;
  }
  return none;
}

function addSteps(trace: TraceStep[], search: { host: CompiledHost; subject: Subject; found: Found | undefined }): void {
  const { host, subject, found } = search;
  for (const rule of host.rules) {
    const taken = rule === found?.rule;
    const why = taken ? whyTaken(found.match, subject) : whyNot(rule, subject);
    trace.push({ rule: rule.rule.ref, matched: taken, why });
    if (taken) return;
  }
}
