import type { Action, Destination, FaultPolicy, HeaderMutation, RateLimit, RuleRef } from "#ir/route.ts";

/** Defined beside the matcher, which may not look up to here. */
export type { RequestView } from "#proxy/match/request.ts";

/** Why one rule was or was not taken; only collected for `explain`. */
export interface TraceStep {
  readonly rule: RuleRef;
  readonly matched: boolean;
  /** For people: `path /cart is not under prefix /catalog`. */
  readonly why: string;
}

export type RouteAction = Extract<Action, { kind: "route" }>;

/** What stands between a decision and its being carried out. */
interface Conditions {
  readonly fault?: FaultPolicy;
  readonly rateLimits?: readonly RateLimit[];
  /** Lets a page of the caller's origin read the answer. Part of `responseHeaders`, and for answers of the mesh that come in their place. */
  readonly cors?: HeaderMutation;
}

/** What is to happen to a request. Pure: the same snapshot and request give the same decision. */
export type Decision =
  | { readonly kind: "none" }
  /** The path has no form that rules and applications could agree on; no rule was looked at. */
  | { readonly kind: "refused"; readonly why: string }
  | ({
      readonly kind: "redirect";
      readonly rule: RuleRef;
      readonly status: number;
      readonly location: string;
      readonly responseHeaders: readonly HeaderMutation[];
    } & Conditions)
  | ({
      readonly kind: "directResponse";
      readonly rule: RuleRef;
      readonly status: number;
      readonly body: Uint8Array<ArrayBuffer>;
      readonly responseHeaders: readonly HeaderMutation[];
    } & Conditions)
  | ({
      readonly kind: "route";
      readonly rule: RuleRef;
      readonly destinations: readonly Destination[];
      /** Sum of the weights, computed once. */
      readonly totalWeight: number;
      /** Authority and target as the application is to see them, after rewrites. */
      readonly authority: string;
      readonly target: string;
      readonly requestHeaders: readonly HeaderMutation[];
      readonly responseHeaders: readonly HeaderMutation[];
      /** As configured: timeouts, retries, hedging and the mirror, which concern the attempts. */
      readonly action: RouteAction;
    } & Conditions);
