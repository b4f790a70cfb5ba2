/** What holds for all of a service's requests: the settings of its mesh, gateway or URL map. */
import { defaultMessageLimits, defaultPathPolicy, type MessageLimits, type PathPolicy } from "#ir/policy.ts";
import { grpcRoutes } from "#model/networkservices/grpc-routes.ts";
import { httpRoutes } from "#model/networkservices/http-routes.ts";
import { meshSettings, type MeshSettings } from "#model/wayside/mesh-settings.ts";
import { resolve, shortName } from "./references.ts";
import { collectionOf, read, type ResourceView } from "./view.ts";

/** Of the first mesh or gateway of a route that has settings; of a URL map, which has no mesh, those of its own name. */
export function settingsOf(view: ResourceView, owner: string): MeshSettings | undefined {
  for (const name of scopesOf(view, owner)) {
    const settings = read(view, meshSettings, `meshSettings/${name}`);
    if (settings) return settings;
  }
  return undefined;
}

function scopesOf(view: ResourceView, owner: string): string[] {
  const collection = collectionOf(owner);
  if (collection === "urlMaps") return [shortName(owner)];
  const route = collection === "grpcRoutes" ? read(view, grpcRoutes, owner) : read(view, httpRoutes, owner);
  const keys = [
    ...(route?.meshes ?? []).map((mesh) => resolve(view, mesh, ["meshes"])),
    ...(route?.gateways ?? []).map((gateway) => resolve(view, gateway, ["gateways"])),
  ];
  return keys.flatMap((key) => (key === undefined ? [] : [shortName(key)]));
}

/** The snapshot's part that the settings make; what they do not say has the reader's defaults. */
export function messagePolicies(settings: MeshSettings | undefined): { readonly paths?: PathPolicy; readonly limits?: MessageLimits } {
  const { paths, limits } = settings ?? {};
  return { ...(paths && { paths: pathPolicy(paths) }), ...(limits && { limits: messageLimits(limits) }) };
}

function pathPolicy({ escapedSlashes, mergeSlashes }: NonNullable<MeshSettings["paths"]>): PathPolicy {
  const known = escapedSlashes === "REJECT" || escapedSlashes === "DECODE" ? escapedSlashes : defaultPathPolicy.escapedSlashes;
  return { escapedSlashes: known, mergeSlashes: mergeSlashes ?? defaultPathPolicy.mergeSlashes };
}

function messageLimits(given: NonNullable<MeshSettings["limits"]>): MessageLimits {
  const of = (name: keyof MessageLimits): number => Math.max(0, given[name] ?? defaultMessageLimits[name]);
  return {
    urlBytes: of("urlBytes"),
    requestHeaders: of("requestHeaders"),
    requestHeaderBytes: of("requestHeaderBytes"),
    requestBodyBytes: of("requestBodyBytes"),
    responseHeaders: of("responseHeaders"),
    responseHeaderBytes: of("responseHeaderBytes"),
  };
}

interface MetadataFilter {
  readonly filterMatchCriteria?: string;
  readonly filterLabels?: readonly { readonly name?: string; readonly value?: string }[];
}

/**
 * Whether proxies with these labels are meant (Google's `metadataFilters`: all filters must pass, by one label or by all of them as each
 * says). Rules that are for others are not in the snapshot at all.
 */
export function filtersPass(filters: readonly MetadataFilter[] | undefined, labels: Readonly<Record<string, string>>): boolean {
  return (filters ?? []).every(({ filterMatchCriteria, filterLabels = [] }) => {
    const has = ({ name = "", value = "" }: { readonly name?: string; readonly value?: string }): boolean =>
      Object.hasOwn(labels, name) && labels[name] === value;
    return filterMatchCriteria === "MATCH_ANY" ? filterLabels.some(has) : filterLabels.every(has);
  });
}
