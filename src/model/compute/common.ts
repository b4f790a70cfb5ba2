/** What the resources of the Compute API have in common. */
import type { StandardVerb } from "../kind.ts";
import { message, number, text, type Reading } from "../schema.ts";

/** Fields that the server owns on every compute resource. `region` and `zone` come from the path of the call. */
export const ownedByServer: readonly string[] = [
  "kind",
  "id",
  "creationTimestamp",
  "selfLink",
  "selfLinkWithId",
  "region",
  "zone",
  "fingerprint",
];

export const immutableVerbs: readonly StandardVerb[] = ["insert", "get", "list", "delete"];
export const patchableVerbs: readonly StandardVerb[] = ["insert", "get", "list", "patch", "delete"];
export const allVerbs: readonly StandardVerb[] = ["insert", "get", "list", "patch", "update", "delete"];

/** `{name, port}` of an instance group. */
export const namedPort = message({ name: text, port: number });

export type NamedPort = Reading<typeof namedPort>;
