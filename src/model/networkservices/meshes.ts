import { checkPort } from "../check/names.ts";
import { defineKind } from "../define.ts";
import type { Kind } from "../kind.ts";
import { message, number } from "../schema.ts";
import { checkCommon, commonShape, networkVerbs, ownedByServer } from "./common.ts";

const schema = message({ ...commonShape, interceptionPort: number });

/** A mesh, to which routes are attached by name. No field is obeyed beyond the name. */
export const meshes: Kind = defineKind({
  api: "networkservices",
  collection: "meshes",
  singular: "mesh",
  kind: "networkservices#mesh",
  scopes: ["location"],
  verbs: networkVerbs,
  message: "Mesh",
  fingerprint: false,
  outputOnly: ownedByServer,
  schema,
  check: (resource, report) => {
    checkCommon(report, resource);
    checkPort(report, "resource.interceptionPort", resource.interceptionPort);
  },
});
