/** Which services files define, found out without a control plane: deploying needs a proxy for each. */
import { collectionOf, type ResourceView, type ViewedResource } from "#control/compiler/view.ts";
import { serviceTable } from "#control/compiler/services.ts";
import { manifestsOf } from "../src/cli/files/manifest.ts";

/**
 * The services (host patterns, `*` among them) that files or folders define, sorted. Throws an error with `file:line:col` of every fault
 * of the files.
 */
export async function servicesOf(files: readonly string[], project: string): Promise<string[]> {
  const manifests = await manifestsOf(files);
  const resources = manifests.map(({ kind, key, body }, index): ViewedResource => ({
    key,
    resource: kind.defaults(body),
    createdAtMs: index,
  }));
  const byKey = new Map(resources.map(({ key, resource }) => [key, resource]));
  const view: ResourceView = {
    project,
    get: (key) => byKey.get(key),
    list: (collection) => resources.filter(({ key }) => collectionOf(key) === collection),
    groupReport: () => undefined,
    secretVersion: () => null,
  };
  return serviceTable(view).entries.map(({ service }) => service);
}
