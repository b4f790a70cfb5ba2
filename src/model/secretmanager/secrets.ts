import { checkLabels } from "../check/names.ts";
import { defineKind } from "../define.ts";
import type { Kind } from "../kind.ts";
import { message, text, textMap } from "../schema.ts";

const schema = message({ name: text, labels: textMap });

const secretName = /^[A-Za-z0-9_-]{1,255}$/;

/** A secret; its versions are no resources of their own. Obeyed: the name, which header values hold as `{secret.NAME}`. */
export const secrets: Kind = defineKind({
  api: "secretmanager",
  collection: "secrets",
  singular: "secret",
  kind: "secretmanager#secret",
  scopes: ["project"],
  verbs: ["insert", "get", "list", "patch", "delete"],
  message: "Secret",
  fingerprint: false,
  outputOnly: ["createTime", "etag"],
  schema,
  defaults: (resource) => (Object.hasOwn(resource, "replication") ? {} : { replication: { automatic: {} } }),
  check: ({ name, labels }, report) => {
    const short = name?.slice(name.lastIndexOf("/") + 1);
    if (short !== undefined && !secretName.test(short)) {
      report.invalid("resource.name", name, `Must be a match of regex '${secretName.source.slice(1, -1)}'`);
    }
    checkLabels(report, "resource.labels", labels);
  },
});
