import { checkName } from "../check/names.ts";
import { defineKind } from "../define.ts";
import type { Kind } from "../kind.ts";
import { message, text } from "../schema.ts";
import { ownedByServer, patchableVerbs } from "./common.ts";

const schema = message({ name: text, urlMap: text });

/** Ties forwarding rules to a URL map for proxyless gRPC clients. Stored and echoed; no field is obeyed. */
export const targetGrpcProxies: Kind = defineKind({
  api: "compute",
  collection: "targetGrpcProxies",
  singular: "targetGrpcProxy",
  kind: "compute#targetGrpcProxy",
  scopes: ["global"],
  verbs: patchableVerbs,
  message: "TargetGrpcProxy",
  fingerprint: true,
  outputOnly: ownedByServer,
  schema,
  check: ({ name, urlMap }, report) => {
    checkName(report, "resource.name", name);
    if (urlMap === undefined || urlMap === "") report.required("resource.urlMap");
  },
  references: ({ urlMap }) => [{ field: "resource.urlMap", value: urlMap, collections: ["urlMaps"] }],
});
