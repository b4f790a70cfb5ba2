/** The `tests` of a URL map, run through the decision function that the proxies use: `urlMaps.validate`, and before each insert and update. */
import type { JsonObject } from "#base/json.ts";
import { schemaVersion, type Snapshot } from "#ir/snapshot.ts";
import { urlMaps, type UrlMapTest } from "#model/compute/url-maps.ts";
import { decide } from "#proxy/filters/decide.ts";
import type { Decision, RequestView } from "#proxy/filters/decision.ts";
import { compileSnapshot, type CompiledSnapshot } from "#proxy/match/compile.ts";
import { backendKey } from "#control/compiler/cluster.ts";
import { clustersOf, newContext, secretsOf } from "#control/compiler/context.ts";
import { shortName } from "#control/compiler/references.ts";
import { urlMapHosts } from "#control/compiler/url-map.ts";
import { recordingView, type ResourceView } from "#control/compiler/view.ts";

/** Google's `TestFailure`: fields that do not apply are absent. */
export interface TestFailure {
  readonly host: string;
  readonly path: string;
  readonly headers?: UrlMapTest["headers"];
  readonly expectedService?: string;
  /** Spelled as the expectation is. */
  readonly actualService?: string;
  readonly expectedOutputUrl?: string;
  readonly actualOutputUrl?: string;
  readonly expectedRedirectResponseCode?: number;
  readonly actualRedirectResponseCode?: number;
}

export interface UrlMapTestResult {
  /** Why a proxy would refuse the map; the tests are then not run. */
  readonly loadErrors: readonly string[];
  /** In the order of the tests; empty when all passed. */
  readonly testFailures: readonly TestFailure[];
}

/**
 * A whole map as one snapshot: all hosts, clusters by the short names of the backend services, without endpoints. Looks at nothing but
 * the map: whether what it refers to exists is another question.
 */
export function compileUrlMap(project: string, urlMap: JsonObject): Snapshot {
  const map = urlMaps.read(urlMap);
  const context = newContext(recordingView(emptyView(project)));
  const virtualHosts = urlMapHosts(context, { name: map.name ?? "", map });
  return {
    schemaVersion,
    project,
    service: "*",
    tracing: { samplingRatio: 1 },
    virtualHosts,
    clusters: clustersOf(context),
    secrets: secretsOf(context),
  };
}

function emptyView(project: string): ResourceView {
  return { project, get: () => undefined, list: () => [], groupReport: () => undefined, secretVersion: () => null };
}

/** Runs the tests of a map that has passed the model's checks. The project of its references does not matter. */
export function runUrlMapTests(urlMap: JsonObject): UrlMapTestResult {
  const view = emptyView("-");
  const result = compileSnapshot(compileUrlMap(view.project, urlMap));
  if ("error" in result) return { loadErrors: [result.error], testFailures: [] };
  const tests = urlMaps.read(urlMap).tests ?? [];
  return { loadErrors: [], testFailures: tests.flatMap((test) => runTest(view, result.compiled, test) ?? []) };
}

function runTest(view: ResourceView, compiled: CompiledSnapshot, test: UrlMapTest): TestFailure | undefined {
  const request = requestOf(test);
  const decision = decide(compiled, request);
  const url = outputUrl(decision, request);
  const code = decision.kind === "redirect" ? decision.status : undefined;
  const passed =
    (test.service === undefined || leadsTo(view, decision, test.service)) &&
    (test.expectedOutputUrl === undefined || (url !== undefined && sameUrl(url, test.expectedOutputUrl))) &&
    (test.expectedRedirectResponseCode === undefined || code === test.expectedRedirectResponseCode);
  if (passed) return undefined;
  return defined({
    host: test.host ?? "",
    path: test.path ?? "",
    headers: test.headers,
    expectedService: test.service,
    actualService: serviceOf(decision, test.service),
    expectedOutputUrl: test.expectedOutputUrl,
    actualOutputUrl: url,
    expectedRedirectResponseCode: test.expectedRedirectResponseCode,
    actualRedirectResponseCode: code,
  });
}

/**
 * A test does not say its request's scheme. It is taken to be that of the expected URL, so that the scheme decides only where the map
 * changes it (Google: with `httpsRedirect` the expectation must be https; with `service` the scheme is ignored).
 */
function requestOf(test: UrlMapTest): RequestView {
  const headers = new Map<string, string>();
  for (const { name = "", value = "" } of test.headers ?? []) {
    const known = headers.get(name.toLowerCase());
    headers.set(name.toLowerCase(), known === undefined ? value : `${known}, ${value}`);
  }
  const path = test.path ?? "/";
  return {
    method: "GET",
    scheme: test.expectedOutputUrl?.startsWith("https:") ? "https" : "http",
    authority: test.host ?? "",
    target: path.startsWith("/") ? path : `/${path}`,
    headers: { get: (name) => headers.get(name.toLowerCase()) ?? null },
  };
}

/** Where the request goes on: what the backend gets, or what the caller is told. */
function outputUrl(decision: Decision, { scheme }: RequestView): string | undefined {
  if (decision.kind === "redirect") return decision.location;
  return decision.kind === "route" ? `${scheme}://${decision.authority}${decision.target}` : undefined;
}

/** With weights, any backend service that gets a share will do. */
function leadsTo(view: ResourceView, decision: Decision, service: string): boolean {
  const name = shortName(backendKey(view, service));
  return decision.kind === "route" && decision.destinations.some(({ cluster, weight }) => weight > 0 && shortName(cluster) === name);
}

/** Hosts are compared without regard to case, the rest as it stands. */
function sameUrl(actual: string, expected: string): boolean {
  return withLowerHost(actual) === withLowerHost(expected);
}

function withLowerHost(url: string): string {
  return url.replace(/^[^:/]+:\/\/[^/?#]*/, (origin) => origin.toLowerCase());
}

/** The service that gets the largest share. */
function serviceOf(decision: Decision, expected: string | undefined): string | undefined {
  if (decision.kind !== "route") return undefined;
  const [first] = decision.destinations.toSorted((a, b) => b.weight - a.weight);
  if (!first) return undefined;
  const spelling = expected ?? "global/backendServices/";
  return spelling.slice(0, spelling.lastIndexOf("/") + 1) + shortName(first.cluster);
}

function defined(failure: { [K in keyof TestFailure]: TestFailure[K] | undefined }): TestFailure {
  return Object.fromEntries(Object.entries(failure).filter(([, value]) => value !== undefined)) as unknown as TestFailure;
}
