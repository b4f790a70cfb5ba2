/** Where the control API serves resources of each kind. */
import type { Api, Kind } from "#model/kind.ts";

const roots: Readonly<Record<Api, string>> = {
  compute: "/compute/v1",
  networkservices: "/v1",
  networksecurity: "/v1",
  secretmanager: "/v1",
  wayside: "/wayside/v1",
};

/** What hangs on a project: `/compute/v1/projects/p/…`. */
export function projectPath(api: Api, project: string): string {
  return `${roots[api]}/projects/${encodeURIComponent(project)}`;
}

/** Of one resource; `key` is `zones/z/instanceGroups/g`, `locations/global/meshes/m`, `secrets/s`. */
export function resourcePath(kind: Kind, project: string, key: string): string {
  return `${projectPath(kind.api, project)}/${key.split("/").map(encodeURIComponent).join("/")}`;
}

/** Where a resource of that key is created: Compute and our own API take the name from the body, the others from the query. */
export function insertPath(kind: Kind, project: string, key: string): string {
  const collection = resourcePath(kind, project, key.slice(0, key.lastIndexOf("/")));
  if (kind.api === "compute" || kind.api === "wayside") return collection;
  return `${collection}?${kind.singular}Id=${encodeURIComponent(key.slice(key.lastIndexOf("/") + 1))}`;
}
