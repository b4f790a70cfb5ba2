import { checkNetworkName } from "../check/names.ts";
import { defineKind } from "../define.ts";
import type { Kind } from "../kind.ts";
import { flag, message, number, text, textMap, type Reading } from "../schema.ts";

const schema = message({
  name: text,
  tracing: message({ samplingRatio: number }),
  proxyLabels: textMap,
  paths: message({ escapedSlashes: text, mergeSlashes: flag }),
  limits: message({
    urlBytes: number,
    requestHeaders: number,
    requestHeaderBytes: number,
    requestBodyBytes: number,
    responseHeaders: number,
    responseHeaderBytes: number,
  }),
});

export type MeshSettings = Reading<typeof schema>;

const limitNames = [
  "urlBytes",
  "requestHeaders",
  "requestHeaderBytes",
  "requestBodyBytes",
  "responseHeaders",
  "responseHeaderBytes",
] as const;

/**
 * What Google's mesh has no field for. Named like the mesh, gateway or URL map it is for, which need not be there yet. Obeyed:
 * `tracing.samplingRatio`, the share of new traces that are recorded, 0 to 1, default 1; `proxyLabels`, what metadata filters see of the
 * proxies; `paths`, what is done to paths before anything looks at them (`escapedSlashes` KEEP by default, REJECT or DECODE; `mergeSlashes`);
 * `limits`, how large messages may be.
 */
export const meshSettings: Kind<MeshSettings> = defineKind({
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
  check: ({ name, tracing, limits }, report) => {
    checkNetworkName(report, name);
    report.range("resource.tracing.samplingRatio", tracing?.samplingRatio, [0, 1]);
    for (const limit of limitNames) report.range(`resource.limits.${limit}`, limits?.[limit], [0, 2_147_483_647]);
  },
});
