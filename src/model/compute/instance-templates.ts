import { checkLabels, checkName } from "../check/names.ts";
import { defineKind } from "../define.ts";
import type { Kind } from "../kind.ts";
import { list, message, text, textMap, texts, type Reading } from "../schema.ts";
import { immutableVerbs, ownedByServer } from "./common.ts";

const schema = message({
  name: text,
  properties: message({
    machineType: text,
    labels: textMap,
    metadata: message({ items: list(message({ key: text, value: text })) }),
    tags: message({ items: texts }),
  }),
});

const metadataKey = /^[a-zA-Z0-9_-]{1,128}$/;
const longestMetadataValue = 262_144;

/**
 * What the instances of a managed group are made from; it cannot be changed. Obeyed of `properties`: `metadata.items` (`startup-script`
 * among them), `labels`, `tags`, `machineType`. A template needs neither disks nor network interfaces here: instances bring their own.
 */
export const instanceTemplates: Kind<Reading<typeof schema>> = defineKind({
  api: "compute",
  collection: "instanceTemplates",
  singular: "instanceTemplate",
  kind: "compute#instanceTemplate",
  scopes: ["global", "region"],
  verbs: immutableVerbs,
  message: "InstanceTemplate",
  fingerprint: false,
  outputOnly: ownedByServer,
  schema,
  check: ({ name, properties }, report) => {
    checkName(report, "resource.name", name);
    if (properties === undefined) report.required("resource.properties");
    checkLabels(report, "resource.properties.labels", properties?.labels);
    const seen = new Set<string>();
    for (const [index, item] of (properties?.metadata?.items ?? []).entries()) {
      const path = `resource.properties.metadata.items[${index}]`;
      const { key, value = "" } = item;
      if (key === undefined || key === "") report.required(`${path}.key`);
      else if (!metadataKey.test(key)) report.invalid(`${path}.key`, key, `Must be a match of regex '${metadataKey.source.slice(1, -1)}'`);
      else if (seen.has(key)) report.invalid(`${path}.key`, key, "Duplicate metadata key.");
      else seen.add(key);
      if (value.length > longestMetadataValue) {
        report.invalid(`${path}.value`, `${value.length} characters`, `Must be at most ${longestMetadataValue} characters.`);
      }
    }
  },
});
