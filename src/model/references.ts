/** References as users write them: full URLs, partial paths, bare names. */
import { kindOfCollection } from "./kinds.ts";
import type { Kind } from "./kind.ts";

/** What the referring field allows, and whose project it is in. */
export interface ReferenceContext {
  /** Collections that the field may name: a bare name is looked up in them. */
  readonly collections: readonly string[];
  /** Taken where the text names no project. */
  readonly project: string;
}

/** A path tells scope, collection and name; a name without its scope has to be looked up. */
export type ParsedReference =
  | {
      /** `global/urlMaps/x`, `zones/z/instanceGroups/g`, `locations/global/meshes/m`, `secrets/s`. */
      readonly key: string;
      /** As it is written: an id, a number, or `_` and `-` for "this one". Exported files name the project they came from. */
      readonly project: string;
    }
  | {
      readonly bareName: string;
      /** Where to look it up, most likely first. */
      readonly collections: readonly string[];
    };

const host = /^(?:https?:)?\/\/[^/]+\//;
const api = /^(?:(?:compute|wayside)\/)?(?:v\d+(?:alpha|beta)?\d*|alpha|beta)\//;
const segment = /^[A-Za-z0-9._:~*-]+$/;

/**
 * Reads a reference in any spelling that Google takes: URLs of any host, `//networkservices.googleapis.com/projects/…`,
 * `compute/v1/projects/…`, `projects/…`, `global/backendServices/x`, `zones/z/…`, `backendServices/x`, `x`. A key whose collection is
 * none of `collections`, or unknown, is given too: what to make of it is the caller's. A name in a zonal collection without its zone is
 * a bare name. Undefined when the text is none of these.
 */
export function parseReference(text: string, { collections, project }: ReferenceContext): ParsedReference | undefined {
  const path = text.replace(host, "").replace(/^\//, "").replace(api, "");
  const parts = path.split("/");
  if (!parts.every((part) => segment.test(part))) return undefined;
  if (parts[0] === "projects") return keyOfPath(parts.slice(2), parts[1]);
  if (parts.length > 1) return keyOfPath(parts, project);
  return { bareName: path, collections };
}

const scopeWords: ReadonlySet<string> = new Set(["zones", "regions", "locations"]);

function keyOfPath(parts: readonly string[], project: string | undefined): ParsedReference | undefined {
  const [first, second, third, fourth] = parts;
  if (project === undefined || first === undefined || second === undefined) return undefined;
  if (parts.length === 2) return scopeWords.has(first) ? undefined : keyWithoutScope(first, second, project);
  if (first === "global" && parts.length === 3) return { key: parts.join("/"), project };
  if (!scopeWords.has(first) || parts.length !== 4) return undefined;
  const isCompute = kindOfCollection(third ?? "")?.api === "compute";
  if (first !== "locations" || !isCompute) return { key: parts.join("/"), project };
  // Network Services also spells compute's scopes as locations.
  return { key: second === "global" ? `global/${third}/${fourth}` : `regions/${second}/${third}/${fourth}`, project };
}

function keyWithoutScope(collection: string, name: string, project: string): ParsedReference {
  const kind = kindOfCollection(collection);
  const scope = kind === undefined ? "" : widestScope(kind);
  return scope === undefined ? { bareName: name, collections: [collection] } : { key: `${scope}${collection}/${name}`, project };
}

/** The scope that a reference without one means, as the beginning of a key; undefined where the kind has zones or regions only. */
function widestScope({ scopes }: Kind): string | undefined {
  if (scopes.includes("project")) return "";
  if (scopes.includes("global")) return "global/";
  return scopes.includes("location") ? "locations/global/" : undefined;
}
