/** Files as the compiler sees a project. */
import { collectionOf, type ResourceView } from "#control/compiler/view.ts";
import { comparable } from "../apply/compare.ts";
import type { Manifest } from "./manifest.ts";

/** The files as a project whose groups have not reported yet. Whoever stands first in the files is the oldest. */
export function resourceView(manifests: readonly Manifest[], project: string): ResourceView {
  const resources = manifests.map(({ kind, key, name, body }, index) => ({
    key,
    resource: comparable(kind, name, body),
    createdAtMs: index,
  }));
  const byKey = new Map(resources.map(({ key, resource }) => [key, resource]));
  return {
    project,
    get: (key) => byKey.get(key),
    list: (collection) => resources.filter(({ key }) => collectionOf(key) === collection),
    groupReport: () => undefined,
    // What a secret's versions are is in no file; that there is the secret is enough here.
    secretVersion: (name) => (byKey.has(`secrets/${name}`) ? 1 : null),
  };
}
