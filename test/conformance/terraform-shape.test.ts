import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { JsonObject } from "#base/json.ts";
import { conform } from "#model/conform.ts";
import { kindOfCollection } from "#model/kinds.ts";

const file = new URL("../../../shared/conformance/terraform-samples.json", import.meta.url);

interface Samples {
  readonly samples: readonly {
    readonly file: string;
    readonly resources: readonly { readonly collection: string; readonly resource: JsonObject }[];
  }[];
}

/** One sample is a template over a map, in whose other resource the key is `a-vm`; no API takes its name unexpanded. */
function expand(resource: JsonObject): JsonObject {
  return resource["name"] === "${each.key}" ? { ...resource, name: "a-vm" } : resource;
}

describe.skipIf(!existsSync(file))("Terraform's samples (skipped where ../shared/conformance is absent)", () => {
  const { samples } = existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Samples) : { samples: [] };
  const rows = samples.flatMap((sample) =>
    sample.resources.map(({ collection, resource }) => ({
      collection,
      resource: expand(resource),
      from: sample.file.split("/").at(-1) ?? "",
    })),
  );

  it("are 136 resources", () => {
    expect(rows).toHaveLength(136);
  });

  it("are as they were given, but for one name that Terraform expands before it sends it", () => {
    const given = samples.flatMap((sample) => sample.resources.map(({ resource }) => resource));
    expect(rows.filter(({ resource }, index) => resource !== given[index]).map(({ from }) => from)).toEqual([
      "backend_service_dynamic_backends.tf.tmpl",
    ]);
  });

  it.each(rows)("$from: $collection $resource.name is accepted and stays what it is", ({ collection, resource }) => {
    const kind = kindOfCollection(collection);
    if (kind === undefined) throw new Error(`no kind for ${collection}`);
    const { value, faults } = conform(kind.message, resource);
    expect(faults).toEqual([]);
    expect(value).toEqual(resource);
    const filled = kind.defaults(value);
    expect(filled).toMatchObject(resource);
    expect(kind.check(filled)).toEqual([]);
    expect(kind.check(value)).toEqual([]);
  });
});
