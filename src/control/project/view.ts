import type { ResourceView } from "#control/compiler/view.ts";
import type { Vault } from "../secrets/vault.ts";
import type { Store } from "../store/store.ts";

/** What the compiler sees of the project; always the present state, also within a transaction. */
export function projectView(parts: { readonly project: string; readonly store: Store; readonly vault: Vault }): ResourceView {
  const { project, store, vault } = parts;
  return {
    project,
    get: (key) => store.get(key)?.resource,
    list: (collection) => store.list(collection),
    groupReport: (groupKey) => store.groupReport(groupKey),
    secretVersion: (name) => vault.latestEnabled(name),
  };
}
