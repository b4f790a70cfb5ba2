/** Envoy's router_check cases as URL maps (`../shared/conformance/gcp-urlmaps.json`): the maps validate, and each request is decided as expected. */
import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { JsonObject } from "#base/json.ts";
import { compileUrlMap, runUrlMapTests } from "#control/validate/url-map-tests.ts";
import { conform } from "#model/conform.ts";
import { kindOfCollection } from "#model/kinds.ts";
import { explain, type ExplainAnswer } from "#proxy/filters/explain.ts";
import { compileSnapshot } from "#proxy/match/compile.ts";

interface Expected {
  readonly service?: string;
  readonly upstreamPath?: string;
  readonly upstreamHost?: string;
  readonly location?: string;
  readonly redirectCode?: number;
  readonly timeoutMs?: number;
}

interface Case {
  readonly request: {
    readonly host: string;
    readonly path: string;
    readonly method: string;
    readonly scheme: "http" | "https";
    readonly headers: readonly (readonly [name: string, value: string])[];
  };
  readonly expect: Expected;
  readonly random?: number;
}

interface MapFile {
  readonly name: string;
  readonly urlMap: JsonObject;
  readonly cases: readonly Case[];
}

const file = new URL("../../../shared/conformance/gcp-urlmaps.json", import.meta.url);
const maps = existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as { readonly maps: readonly MapFile[] }).maps : [];

if (maps.length === 0) test.skip("../shared/conformance/gcp-urlmaps.json is absent");

describe.each(maps)("$name", ({ urlMap, cases }) => {
  test("the model accepts the map, and its tests pass", () => {
    const { value, faults } = conform("UrlMap", urlMap);
    expect([...faults, ...(kindOfCollection("urlMaps")?.check(value) ?? ["no kind"])]).toEqual([]);
    expect(runUrlMapTests(value)).toEqual({ loadErrors: [], testFailures: [] });
  });

  test.each(cases.map((each, index) => ({ ...each, title: `${index}: ${each.request.method} ${each.request.host}${each.request.path}` })))(
    "$title",
    ({ request, expect: expected, random }) => {
      const result = compileSnapshot(compileUrlMap("p", urlMap));
      if ("error" in result) throw new Error(result.error);
      const headers = new Headers(request.headers.map(([name, value]) => [name, value]));
      const answer = explain(result.compiled, {
        method: request.method,
        scheme: request.scheme,
        authority: request.host,
        target: request.path,
        headers,
      });
      expect(seen(answer, expected, random)).toEqual(expected);
    },
  );
});

/** What is expected, as it is in the answer. */
function seen(answer: ExplainAnswer, expected: Expected, random: number | undefined): Expected {
  const upstream = answer.upstream && new URL(answer.upstream.url);
  const all = {
    service: destinationAt(answer, random ?? 0),
    upstreamPath: upstream && upstream.pathname + upstream.search,
    upstreamHost: upstream?.host,
    location: answer.redirect?.location,
    redirectCode: answer.redirect?.code,
    timeoutMs: answer.upstream?.timeoutMs,
  };
  return Object.fromEntries(Object.entries(all).filter(([field]) => Object.hasOwn(expected, field)));
}

/** Envoy takes the random value modulo the sum of the weights, and the destination in whose share it falls. */
function destinationAt({ destinations = [] }: ExplainAnswer, random: number): string | undefined {
  let left = random % destinations.reduce((sum, { weight }) => sum + weight, 0);
  return destinations.find(({ weight }) => (left -= weight) < 0)?.backendService;
}
