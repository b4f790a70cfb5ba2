import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { JsonObject } from "#base/json.ts";
import { conform } from "#model/conform.ts";
import { httpRoutes } from "#model/networkservices/http-routes.ts";
import { urlMaps } from "#model/compute/url-maps.ts";

const folder = new URL("../../../shared/conformance/", import.meta.url);
const skip = !existsSync(folder);

function read<T>(file: string): T {
  return JSON.parse(readFileSync(new URL(file, folder), "utf8")) as T;
}

describe.skipIf(skip)("routing conformance data is accepted (skipped where ../shared/conformance is absent)", () => {
  const maps = skip ? [] : read<{ maps: { name: string; urlMap: JsonObject }[] }>("gcp-urlmaps.json").maps;
  const tests = skip ? [] : read<{ tests: { name: string; httpRoutes: JsonObject[] }[] }>("gcp-httproutes.json").tests;

  it.each(maps)("URL map $name", ({ urlMap }) => {
    const { value, faults } = conform("UrlMap", urlMap);
    expect(faults).toEqual([]);
    expect(value).toEqual(urlMap);
    expect(urlMaps.check(value)).toEqual([]);
  });

  it.each(tests)("HttpRoutes of $name", ({ httpRoutes: routes }) => {
    for (const route of routes) {
      const { value, faults } = conform("HttpRoute", route);
      expect(faults).toEqual([]);
      expect(value).toEqual(route);
      expect(httpRoutes.check(value)).toEqual([]);
    }
  });
});
