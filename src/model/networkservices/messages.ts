import type { Messages } from "../messages.ts";

/** Fields that every resource of Network Services and Network Security has. */
export const commonFields = {
  name: "string",
  selfLink: "string",
  createTime: "timestamp",
  updateTime: "timestamp",
  labels: "map string",
  description: "string",
};

const envoyHeaders = "enum ENVOY_HEADERS_UNSPECIFIED NONE DEBUG_HEADERS";

const routeFields = { ...commonFields, meshes: "list string", gateways: "list string" };

const httpRoute: Messages = {
  HttpRoute: { ...routeFields, hostnames: "list string", rules: "list HttpRoute.RouteRule" },
  "HttpRoute.RouteRule": { matches: "list HttpRoute.RouteMatch", action: "HttpRoute.RouteAction" },
  "HttpRoute.RouteMatch": {
    fullPathMatch: "string",
    prefixMatch: "string",
    regexMatch: "string",
    ignoreCase: "bool",
    headers: "list HttpRoute.HeaderMatch",
    queryParameters: "list HttpRoute.QueryParameterMatch",
  },
  "HttpRoute.HeaderMatch": {
    header: "string",
    exactMatch: "string",
    regexMatch: "string",
    prefixMatch: "string",
    suffixMatch: "string",
    presentMatch: "bool",
    rangeMatch: "HttpRoute.IntegerRange",
    invertMatch: "bool",
  },
  "HttpRoute.IntegerRange": { start: "int32", end: "int32" },
  "HttpRoute.QueryParameterMatch": { queryParameter: "string", exactMatch: "string", regexMatch: "string", presentMatch: "bool" },
  "HttpRoute.RouteAction": {
    destinations: "list HttpRoute.Destination",
    redirect: "HttpRoute.Redirect",
    directResponse: "HttpRoute.HttpDirectResponse",
    faultInjectionPolicy: "HttpRoute.FaultInjectionPolicy",
    requestHeaderModifier: "HttpRoute.HeaderModifier",
    responseHeaderModifier: "HttpRoute.HeaderModifier",
    urlRewrite: "HttpRoute.URLRewrite",
    timeout: "duration",
    idleTimeout: "duration",
    retryPolicy: "HttpRoute.RetryPolicy",
    requestMirrorPolicy: "HttpRoute.RequestMirrorPolicy",
    corsPolicy: "HttpRoute.CorsPolicy",
    statefulSessionAffinity: "StatefulSessionAffinityPolicy",
  },
  "HttpRoute.Destination": {
    serviceName: "string",
    weight: "int32",
    requestHeaderModifier: "HttpRoute.HeaderModifier",
    responseHeaderModifier: "HttpRoute.HeaderModifier",
  },
  "HttpRoute.Redirect": {
    hostRedirect: "string",
    pathRedirect: "string",
    prefixRewrite: "string",
    responseCode: "enum RESPONSE_CODE_UNSPECIFIED MOVED_PERMANENTLY_DEFAULT FOUND SEE_OTHER TEMPORARY_REDIRECT PERMANENT_REDIRECT",
    httpsRedirect: "bool",
    stripQuery: "bool",
    portRedirect: "int32",
  },
  "HttpRoute.HttpDirectResponse": { status: "int32", stringBody: "string", bytesBody: "bytes" },
  "HttpRoute.FaultInjectionPolicy": { delay: "HttpRoute.FaultInjectionPolicy.Delay", abort: "HttpRoute.FaultInjectionPolicy.Abort" },
  "HttpRoute.FaultInjectionPolicy.Delay": { fixedDelay: "duration", percentage: "int32" },
  "HttpRoute.FaultInjectionPolicy.Abort": { httpStatus: "int32", percentage: "int32" },
  "HttpRoute.HeaderModifier": { set: "map string", add: "map string", remove: "list string" },
  "HttpRoute.URLRewrite": { pathPrefixRewrite: "string", hostRewrite: "string" },
  "HttpRoute.RetryPolicy": { retryConditions: "list string", numRetries: "int32", perTryTimeout: "duration" },
  "HttpRoute.RequestMirrorPolicy": { destination: "HttpRoute.Destination", mirrorPercent: "float" },
  "HttpRoute.CorsPolicy": {
    allowOrigins: "list string",
    allowOriginRegexes: "list string",
    allowMethods: "list string",
    allowHeaders: "list string",
    exposeHeaders: "list string",
    maxAge: "string",
    allowCredentials: "bool",
    disabled: "bool",
  },
  StatefulSessionAffinityPolicy: { cookieTtl: "duration" },
};

const grpcRoute: Messages = {
  GrpcRoute: { ...routeFields, hostnames: "list string", rules: "list GrpcRoute.RouteRule" },
  "GrpcRoute.RouteRule": { matches: "list GrpcRoute.RouteMatch", action: "GrpcRoute.RouteAction" },
  "GrpcRoute.RouteMatch": { method: "GrpcRoute.MethodMatch", headers: "list GrpcRoute.HeaderMatch" },
  "GrpcRoute.MethodMatch": {
    type: "enum TYPE_UNSPECIFIED EXACT REGULAR_EXPRESSION",
    grpcService: "string",
    grpcMethod: "string",
    caseSensitive: "bool",
  },
  "GrpcRoute.HeaderMatch": { type: "enum TYPE_UNSPECIFIED EXACT REGULAR_EXPRESSION", key: "string", value: "string" },
  "GrpcRoute.RouteAction": {
    destinations: "list GrpcRoute.Destination",
    faultInjectionPolicy: "HttpRoute.FaultInjectionPolicy",
    timeout: "duration",
    idleTimeout: "duration",
    retryPolicy: "GrpcRoute.RetryPolicy",
    statefulSessionAffinity: "StatefulSessionAffinityPolicy",
  },
  "GrpcRoute.Destination": { serviceName: "string", weight: "int32" },
  "GrpcRoute.RetryPolicy": { retryConditions: "list string", numRetries: "int32" },
};

const streamRoutes: Messages = {
  TcpRoute: { ...routeFields, rules: "list TcpRoute.RouteRule" },
  "TcpRoute.RouteRule": { matches: "list TcpRoute.RouteMatch", action: "TcpRoute.RouteAction" },
  "TcpRoute.RouteMatch": { address: "string", port: "string" },
  "TcpRoute.RouteAction": { destinations: "list GrpcRoute.Destination", originalDestination: "bool", idleTimeout: "duration" },
  TlsRoute: { ...routeFields, targetProxies: "list string", rules: "list TlsRoute.RouteRule" },
  "TlsRoute.RouteRule": { matches: "list TlsRoute.RouteMatch", action: "TlsRoute.RouteAction" },
  "TlsRoute.RouteMatch": { sniHost: "list string", alpn: "list string" },
  "TlsRoute.RouteAction": { destinations: "list GrpcRoute.Destination", idleTimeout: "duration" },
};

const scopes: Messages = {
  Mesh: { ...commonFields, interceptionPort: "int32", envoyHeaders },
  Gateway: {
    ...commonFields,
    type: "enum TYPE_UNSPECIFIED OPEN_MESH SECURE_WEB_GATEWAY",
    addresses: "list string",
    ports: "list int32",
    scope: "string",
    serverTlsPolicy: "string",
    certificateUrls: "list string",
    gatewaySecurityPolicy: "string",
    network: "string",
    subnetwork: "string",
    ipVersion: "enum IP_VERSION_UNSPECIFIED IPV4 IPV6",
    envoyHeaders,
    routingMode: "enum EXPLICIT_ROUTING_MODE NEXT_HOP_ROUTING_MODE",
    allowGlobalAccess: "bool",
  },
};

const policies: Messages = {
  EndpointPolicy: {
    ...commonFields,
    type: "enum ENDPOINT_POLICY_TYPE_UNSPECIFIED SIDECAR_PROXY GRPC_SERVER",
    authorizationPolicy: "string",
    serverTlsPolicy: "string",
    clientTlsPolicy: "string",
    endpointMatcher: "EndpointMatcher",
    trafficPortSelector: "TrafficPortSelector",
  },
  EndpointMatcher: { metadataLabelMatcher: "EndpointMatcher.MetadataLabelMatcher" },
  "EndpointMatcher.MetadataLabelMatcher": {
    metadataLabelMatchCriteria: "enum METADATA_LABEL_MATCH_CRITERIA_UNSPECIFIED MATCH_ANY MATCH_ALL",
    metadataLabels: "list EndpointMatcher.MetadataLabelMatcher.MetadataLabels",
  },
  "EndpointMatcher.MetadataLabelMatcher.MetadataLabels": { labelName: "string", labelValue: "string" },
  TrafficPortSelector: { ports: "list string" },
  ServiceLbPolicy: {
    ...commonFields,
    loadBalancingAlgorithm:
      "enum LOAD_BALANCING_ALGORITHM_UNSPECIFIED SPRAY_TO_WORLD SPRAY_TO_REGION WATERFALL_BY_REGION WATERFALL_BY_ZONE",
    autoCapacityDrain: "ServiceLbPolicy.AutoCapacityDrain",
    failoverConfig: "ServiceLbPolicy.FailoverConfig",
    isolationConfig: "ServiceLbPolicy.IsolationConfig",
  },
  "ServiceLbPolicy.AutoCapacityDrain": { enable: "bool" },
  "ServiceLbPolicy.FailoverConfig": { failoverHealthThreshold: "int32" },
  "ServiceLbPolicy.IsolationConfig": {
    isolationGranularity: "enum ISOLATION_GRANULARITY_UNSPECIFIED REGION",
    isolationMode: "enum ISOLATION_MODE_UNSPECIFIED NEAREST STRICT",
  },
};

/** Messages of Network Services v1, by hand: no package of a registry carries their description. */
export const networkServicesMessages: Messages = { ...scopes, ...httpRoute, ...grpcRoute, ...streamRoutes, ...policies };
