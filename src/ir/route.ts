/** Routes as the proxy reads them: plain data, in the order in which they are tried. */

/** Names the rule in a resource of the user, for `explain`, spans and logs. */
export interface RuleRef {
  /** Short resource name with its collection: `urlMaps/shop`, `httpRoutes/cart`. */
  readonly resource: string;
  /** Place in a list of rules (HttpRoute rules, path rules). */
  readonly index?: number;
  /** Priority of a URL map's route rule. */
  readonly priority?: number;
  /** Path matcher of a URL map. */
  readonly pathMatcher?: string;
  /** True for what a URL map does when no rule matches. */
  readonly isDefault?: boolean;
}

export type PathMatch =
  | { readonly kind: "prefix" | "exact"; readonly value: string; readonly ignoreCase?: boolean }
  /** RE2, the whole path. */
  | { readonly kind: "regex"; readonly value: string }
  /** Google's `pathTemplateMatch`: `/a/{v}/{w=**}`, the whole path. */
  | { readonly kind: "template"; readonly value: string }
  | { readonly kind: "any" };

/** `name` is lower case; `:method`, `:authority` and `port` are pseudo headers. */
export interface HeaderMatch {
  readonly name: string;
  readonly test: ValueTest;
  readonly invert?: boolean;
}

/** `start` inclusive, `end` exclusive, decimal integers. */
export type ValueTest =
  | { readonly kind: "exact" | "prefix" | "suffix" | "regex"; readonly value: string }
  | { readonly kind: "present" }
  | { readonly kind: "range"; readonly start: string; readonly end: string };

export interface QueryMatch {
  readonly name: string;
  readonly test: ValueTest;
}

/** All predicates of one match must hold; a rule matches when one of its matches does. */
export interface Match {
  readonly path: PathMatch;
  readonly headers: readonly HeaderMatch[];
  readonly query: readonly QueryMatch[];
}

/** A header value: text, or parts to be put together when the request is there. */
export type HeaderValue = string | readonly HeaderPart[];
/** `variable`: one of Google's custom header variables, such as `client_ip_address`, without its braces. */
type HeaderPart = string | { readonly secret: string } | { readonly variable: string };

/** Applied in this order: remove, set (replaces), add (appends). Header names keep the user's spelling. */
export interface HeaderMutation {
  readonly remove: readonly string[];
  readonly set: readonly (readonly [name: string, value: HeaderValue])[];
  readonly add: readonly (readonly [name: string, value: HeaderValue])[];
}

export interface Destination {
  /** Key in `Snapshot.clusters`. */
  readonly cluster: string;
  /** Share of `weight / sum of weights`; a sum of 0 gives 503. */
  readonly weight: number;
  readonly requestHeaders: readonly HeaderMutation[];
  readonly responseHeaders: readonly HeaderMutation[];
}

/** Google's `retryConditions` as they are spelled there. */
export const retryConditions = [
  "5xx",
  "gateway-error",
  "reset",
  "connect-failure",
  "retriable-4xx",
  "refused-stream",
  "cancelled",
  "deadline-exceeded",
  "internal",
  "resource-exhausted",
  "unavailable",
] as const;

export type RetryCondition = (typeof retryConditions)[number];

export interface RetryPolicy {
  readonly conditions: readonly RetryCondition[];
  /** Retries after the first attempt. */
  readonly retries: number;
  readonly perTryTimeoutMs?: number;
}

/**
 * A second attempt is sent beside the first when that has not answered in time; the first answer wins (Envoy: hedging). Only for methods
 * that may be done twice, and with places of the retry budget.
 */
export interface HedgePolicy {
  /** How long the attempts before may take before the next is sent, in milliseconds. */
  readonly afterMs: number;
  /** Attempts at the most, the first included; 2 to 4. */
  readonly attempts: number;
}

/** Shares are percentages, 0 to 100, of the requests that the rule takes. */
export interface FaultPolicy {
  readonly delay?: { readonly ms: number; readonly percent: number };
  readonly abort?: { readonly status: number; readonly percent: number };
}

/** A copy of the request whose answer nobody waits for; the copy's authority ends in `-shadow`. */
export interface MirrorPolicy {
  /** Key in `Snapshot.clusters`. */
  readonly cluster: string;
  readonly percent: number;
}

/** Google's `corsPolicy`, as Envoy carries it out. */
export interface CorsPolicy {
  readonly allowOrigins: readonly string[];
  /** RE2, the whole origin. */
  readonly allowOriginRegexes: readonly string[];
  readonly allowMethods: readonly string[];
  readonly allowHeaders: readonly string[];
  readonly exposeHeaders: readonly string[];
  readonly maxAgeSec?: number;
  readonly allowCredentials: boolean;
}

/** What all proxies of a mesh count together: `requests` in a window of `periodSec`, for each value of the limit's header. */
export interface MeshLimit {
  /** Names the count within the project: the route's key, and the limit's place in its policy. */
  readonly key: string;
  /** 1 to 100,000. */
  readonly requests: number;
  /** What Cloudflare's rate-limit bindings can have. */
  readonly periodSec: 10 | 60;
}

/** A local token bucket: `burst` at the most, filled at `perSecond`; one bucket for each value of `header`, or one for all. */
export interface RateLimit {
  readonly perSecond: number;
  readonly burst: number;
  /** Counted in place of the bucket where the proxy can; the bucket is for where it cannot. */
  readonly mesh?: MeshLimit;
  /** Lower case. Requests without it share one bucket. */
  readonly header?: string;
  /** Of the answer to what is over the limit; default 429. */
  readonly status?: number;
  /** Text of that answer; default: what the mesh has to say. */
  readonly body?: string;
}

/** The cookie of a stateful session affinity. */
export interface StickyCookie {
  readonly name: string;
  readonly path?: string;
  /** Absent or 0: until the browser is closed. */
  readonly ttlSec?: number;
}

/** What is done to path and authority on the way to the upstream. `prefix` replaces the part that the rule's prefix matched. */
export interface Rewrite {
  readonly prefix?: string;
  readonly host?: string;
  /** Google's `pathTemplateRewrite`: `/{w}/x/{v}` with the variables of the rule's template. */
  readonly template?: string;
}

export type Action =
  | {
      readonly kind: "route";
      readonly destinations: readonly Destination[];
      readonly rewrite?: Rewrite;
      /** From the end of the request to the end of the response, retries included; 0 = none. */
      readonly timeoutMs: number;
      /** Longest silence of either body, in milliseconds; 0 = none. Default: none. */
      readonly idleTimeoutMs?: number;
      /** From the beginning of the request to the end of the response, WebSockets included. */
      readonly maxStreamDurationMs?: number;
      readonly retry?: RetryPolicy;
      readonly hedge?: HedgePolicy;
      readonly mirror?: MirrorPolicy;
      /** Google's `statefulSessionAffinity`: the cookie names the endpoint (`GSSA`). Takes the place of the clusters' own affinity. */
      readonly stickyCookie?: StickyCookie;
    }
  | {
      readonly kind: "redirect";
      readonly status: 301 | 302 | 303 | 307 | 308;
      readonly host?: string;
      readonly path?: string;
      readonly prefix?: string;
      readonly https?: boolean;
      readonly port?: number;
      readonly stripQuery?: boolean;
    }
  | { readonly kind: "directResponse"; readonly status: number; readonly body: { readonly text: string } | { readonly base64: string } };

export interface Rule {
  readonly ref: RuleRef;
  /** Empty: the rule takes every request. */
  readonly matches: readonly Match[];
  readonly action: Action;
  /** In the order of application (Google: weighted backend service → rule → path matcher → URL map; the first of these is on the destination). */
  readonly requestHeaders: readonly HeaderMutation[];
  readonly responseHeaders: readonly HeaderMutation[];
  readonly cors?: CorsPolicy;
  readonly fault?: FaultPolicy;
  /** All of them must have a token. */
  readonly rateLimits?: readonly RateLimit[];
}

/** Rules of the hosts `hosts`; the first rule that matches is taken. No rule, no route: 404. */
export interface VirtualHost {
  /** `cart.shop.mesh`, `cart.shop.mesh:8080`, `*.shop.mesh`, `*-shop.mesh` or `*`; lower case. */
  readonly hosts: readonly string[];
  readonly rules: readonly Rule[];
}
