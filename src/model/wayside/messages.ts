import type { Messages } from "../messages.ts";

/** Messages of Wayside's own resources. */
export const waysideMessages: Messages = {
  MeshSettings: {
    kind: "string",
    name: "string",
    tracing: "MeshSettings.Tracing",
    proxyLabels: "map string",
    paths: "MeshSettings.Paths",
    limits: "MeshSettings.Limits",
  },
  "MeshSettings.Paths": { escapedSlashes: "enum KEEP REJECT DECODE", mergeSlashes: "bool" },
  "MeshSettings.Limits": {
    urlBytes: "int32",
    requestHeaders: "int32",
    requestHeaderBytes: "int32",
    requestBodyBytes: "int32",
    responseHeaders: "int32",
    responseHeaderBytes: "int32",
  },
  "MeshSettings.Tracing": { samplingRatio: "double" },
  TrafficPolicy: {
    kind: "string",
    name: "string",
    target: "string",
    policy: "TrafficPolicy.Policy",
    slowStart: "TrafficPolicy.SlowStart",
    subset: "TrafficPolicy.Subset",
    subsetSize: "int32",
    zone: "string",
    panicPercent: "double",
    maxRequestsPerEndpoint: "int32",
    adaptiveConcurrency: "TrafficPolicy.AdaptiveConcurrency",
    hedge: "TrafficPolicy.Hedge",
    rateLimits: "list TrafficPolicy.RateLimit",
  },
  "TrafficPolicy.Policy": { kind: "enum PEAK_EWMA LEAST_REQUEST", choices: "int32" },
  "TrafficPolicy.SlowStart": { windowMs: "int32", aggression: "double", minWeightPercent: "double" },
  "TrafficPolicy.Subset": {
    selectors: "list TrafficPolicy.Selector",
    fallback: "enum NONE ANY DEFAULT",
    defaultLabels: "map string",
  },
  "TrafficPolicy.Selector": { label: "string", header: "string" },
  "TrafficPolicy.AdaptiveConcurrency": { minConcurrency: "int32", maxConcurrency: "int32" },
  "TrafficPolicy.Hedge": { afterMs: "int32", attempts: "int32" },
  "TrafficPolicy.RateLimit": { perSecond: "double", burst: "int32", header: "string", status: "int32", body: "string" },
};
