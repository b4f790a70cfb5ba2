import { z } from "zod";
import { checkLabels, checkName } from "../check/names.ts";
import { defineKind } from "../define.ts";
import type { Kind } from "../kind.ts";
import { message, text, textMap } from "../schema.ts";
import { immutableVerbs, ownedByServer } from "./common.ts";

const schema = message({ name: text, labels: textMap, networkInterfaces: z.array(message({ networkIP: text })) });

/** A VM that somebody registered. Obeyed: `networkInterfaces[0].networkIP`, its address. `status` is the server's. */
export const instances: Kind = defineKind({
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
