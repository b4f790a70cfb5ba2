import { checkName } from "../check/names.ts";
import { defineKind } from "../define.ts";
import type { Kind } from "../kind.ts";
import { message, text, type Reading } from "../schema.ts";
import { ownedByServer, patchableVerbs } from "./common.ts";

const schema = message({ name: text, urlMap: text });

/** Ties forwarding rules to a URL map. Obeyed: `urlMap`. */
export const targetHttpProxies: Kind<Reading<typeof schema>> = defineKind({
  api: "compute",
  collection: "targetHttpProxies",
  singular: "targetHttpProxy",
  kind: "compute#targetHttpProxy",
  scopes: ["global", "region"],
  verbs: patchableVerbs,
  message: "TargetHttpProxy",
  fingerprint: true,
  outputOnly: ownedByServer,
  schema,
  defaults: () => ({ proxyBind: false }),
  check: ({ name, urlMap }, report) => {
    checkName(report, "resource.name", name);
    if (urlMap === undefined || urlMap === "") report.required("resource.urlMap");
  },
  references: ({ urlMap }) => [{ field: "resource.urlMap", value: urlMap, collections: ["urlMaps"] }],
});
