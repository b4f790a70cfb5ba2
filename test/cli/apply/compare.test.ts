import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Json, JsonObject } from "#base/json.ts";
import { comparable, isSame, patchBetween } from "#cli/apply/compare.ts";
import { mergePatch } from "#control/resources/merge.ts";
import { kindNamed } from "#model/kinds.ts";
import type { Kind } from "#model/kind.ts";
import { conforming } from "../../model/arbitrary.ts";

function kind(name: string): Kind {
  const found = kindNamed(name);
  if (found === undefined) throw new Error(name);
  return found;
}

function same(name: string, wanted: JsonObject, current: JsonObject): boolean {
  const one = kind(name);
  return isSame(one, "demo", { wanted: comparable(one, "x", wanted), current: comparable(one, "x", current) });
}

const root = "https://www.googleapis.com/compute/v1/projects/demo";

describe("references count by what they name", () => {
  it.each([
    ["global/urlMaps/m", `${root}/global/urlMaps/m`, true],
    ["m", `${root}/global/urlMaps/m`, true],
    ["projects/demo/global/urlMaps/m", "https://compute.googleapis.com/compute/v1/projects/demo/global/urlMaps/m", true],
    ["global/urlMaps/m", "global/urlMaps/n", false],
    ["regions/r/urlMaps/m", "global/urlMaps/m", false],
  ])("%s and %s: %s", (a, b, expected) => {
    expect(same("compute#targetHttpProxy", { urlMap: a }, { urlMap: b })).toBe(expected);
  });

  it("also inside of lists", () => {
    const backends = (group: string): JsonObject => ({ backends: [{ group: "zones/z/instanceGroups/first" }, { group }] });
    expect(same("compute#backendService", backends("g"), backends(`${root}/zones/z/instanceGroups/g`))).toBe(true);
    expect(same("compute#backendService", backends("h"), backends(`${root}/zones/z/instanceGroups/g`))).toBe(false);
  });
});

describe("what the server adds is no change", () => {
  it("defaults, ids, links", () => {
    const wanted = { name: "hc", type: "TCP", tcpHealthCheck: { port: 80 } };
    const current = {
      kind: "compute#healthCheck",
      id: "1",
      selfLink: `${root}/global/healthChecks/hc`,
      name: "hc",
      type: "TCP",
      checkIntervalSec: 5,
      timeoutSec: 5,
      healthyThreshold: 2,
      unhealthyThreshold: 2,
      tcpHealthCheck: { port: 80, proxyHeader: "NONE" },
    };
    expect(same("compute#healthCheck", wanted, current)).toBe(true);
    expect(same("compute#healthCheck", { ...wanted, timeoutSec: 4 }, current)).toBe(false);
  });

  const template = "global/instanceTemplates/t";
  it.each<[string, JsonObject, JsonObject, boolean]>([
    [
      "a manager's version",
      { instanceTemplate: template },
      { instanceTemplate: template, versions: [{ instanceTemplate: template, targetSize: { calculated: 2 } }] },
      true,
    ],
    ["a version for a template", { versions: [{ instanceTemplate: template }] }, { instanceTemplate: template }, true],
    ["calculated surge", { updatePolicy: { maxSurge: { fixed: 1 } } }, { updatePolicy: { maxSurge: { fixed: 1, calculated: 1 } } }, true],
    ["another template", { instanceTemplate: template }, { instanceTemplate: "u", versions: [{ instanceTemplate: "u" }] }, false],
  ])("%s", (_what, wanted, current, expected) => {
    expect(same("compute#instanceGroupManager", { name: "g", targetSize: 2, ...wanted }, { name: "g", targetSize: 2, ...current })).toBe(
      expected,
    );
  });

  it("numbers and flags as text", () => {
    expect(same("compute#backendService", { timeoutSec: "5", enableCDN: "true" }, { timeoutSec: 5, enableCDN: true })).toBe(true);
    expect(same("compute#backendService", { timeoutSec: "5" }, { timeoutSec: 6 })).toBe(false);
  });
});

it("a resource is the same as itself, and as itself under comparison", () => {
  for (const name of ["compute#urlMap", "compute#backendService", "compute#instanceGroupManager", "networkservices#httpRoute"]) {
    const one = kind(name);
    fc.assert(
      fc.property(conforming(one.message, 2), (resource) => {
        expect(same(name, resource, resource)).toBe(true);
        expect(same(name, comparable(one, "x", resource), resource)).toBe(true);
      }),
      { numRuns: 50 },
    );
  }
});

it("a patch turns the one into the other, for whoever merges it by RFC 7396", () => {
  const leaf = fc.oneof(fc.nat(), fc.string(), fc.boolean(), fc.array(fc.nat(), { maxLength: 2 }));
  const { object } = fc.letrec<{ object: JsonObject; value: Json }>((tie) => ({
    object: fc.dictionary(fc.constantFrom("a", "b", "c"), tie("value"), { maxKeys: 3, noNullPrototype: true }),
    value: fc.oneof({ depthSize: "small" }, leaf, tie("object")),
  }));
  fc.assert(
    fc.property(object, object, (current, wanted) => {
      expect(mergePatch(current, patchBetween(current, wanted))).toEqual(wanted);
    }),
  );
});
