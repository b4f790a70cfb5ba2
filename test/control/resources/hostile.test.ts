/** Input that nobody should send: it is the sender's fault, changes nothing and brings nothing down. */
import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { UserError } from "#base/errors.ts";
import type { Json } from "#base/json.ts";
import type { Kind } from "#model/kind.ts";
import { catalogue } from "#control/resources/catalogue.ts";
import { execute } from "#control/resources/execute.ts";
import { compute, openHarness, project, services, zone, type Harness } from "./harness.ts";
import { createBase, samples, servedKinds } from "./samples.ts";

let harness: Harness;

beforeEach(async () => {
  harness = openHarness();
  await createBase(harness);
});

const maps = `${compute}/global/urlMaps`;

describe("bodies", () => {
  it.each<[string, string, Json | undefined, string]>([
    [maps, "no body", undefined, "Required field 'resource' not specified"],
    [maps, "an empty text", "", "Required field 'resource' not specified"],
    [maps, "null", null, "Required field 'resource' not specified"],
    [maps, "a list", [], "Invalid value for field 'resource': '[]'. A JSON object is expected."],
    [maps, "a number", 7, "Invalid value for field 'resource': '7'. A JSON object is expected."],
    [maps, "an empty object", {}, "Required field 'resource.name' not specified"],
    [maps, "a name of a wrong type", { name: 7 }, "Invalid value at 'resource.name' (TYPE_STRING), 7"],
    [
      maps,
      "a name of wrong letters",
      { name: "Shop", defaultService: "base" },
      "Invalid value for field 'resource.name': 'Shop'. Must be a match of regex",
    ],
    [maps, "a name that is a path", { name: "../x", defaultService: "base" }, "Invalid value for field 'resource.name': '../x'."],
    [
      maps,
      "an unknown field",
      { name: "m", defaultService: "base", defaltService: "x" },
      "Invalid JSON payload received. Unknown name \"defaltService\" at 'resource': Cannot find field.",
    ],
    [
      maps,
      "constructor.prototype",
      { name: "m", constructor: { prototype: { polluted: 1 } } },
      "Unknown name \"constructor\" at 'resource'",
    ],
    [
      maps,
      "a malformed reference",
      { name: "m", defaultService: "a b" },
      "Invalid value for field 'resource.defaultService': 'a b'. The URL is malformed.",
    ],
    [
      `${compute}/${zone}/instanceGroupManagers`,
      "a size of a wrong type",
      { name: "g", targetSize: "many" },
      "Invalid value at 'resource.targetSize' (TYPE_INT32), \"many\"",
    ],
    [
      `${compute}/${zone}/instances`,
      "a metadata server",
      { name: "vm", networkInterfaces: [{ networkIP: "169.254.169.254" }] },
      "It must be a unicast address; it is linkLocal.",
    ],
    [`${services}/meshes`, "no id", {}, "Required field 'meshId' not specified"],
    [
      `${services}/meshes?meshId=A`,
      "an id of wrong letters",
      {},
      "Invalid value for field 'meshId': 'A'. Must be a match of regex '(?:[a-z](?:[-_a-z0-9]{0,61}[a-z0-9])?)'",
    ],
  ])("%s refuses %s", async (...[path, _what, body, message]) => {
    const answer = await harness.send("POST", path, body);
    expect(answer.body.error?.message).toContain(message);
    expect(answer.status).toBe(400);
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
    expect(harness.changes()).toEqual([]);
  });

  it("are told everything that is wrong with them at once", async () => {
    const { body } = await harness.send("POST", maps, { name: "m", oops: 1, hostRules: [{ hosts: 7, pathMatcher: {} }] });
    expect(body.error.errors.length).toBeGreaterThanOrEqual(3);
    expect(body.error.errors.every(({ location }: { location?: string }) => location?.startsWith("resource."))).toBe(true);
  });
});

/** What a fuzzer should know of the fields, so that it gets beyond the first check. */
function words(kind: Kind): string[] {
  const own = Object.keys(samples[kind.collection] ?? {});
  return [...own, "name", "labels", "description", "fingerprint", "id", "__proto__", "constructor", "toString", "kind"];
}

function bodies(kind: Kind): fc.Arbitrary<Json> {
  const leaf = fc.oneof(
    fc.constantFrom<Json>(null, "", "base", "global/backendServices/base", "projects/x/y", "{secret.a}", -1, 1e99, 0.5, true),
    fc.string(),
    fc.integer(),
  );
  const { node } = fc.letrec<{ node: Json }>((tie) => ({
    node: fc.oneof(
      { maxDepth: 5, withCrossShrink: true },
      leaf,
      fc.array(tie("node"), { maxLength: 3 }),
      fc.dictionary(fc.oneof(fc.constantFrom(...words(kind)), fc.string()), tie("node"), {
        maxKeys: 4,
        noNullPrototype: true,
      }) as fc.Arbitrary<Json>,
    ),
  }));
  const sample = samples[kind.collection] ?? {};
  // Half of them are the valid sample with some fields spoilt.
  const spoilt = fc.dictionary(fc.constantFrom(...words(kind)), node, { maxKeys: 3, noNullPrototype: true });
  return fc.oneof(
    node,
    spoilt.map((fields) => ({ name: "fuzz", ...sample, ...fields }) as Json),
  );
}

describe("random bodies", () => {
  it.each(servedKinds.map((kind) => ({ kind, name: kind.collection })))(
    "for any verb of $name are taken or are the sender's fault",
    ({ kind, name }) => {
      const verbs = [...(catalogue.get(name)?.verbs ?? [])].map(([verb]) => verb);
      const scope =
        kind.api === "compute" ? (kind.scopes.includes("global") ? "global" : zone) : kind.api === "wayside" ? "" : "locations/global";
      const command = fc.record({
        verb: fc.constantFrom(...verbs),
        name: fc.constantFrom("base", "fuzz", "none"),
        body: bodies(kind),
        query: fc.constantFrom<Record<string, string>>(
          {},
          { size: "3" },
          { [`${kind.singular}Id`]: "fuzz" },
          { updateMask: "labels,description" },
        ),
      });
      fc.assert(
        fc.property(command, (parts) => {
          try {
            const { outcome } = execute({ project, collection: name, scope, user: "fuzz", ...parts }, harness.context);
            expect(outcome.status).toBe(200);
          } catch (thrown) {
            if (!(thrown instanceof UserError)) throw thrown;
            expect(thrown.faults.length).toBeGreaterThan(0);
          }
          expect(Object.keys(Object.prototype)).toEqual([]);
        }),
        { numRuns: 150 },
      );
    },
  );
});
