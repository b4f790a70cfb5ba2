import type { FaultPolicy, HeaderMutation, RateLimit } from "#ir/route.ts";
import type { CompiledMatch, CompiledRule } from "#proxy/match/compile.ts";
import type { RequestView, Subject } from "#proxy/match/request.ts";
import type { Decision } from "./decision.ts";

/** A request whose rule is known, on its way through the filters. Each filter may change what is not read-only. */
export interface Exchange {
  readonly request: RequestView;
  readonly subject: Subject;
  readonly rule: CompiledRule;
  readonly match: CompiledMatch;
  /** As the application is to see them. */
  authority: string;
  target: string;
  requestHeaders: readonly HeaderMutation[];
  responseHeaders: readonly HeaderMutation[];
  fault?: FaultPolicy;
  rateLimits?: readonly RateLimit[];
  cors?: HeaderMutation;
}

/**
 * One step between the rule and the decision: a folder with `filter.ts`, and a row in `order.ts`. Pure: the same exchange
 * gives the same result, and a filter that has nothing to do for the rule does nothing.
 */
export interface Filter {
  readonly name: string;
  /** The end of the exchange, or undefined to go on with the next filter. */
  readonly apply: (exchange: Exchange) => Decision | undefined;
}
