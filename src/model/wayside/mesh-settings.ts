import { checkNetworkName } from "../check/names.ts";
import { defineKind } from "../define.ts";
import type { Kind } from "../kind.ts";
import { message, number, text, type Reading } from "../schema.ts";

const schema = message({ name: text, tracing: message({ samplingRatio: number }) });

/**
 * What Google's mesh has no field for. Named like the mesh or gateway it is for, which need not be there yet. Obeyed:
 * `tracing.samplingRatio`, the share of new traces that are recorded, 0 to 1, default 1.
 */
export const meshSettings: Kind<Reading<typeof schema>> = defineKind({
  api: "wayside",
  collection: "meshSettings",
  singular: "meshSettings",
  kind: "wayside#meshSettings",
  scopes: ["project"],
  verbs: ["insert", "get", "list", "patch", "update", "delete"],
  message: "MeshSettings",
  fingerprint: false,
  outputOnly: ["kind"],
  schema,
  defaults: () => ({ tracing: { samplingRatio: 1 } }),
  check: ({ name, tracing }, report) => {
    checkNetworkName(report, name);
    report.range("resource.tracing.samplingRatio", tracing?.samplingRatio, [0, 1]);
  },
});
