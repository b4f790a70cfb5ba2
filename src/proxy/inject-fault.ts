import type { Random } from "#base/random.ts";
import type { FaultPolicy, RuleRef } from "#ir/route.ts";
import { describeRule } from "#proxy/match/describe.ts";
import { refuse, refuseAs, type Served, type Serving } from "./serving.ts";

/**
 * Faults on purpose (Google's `faultInjectionPolicy`, carried out as by Envoy): each kind hits its own share of the requests. A delay passes
 * before the time of the route's timeout begins; an abort is answered here, and nothing is retried. The answer in place of the request's,
 * undefined when it goes on.
 */
export async function injectFault(
  serving: Pick<Serving, "recorder" | "request">,
  { rule, fault }: { readonly rule: RuleRef; readonly fault: FaultPolicy },
  random: Random,
): Promise<Served | undefined> {
  const { delay, abort } = fault;
  if (delay && isHit(delay.percent, random)) {
    serving.recorder.findings.injectedDelayMs = delay.ms;
    const isThere = await pause(delay.ms, serving.request.signal);
    if (!isThere) return refuse(serving, "client_closed", "the caller went away");
  }
  if (!abort || !isHit(abort.percent, random)) return undefined;
  const text = `${describeRule(rule)} aborts ${abort.percent} % of its requests on purpose`;
  return refuseAs(serving, { reason: "fault_injected", text, status: abort.status });
}

/** What a timer takes; above it, it would run out at once. */
const longestTimerMs = 2 ** 31 - 1;

function isHit(percent: number, random: Random): boolean {
  return random.float() * 100 < percent;
}

/** Waits; false when the caller went away meanwhile. */
function pause(milliseconds: number, client: AbortSignal | undefined): Promise<boolean> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      client?.removeEventListener("abort", end);
      resolve(client?.aborted !== true);
    };
    const timer = setTimeout(end, Math.min(milliseconds, longestTimerMs));
    client?.addEventListener("abort", end);
    if (client?.aborted === true) end();
  });
}
