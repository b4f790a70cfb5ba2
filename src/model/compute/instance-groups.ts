import { checkName, checkNamedPorts } from "../check/names.ts";
import { defineKind } from "../define.ts";
import type { Kind } from "../kind.ts";
import { list, message, text, type Reading } from "../schema.ts";
import { immutableVerbs, namedPort, ownedByServer } from "./common.ts";

const schema = message({ name: text, namedPorts: list(namedPort) });

/** An unmanaged group, whose members are added and removed one by one. Obeyed: `namedPorts`. */
export const instanceGroups: Kind<Reading<typeof schema>> = defineKind({
  api: "compute",
  collection: "instanceGroups",
  singular: "instanceGroup",
  kind: "compute#instanceGroup",
  scopes: ["zone", "region"],
  verbs: immutableVerbs,
  message: "InstanceGroup",
  fingerprint: true,
  outputOnly: [...ownedByServer, "size"],
  schema,
  check: (resource, report) => {
    checkName(report, "resource.name", resource.name);
    checkNamedPorts(report, resource.namedPorts);
  },
});
