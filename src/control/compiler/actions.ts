/** What URL maps and HttpRoutes have in common of their actions: destinations, redirects, rewrites, retries. */
import {
  type Action,
  type Destination,
  type HeaderMutation,
  type MirrorPolicy,
  type RetryCondition,
  retryConditions,
  type RetryPolicy,
  type Rewrite,
  type StickyCookie,
} from "#ir/route.ts";
import { backendOf } from "./cluster.ts";
import type { CompiledBackend, Context } from "./context.ts";

/** A way to a backend service, before it is known what share it gets. */
export interface Way {
  /** As the user wrote it. */
  readonly service: string | undefined;
  readonly weight: number | undefined;
  readonly requestHeaders: readonly HeaderMutation[];
  readonly responseHeaders: readonly HeaderMutation[];
}

interface RouteParts {
  readonly ways: readonly Way[];
  readonly rewrite: RewriteParts | undefined;
  /** Undefined: the largest `timeoutSec` of the backend services, which is Google's default. */
  readonly timeoutMs: number | undefined;
  readonly idleTimeoutMs?: number | undefined;
  /** Undefined: the largest of the backend services (Google); none where one of them has none. */
  readonly maxStreamDurationMs?: number | undefined;
  readonly retry: RetryPolicy | undefined;
  readonly mirror: MirrorPolicy | undefined;
  /** Of a stateful session affinity. */
  readonly stickyCookie?: StickyCookie | undefined;
}

interface RewriteParts {
  readonly hostRewrite?: string | undefined;
  readonly pathPrefixRewrite?: string | undefined;
  readonly pathTemplateRewrite?: string | undefined;
}

/** A route to backends. Without any way its requests are answered 503, as with weights that are all 0. */
export function routeAction(context: Context, parts: RouteParts): Action {
  const { ways, rewrite, timeoutMs, idleTimeoutMs, retry, mirror, stickyCookie } = parts;
  // Network Services wants weights on all destinations or on none, and none means equal shares.
  const unweighted = ways.every(({ weight }) => weight === undefined);
  const backends = ways.map(({ service }) => backendOf(context, service));
  const destinations = ways.map((way, index): Destination => ({
    cluster: backends[index]?.id ?? "",
    weight: unweighted ? 1 : (way.weight ?? 0),
    requestHeaders: way.requestHeaders,
    responseHeaders: way.responseHeaders,
  }));
  const compiledRewrite = rewriteOf(rewrite);
  const maxStreamDurationMs = parts.maxStreamDurationMs ?? largestDuration(backends);
  return {
    kind: "route",
    destinations,
    ...(compiledRewrite ? { rewrite: compiledRewrite } : {}),
    timeoutMs: timeoutMs ?? Math.max(0, ...backends.map((backend) => backend.timeoutMs)),
    ...(idleTimeoutMs ? { idleTimeoutMs } : {}),
    ...(maxStreamDurationMs ? { maxStreamDurationMs } : {}),
    ...(retry ? { retry } : {}),
    ...(mirror ? { mirror } : {}),
    ...(stickyCookie ? { stickyCookie } : {}),
  };
}

/** 0: none. */
function largestDuration(backends: readonly CompiledBackend[]): number {
  const durations = backends.map((backend) => backend.maxStreamDurationMs ?? 0);
  return durations.includes(0) ? 0 : Math.max(0, ...durations);
}

/** An empty text says nothing in Google's JSON. */
function rewriteOf(rewrite: RouteParts["rewrite"]): Rewrite | undefined {
  const prefix = rewrite?.pathPrefixRewrite;
  const host = rewrite?.hostRewrite;
  const template = prefix ? undefined : rewrite?.pathTemplateRewrite;
  if (!prefix && !host && !template) return undefined;
  return { ...(prefix ? { prefix } : {}), ...(host ? { host } : {}), ...(template ? { template } : {}) };
}

interface RetryParts {
  readonly numRetries: number | undefined;
  readonly retryConditions: readonly string[] | undefined;
  /** 0 or undefined: an attempt may take as long as the whole request. */
  readonly perTryTimeoutMs: number | undefined;
}

function isRetryCondition(text: string): text is RetryCondition {
  return retryConditions.some((known) => known === text);
}

/** One retry where the number is left out (Google). Without a condition nothing is retried, and `where` is warned of. */
export function retryPolicy(context: Context, parts: RetryParts, where: string): RetryPolicy {
  const asked = parts.retryConditions ?? [];
  const conditions = asked.filter(isRetryCondition);
  for (const unknown of asked.filter((text) => !isRetryCondition(text))) {
    context.warnings.add(`${where}.retryConditions: "${unknown}" is no condition that can be met; it has no effect`);
  }
  if (conditions.length === 0) context.warnings.add(`${where} names no retryConditions, so nothing is retried`);
  return { conditions, retries: parts.numRetries ?? 1, ...(parts.perTryTimeoutMs ? { perTryTimeoutMs: parts.perTryTimeoutMs } : {}) };
}

type Redirect = Extract<Action, { kind: "redirect" }>;

/** Google's names of the codes; no name, and MOVED_PERMANENTLY_DEFAULT, give 301. */
const redirectStatus = new Map<string, Redirect["status"]>([
  ["FOUND", 302],
  ["SEE_OTHER", 303],
  ["TEMPORARY_REDIRECT", 307],
  ["PERMANENT_REDIRECT", 308],
]);

interface RedirectParts {
  readonly hostRedirect?: string | undefined;
  readonly pathRedirect?: string | undefined;
  readonly prefix?: string | undefined;
  readonly code?: string | undefined;
  readonly httpsRedirect?: boolean | undefined;
  readonly port?: number | undefined;
  readonly stripQuery?: boolean | undefined;
}

export function redirectAction(parts: RedirectParts): Action {
  return {
    kind: "redirect",
    status: redirectStatus.get(parts.code ?? "") ?? 301,
    ...(parts.hostRedirect ? { host: parts.hostRedirect } : {}),
    ...(parts.pathRedirect ? { path: parts.pathRedirect } : {}),
    ...(parts.prefix ? { prefix: parts.prefix } : {}),
    ...(parts.httpsRedirect ? { https: true } : {}),
    ...(parts.port ? { port: parts.port } : {}),
    ...(parts.stripQuery ? { stripQuery: true } : {}),
  };
}
