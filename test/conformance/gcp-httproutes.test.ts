/** Gateway API conformance cases as HttpRoutes (`../shared/conformance/gcp-httproutes.json`), compiled and decided without a network. */
import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { JsonObject } from "#base/json.ts";
import { compileService } from "#control/compiler/service.ts";
import { serviceTable } from "#control/compiler/services.ts";
import type { ResourceView } from "#control/compiler/view.ts";
import { conform } from "#model/conform.ts";
import { kindOfCollection } from "#model/kinds.ts";
import { explain, type ExplainAnswer } from "#proxy/filters/explain.ts";
import { compileSnapshot } from "#proxy/match/compile.ts";

interface Case {
  readonly request: {
    readonly method: string;
    readonly host: string;
    readonly path: string;
    readonly headers?: Readonly<Record<string, string>>;
  };
  readonly expect: {
    readonly status: readonly number[];
    readonly backend?: string;
    readonly upstream?: { readonly path?: string };
    readonly location?: { readonly path?: string };
  };
}

interface RouteFile {
  readonly name: string;
  readonly httpRoutes: readonly JsonObject[];
  readonly cases: readonly Case[];
}

const file = new URL("../../../shared/conformance/gcp-httproutes.json", import.meta.url);
const files = existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as { readonly tests: readonly RouteFile[] }).tests : [];

if (files.length === 0) test.skip("../shared/conformance/gcp-httproutes.json is absent");

describe.each(files)("$name", ({ httpRoutes, cases }) => {
  const titled = cases.map((each, index) => ({
    ...each,
    title: `${index}: ${each.request.method} ${each.request.host}${each.request.path}`,
  }));
  test.each(titled)("$title", ({ request, expect: expected }) => {
    const answer = answerTo(projectOf(httpRoutes), request);
    expect(expected.status).toContain(statusOf(answer));
    if (expected.backend !== undefined)
      expect(answer.destinations?.map(({ backendService }) => backendService)).toEqual([expected.backend]);
    if (expected.upstream?.path !== undefined) expect(pathOf(answer.upstream?.url)).toBe(expected.upstream.path);
    if (expected.location?.path !== undefined) expect(pathOf(answer.redirect?.location)).toBe(expected.location.path);
  });
});

/** The routes, attached to a mesh. */
function projectOf(routes: readonly JsonObject[]): ResourceView {
  const stored = routes.map((route, createdAtMs) => {
    const attached = { ...route, meshes: ["projects/p/locations/global/meshes/mesh"] };
    const { value: resource, faults } = conform("HttpRoute", attached);
    expect([...faults, ...(kindOfCollection("httpRoutes")?.check(resource) ?? ["no kind"])]).toEqual([]);
    return { key: `locations/global/httpRoutes/${route["name"] as string}`, resource, createdAtMs };
  });
  return {
    project: "p",
    get: (key) => stored.find((route) => route.key === key)?.resource,
    list: (collection) => (collection === "httpRoutes" ? stored : []),
    groupReport: () => undefined,
    secretVersion: () => null,
  };
}

function answerTo(view: ResourceView, request: Case["request"]): ExplainAnswer {
  const entry = serviceTable(view).entries.find(({ service }) => service === request.host);
  if (!entry) throw new Error(`no service ${request.host}`);
  const result = compileSnapshot(compileService(view, entry).snapshot);
  if ("error" in result) throw new Error(result.error);
  const { method, host, path, headers } = request;
  return explain(result.compiled, { method, scheme: "http", authority: host, target: path, headers: new Headers(headers) });
}

/** What the caller would see, of a backend that answers 200. */
function statusOf({ action, redirect, directResponse }: ExplainAnswer): number {
  if (action === "none") return 404;
  return redirect?.code ?? directResponse?.status ?? 200;
}

function pathOf(url: string | undefined): string | undefined {
  const parsed = url === undefined ? undefined : new URL(url);
  return parsed && parsed.pathname + parsed.search;
}
