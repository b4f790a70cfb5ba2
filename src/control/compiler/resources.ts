/**
 * The fields of resources that the compiler reads, as types. A stored resource has been through the model's `conform`, which keeps
 * what was given: a known field that is there has its type in one of JSON's spellings, and everything may be missing.
 */
import type { SecondsNanos } from "#base/duration.ts";

type Maybe<T> = { readonly [K in keyof T]?: T[K] | undefined };

/** Compute's `HttpHeaderOption`. */
export type HeaderOption = Maybe<{ headerName: string; headerValue: string; replace: boolean }>;

/** Compute's `HttpHeaderAction`. */
export type HeaderAction = Maybe<{
  requestHeadersToAdd: readonly HeaderOption[];
  requestHeadersToRemove: readonly string[];
  responseHeadersToAdd: readonly HeaderOption[];
  responseHeadersToRemove: readonly string[];
}>;

/** Network Services' `HttpRoute.HeaderModifier`. */
export type HeaderModifier = Maybe<{
  set: Readonly<Record<string, string>>;
  add: Readonly<Record<string, string>>;
  remove: readonly string[];
}>;

interface ValueTests {
  exactMatch: string;
  prefixMatch: string;
  suffixMatch: string;
  regexMatch: string;
  presentMatch: boolean;
}

interface PathTests {
  fullPathMatch: string;
  prefixMatch: string;
  regexMatch: string;
  ignoreCase: boolean;
}

/** Compute's `HttpRouteRuleMatch`. */
export type UrlMapMatchRule = Maybe<
  PathTests & {
    pathTemplateMatch: string;
    metadataFilters: readonly object[];
    headerMatches: readonly Maybe<
      ValueTests & { headerName: string; invertMatch: boolean; rangeMatch: Maybe<{ rangeStart: string; rangeEnd: string }> }
    >[];
    queryParameterMatches: readonly Maybe<ValueTests & { name: string }>[];
  }
>;

/** Network Services' `HttpRoute.RouteMatch`. */
export type HttpRouteMatch = Maybe<
  PathTests & {
    headers: readonly Maybe<ValueTests & { header: string; invertMatch: boolean; rangeMatch: Maybe<{ start: string; end: string }> }>[];
    queryParameters: readonly Maybe<ValueTests & { queryParameter: string }>[];
  }
>;

type UrlMapRetryPolicy = Maybe<{ numRetries: number; retryConditions: readonly string[]; perTryTimeout: SecondsNanos }>;
type HttpRouteRetryPolicy = Maybe<{ numRetries: number; retryConditions: readonly string[]; perTryTimeout: string }>;

/** Compute's `WeightedBackendService`. */
type WeightedBackendService = Maybe<{ backendService: string; weight: number; headerAction: HeaderAction }>;

/** Compute's `HttpRouteAction`. */
type RouteAction = Maybe<{
  weightedBackendServices: readonly WeightedBackendService[];
  urlRewrite: Maybe<{ hostRewrite: string; pathPrefixRewrite: string; pathTemplateRewrite: string }>;
  timeout: SecondsNanos;
  retryPolicy: UrlMapRetryPolicy;
}>;

/** Compute's `HttpRedirectAction`. */
type UrlRedirect = Maybe<{
  hostRedirect: string;
  pathRedirect: string;
  prefixRedirect: string;
  httpsRedirect: boolean;
  stripQuery: boolean;
  redirectResponseCode: string;
}>;

/** What a URL map can do at each of its levels. */
export type UrlMapAction = Maybe<{ service: string; routeAction: RouteAction; urlRedirect: UrlRedirect }>;

/** The same, as `pathMatchers[]` and the map itself spell it. */
export type UrlMapDefault = Maybe<{
  defaultService: string;
  defaultRouteAction: RouteAction;
  defaultUrlRedirect: UrlRedirect;
  headerAction: HeaderAction;
}>;

export type PathRule = UrlMapAction & Maybe<{ paths: readonly string[] }>;

export type RouteRule = UrlMapAction & Maybe<{ priority: number; matchRules: readonly UrlMapMatchRule[]; headerAction: HeaderAction }>;

export type PathMatcher = UrlMapDefault & Maybe<{ name: string; pathRules: readonly PathRule[]; routeRules: readonly RouteRule[] }>;

export type UrlMapTest = Maybe<{
  host: string;
  path: string;
  headers: readonly Maybe<{ name: string; value: string }>[];
  service: string;
  expectedOutputUrl: string;
  expectedRedirectResponseCode: number;
}>;

export type UrlMap = UrlMapDefault &
  Maybe<{
    name: string;
    hostRules: readonly Maybe<{ hosts: readonly string[]; pathMatcher: string }>[];
    pathMatchers: readonly PathMatcher[];
    tests: readonly UrlMapTest[];
  }>;

export type HttpRouteDestination = Maybe<{
  serviceName: string;
  weight: number;
  requestHeaderModifier: HeaderModifier;
  responseHeaderModifier: HeaderModifier;
}>;

type HttpRouteRedirect = Maybe<{
  hostRedirect: string;
  pathRedirect: string;
  prefixRewrite: string;
  responseCode: string;
  httpsRedirect: boolean;
  stripQuery: boolean;
  portRedirect: number;
}>;

/** Network Services' `HttpRoute.RouteAction`. */
export type HttpRouteAction = Maybe<{
  destinations: readonly HttpRouteDestination[];
  redirect: HttpRouteRedirect;
  directResponse: Maybe<{ status: number; stringBody: string; bytesBody: string }>;
  urlRewrite: Maybe<{ hostRewrite: string; pathPrefixRewrite: string }>;
  timeout: string;
  retryPolicy: HttpRouteRetryPolicy;
  requestHeaderModifier: HeaderModifier;
  responseHeaderModifier: HeaderModifier;
}>;

export type HttpRoute = Maybe<{
  hostnames: readonly string[];
  meshes: readonly string[];
  gateways: readonly string[];
  rules: readonly Maybe<{ matches: readonly HttpRouteMatch[]; action: HttpRouteAction }>[];
}>;

export type MeshSettings = Maybe<{ tracing: Maybe<{ samplingRatio: number }> }>;

export type ForwardingRule = Maybe<{ loadBalancingScheme: string; target: string }>;
export type TargetHttpProxy = Maybe<{ urlMap: string }>;

export type BackendService = Maybe<{
  protocol: string;
  portName: string;
  timeoutSec: number;
  sessionAffinity: string;
  localityLbPolicy: string;
  backends: readonly Maybe<{ group: string; capacityScaler: number }>[];
  healthChecks: readonly string[];
  customRequestHeaders: readonly string[];
  customResponseHeaders: readonly string[];
  connectionDraining: Maybe<{ drainingTimeoutSec: number }>;
}>;

interface CheckBlock {
  port: number;
  portSpecification: string;
  requestPath: string;
  host: string;
  request: string;
  response: string;
}

export type HealthCheck = Maybe<{
  type: string;
  checkIntervalSec: number;
  timeoutSec: number;
  healthyThreshold: number;
  unhealthyThreshold: number;
  httpHealthCheck: Maybe<CheckBlock>;
  httpsHealthCheck: Maybe<CheckBlock>;
  http2HealthCheck: Maybe<CheckBlock>;
  tcpHealthCheck: Maybe<CheckBlock>;
  sslHealthCheck: Maybe<CheckBlock>;
  grpcHealthCheck: Maybe<CheckBlock>;
  grpcTlsHealthCheck: Maybe<CheckBlock>;
}>;

export type NamedPort = Maybe<{ name: string; port: number }>;

export type InstanceGroupManager = Maybe<{
  baseInstanceName: string;
  instanceTemplate: string;
  versions: readonly Maybe<{ instanceTemplate: string; targetSize: object }>[];
  targetSize: number;
  namedPorts: readonly NamedPort[];
  autoHealingPolicies: readonly Maybe<{ healthCheck: string; initialDelaySec: number }>[];
}>;

export type InstanceGroup = Maybe<{ namedPorts: readonly NamedPort[] }>;

export type NetworkEndpointGroup = Maybe<{ networkEndpointType: string; defaultPort: number }>;

export type Instance = Maybe<{ networkInterfaces: readonly Maybe<{ networkIP: string }>[] }>;

export type InstanceTemplate = Maybe<{
  properties: Maybe<{
    machineType: string;
    labels: Readonly<Record<string, string>>;
    metadata: Maybe<{ items: readonly Maybe<{ key: string; value: string }>[] }>;
    tags: Maybe<{ items: readonly string[] }>;
  }>;
}>;
