/** Resources of the Terraform provider's samples, through the API and back: what was given is answered, and writing it back is no change. */
import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { JsonObject } from "#base/json.ts";
import { kindOfCollection } from "#model/kinds.ts";
import { compute, openHarness, services, type Harness } from "../control/resources/harness.ts";

const file = new URL("../../../shared/conformance/terraform-samples.json", import.meta.url);

interface Sample {
  readonly file: string;
  readonly resources: readonly { readonly collection: string; readonly resource: JsonObject }[];
}

const samples = existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as { samples: Sample[] }).samples : [];

/** Placeholders of Terraform's own language are no names; Google never sees them. */
function withoutTemplates(text: string): string {
  return text.replaceAll(/\$\{[^}]*\}/g, "value");
}

/** Samples leave out what they refer to; each thing that the API misses is put there. */
async function create(harness: Harness, path: string, body: JsonObject): Promise<void> {
  for (let attempt = 0; attempt < 20; attempt += 1) {
    const answer = await harness.send("POST", path, body);
    if (answer.status === 200) return;
    const missing = /projects\/[^/]+\/((?:global|regions\/[^/]+|locations\/global)\/([^/]+)\/([^']+))' was not found/.exec(
      answer.body.error.message,
    );
    if (answer.status !== 404 || !missing) throw new Error(`${answer.status} ${JSON.stringify(answer.body)}`);
    const [, key = "", collection = "", name = ""] = missing;
    harness.store.put({ key, collection, name, resource: { name }, id: "1", createdAtMs: 0, updatedAtMs: 0, revision: 0 }, []);
  }
  throw new Error("a reference that cannot be satisfied");
}

describe.skipIf(samples.length === 0)(`samples of the Terraform provider (skipped where ../shared/conformance is absent)`, () => {
  for (const sample of samples) {
    for (const { collection, resource } of sample.resources) {
      it(`${sample.file.split("/").at(-1)} ${collection}`, async () => {
        const harness = openHarness();
        const kind = kindOfCollection(collection);
        // The region of a regional resource is its path's; what is answered is its URL.
        const { name = "value", region, ...rest } = JSON.parse(withoutTemplates(JSON.stringify(resource))) as JsonObject;
        const isCompute = kind?.api === "compute";
        const scope = typeof region === "string" ? `regions/${region}` : "global";
        const base = isCompute ? `${compute}/${scope}/${collection}` : `${services}/${collection}`;
        // Two maps expect the default where a rule of theirs takes every request.
        const isWrong = collection === "urlMaps" && sample.file.includes("url_map_http_filter");
        const given = isWrong ? { ...rest, tests: [] } : rest;
        const named = typeof name === "string" ? name : "";
        await create(harness, isCompute ? base : `${base}?${kind?.singular}Id=${named}`, isCompute ? { name: named, ...given } : given);
        const got = await harness.must("GET", `${base}/${named}`);
        expect(got).toMatchObject(given);
        await harness.must("PATCH", `${base}/${named}`, got);
        expect(harness.changes()).toEqual([]);
        await harness.must("DELETE", `${base}/${named}`);
        expect((await harness.send("GET", `${base}/${named}`)).status).toBe(404);
      });
    }
  }
});
