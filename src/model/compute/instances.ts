import { checkLabels, checkName } from "../check/names.ts";
import { defineKind } from "../define.ts";
import type { Kind } from "../kind.ts";
import { list, message, text, textMap, type Reading } from "../schema.ts";
import { immutableVerbs, ownedByServer } from "./common.ts";

const schema = message({ name: text, labels: textMap, networkInterfaces: list(message({ networkIP: text })) });

/** A VM that somebody registered. Obeyed: `networkInterfaces[0].networkIP`, its address. `status` is the server's. */
export const instances: Kind<Reading<typeof schema>> = defineKind({
  api: "compute",
  collection: "instances",
  singular: "instance",
  kind: "compute#instance",
  scopes: ["zone"],
  verbs: immutableVerbs,
  message: "Instance",
  fingerprint: false,
  outputOnly: [...ownedByServer, "status", "statusMessage", "lastStartTimestamp", "labelFingerprint"],
  schema,
  check: (resource, report) => {
    checkName(report, "resource.name", resource.name);
    checkLabels(report, "resource.labels", resource.labels);
  },
});
