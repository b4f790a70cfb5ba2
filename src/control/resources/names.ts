import type { Scope } from "../command.ts";
import type { ResourceKey } from "../store/store.ts";

/** Keys, paths and URLs of resources: one resource has one key in its project, and every spelling is made from it. */

/** Goldens, exported YAML and Terraform compare links, so they carry Google's host wherever this runs. */
const computeRoot = "https://www.googleapis.com/compute/v1";

export function keyOf(scope: Scope, collection: string, name: string): ResourceKey {
  return scope === "" ? `${collection}/${name}` : `${scope}/${collection}/${name}`;
}

/** `global`, `zones/z`, … of a key; `""` where the resource hangs on the project itself. */
export function scopeOf(key: ResourceKey): Scope {
  return key.split("/").slice(0, -2).join("/");
}

export function collectionOf(key: ResourceKey): string {
  return key.split("/").at(-2) ?? "";
}

export function nameOf(key: ResourceKey): string {
  return key.split("/").at(-1) ?? "";
}

/** `projects/p/global/urlMaps/x`: what messages name. */
export function pathOf(project: string, key: ResourceKey): string {
  return `projects/${project}/${key}`;
}

/** The full URL that Google's Compute API gives a resource, a zone or a region. */
export function computeLink(project: string, key: string): string {
  return `${computeRoot}/${pathOf(project, key)}`;
}

/** `instanceTemplate` → `instance_template`, as in-use messages spell it. */
export function snakeCase(camel: string): string {
  return camel.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** `urlMap` → `UrlMap`. */
export function upperFirst(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
