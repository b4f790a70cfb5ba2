import type { Scope } from "../command.ts";
import { catalogue, type Collection } from "../resources/catalogue.ts";
import type { Verb } from "../resources/context.ts";
import type { Role } from "./authorize.ts";
import type { ErrorStyle } from "./errors.ts";
import { checkProject, noSuchPath, wrongMethod, type Route, type Target } from "./paths.ts";
import { secretRoute } from "./secret-routes.ts";

/** Which form errors of a path have, also where the path leads nowhere. */
export function styleOfPath(pathname: string): ErrorStyle {
  return pathname.startsWith("/compute/") || pathname.startsWith("/batch/compute/") ? "compute" : "v1";
}

/** The APIs by the beginning of their paths, up to the project. */
const apis: readonly (readonly [prefix: string, route: (target: Target) => Route | undefined])[] = [
  ["/compute/v1/projects/", computeRoute],
  ["/wayside/v1/projects/", waysideRoute],
  ["/v1/projects/", v1Route],
];

/**
 * Finds what a request is for, from the catalogue of collections. Throws `UserError`: `notFound` for a path that leads nowhere,
 * `methodNotAllowed` for one that leads somewhere with another method.
 */
export function routeOf(method: string, pathname: string): Route {
  const api = apis.find(([prefix]) => pathname.startsWith(prefix));
  const [project, ...segments] = api ? (segmentsOf(pathname.slice(api[0].length)) ?? []) : [];
  if (!api || project === undefined) throw noSuchPath(pathname);
  checkProject(project);
  const route = api[1]({ project, method, segments });
  if (!route) throw noSuchPath(pathname);
  return route;
}

/** Undefined where a segment is empty or holds what no name can, encoded slashes among it. */
function segmentsOf(path: string): string[] | undefined {
  const decoded = path.replace(/\/$/, "").split("/").map(decodeSegment);
  return decoded.every((segment) => segment !== undefined) ? decoded : undefined;
}

function decodeSegment(segment: string): string | undefined {
  try {
    const decoded = decodeURIComponent(segment);
    return /^[^/\p{Cc}]+$/u.test(decoded) ? decoded : undefined;
  } catch {
    return undefined;
  }
}

function computeRoute({ project, method, segments }: Target): Route | undefined {
  const [first, second, third, ...rest] = segments;
  const at = (scope: Scope, collection: string): Place => ({ project, method, scope, collection });
  if (first === undefined) return find(at("", "projects"), [project]);
  if (first === "aggregated") return second === undefined || third !== undefined ? undefined : spelled(at("", second), "aggregatedList");
  if (first === "global") {
    if (second === undefined) return undefined;
    const [family, ...more] = rest;
    const isFamily = second === "images" && third === "family" && family !== undefined && more.length === 0;
    return isFamily ? named(spelled(at("global", second), "getFromFamily"), family) : find(at("global", second), segments.slice(2));
  }
  if (first === "zones" || first === "regions") {
    return third === undefined ? find(at("", first), segments.slice(1)) : find(at(`${first}/${second}`, third), rest);
  }
  // Google's path of `setUrlMap` of global target proxies lacks the `global`.
  return third === undefined ? undefined : find(at("global", first), segments.slice(1));
}

function v1Route(target: Target): Route | undefined {
  const { project, method, segments } = target;
  const [first, location, collection, name, ...rest] = segments;
  if (first === "secrets") return secretRoute({ ...target, segments: segments.slice(1) });
  if (first !== "locations") return undefined;
  if (collection === undefined) return find({ project, method, scope: "", collection: "locations" }, segments.slice(1));
  // A custom verb follows the name after a colon: `name:cancel`.
  const path = name === undefined ? [] : [...name.split(":", 2), ...rest];
  return find({ project, method, scope: `locations/${location}`, collection }, path);
}

interface ProjectVerb {
  readonly method: string;
  readonly role: Role;
}

/** Verbs of our own API on a project as a whole, which the Project object answers itself. */
const services: ProjectVerb = { method: "GET", role: "viewer" };

const projectVerbs: ReadonlyMap<string, ProjectVerb> = new Map([
  ["services", services],
  ["explain", { method: "POST", role: "viewer" }],
  ["status", { method: "GET", role: "viewer" }],
  ["metrics", { method: "POST", role: "editor" }],
  ["audit", { method: "GET", role: "admin" }],
]);

/** Collections of our own that hang on the project itself, each with the verb that no path leads to (`-`: there is none). */
const ownCollections: ReadonlyMap<string, string> = new Map([
  ["joinTokens", "redeem"],
  ["groups", "-"],
  ["groupSwitches", "advance"],
]);

function waysideRoute({ project, method, segments }: Target): Route | undefined {
  const [first = "", ...rest] = segments;
  const place = { project, method, scope: "", collection: first };
  const own = projectVerbs.get(first);
  if (own && rest.length === 0) return projectRoute(place, first, own);
  if (first === "instances") return instanceRoute(place, rest);
  const hidden = ownCollections.get(first);
  if (hidden !== undefined) return rest.includes(hidden) ? undefined : find(place, rest);
  return catalogue.get(first)?.kind?.api === "wayside" ? find(place, rest) : undefined;
}

function projectRoute({ project, method, scope }: Place, verb: string, { method: wanted, role }: ProjectVerb): Route {
  if (wanted !== method) throw wrongMethod(method, [wanted]);
  return { project, scope, collection: "wayside", verb, role };
}

/** Instances are a collection of Compute as well; these are the verbs of our own. A custom verb follows a slash or a colon. */
function instanceRoute(place: Place, rest: readonly string[]): Route | undefined {
  const [name, custom, ...more] = rest.length === 1 ? (rest[0] ?? "").split(":", 2) : rest;
  if (more.length > 0) return undefined;
  // What a VM reaches by its agent is asked for with the VM's own session.
  if (name !== undefined && custom === "services") return { ...projectRoute(place, custom, services), name };
  const verbs: Readonly<Record<string, string>> =
    name === undefined ? { GET: "listRegistered", POST: "register" } : { GET: "getRegistered", DELETE: "deregister" };
  const verb = custom === undefined ? verbs[place.method] : ["drain", "undrain", "keepalive", "run"].find((each) => each === custom);
  if (verb === undefined && custom === undefined) throw wrongMethod(place.method, Object.keys(verbs));
  return verb === undefined ? undefined : named(spelled(place, verb), name);
}

interface Place {
  readonly project: string;
  readonly method: string;
  readonly scope: Scope;
  readonly collection: string;
}

/** Verbs that the method alone tells; all others are spelled in the path. */
const standard: ReadonlySet<string> = new Set(["insert", "get", "list", "patch", "update", "delete"]);

/** The verb of a collection in a scope, by what follows the collection in the path: nothing, a name, or a name and a custom verb. */
function find(place: Place, rest: readonly string[]): Route | undefined {
  const [name, custom, ...more] = rest;
  const collection = catalogue.get(place.collection);
  if (!collection || more.length > 0 || !isIn(collection, place.scope)) return undefined;
  // A custom verb of a collection (`listUsable`) stands where a name would.
  const isVerb = name !== undefined && custom === undefined && collection.verbs.get(name)?.on === "collection" && !standard.has(name);
  if (isVerb) return spelled(place, name);
  const on = name === undefined ? "collection" : "resource";
  const rows = [...collection.verbs].filter(
    ([verb, row]) => row.on === on && (custom === undefined ? standard.has(verb) : verb === custom),
  );
  return named(choose(place, rows), name);
}

/** A verb that the path spells out. */
function spelled(place: Place, verb: string): Route | undefined {
  const row = catalogue.get(place.collection)?.verbs.get(verb);
  return choose(place, row ? [[verb, row]] : []);
}

/** The row of the request's method; undefined when there are no rows at all. */
function choose({ project, method, scope, collection }: Place, rows: readonly (readonly [string, Verb])[]): Route | undefined {
  const found = rows.find(([, row]) => row.method === method);
  if (found) return { project, scope, collection, verb: found[0], role: found[1].mutates ? "editor" : "viewer" };
  if (rows.length === 0) return undefined;
  throw wrongMethod(
    method,
    rows.map(([, row]) => row.method),
  );
}

function named(route: Route | undefined, name: string | undefined): Route | undefined {
  return route && name !== undefined ? { ...route, name } : route;
}

function isIn({ kind, scopes }: Collection, scope: Scope): boolean {
  if (kind?.api === "wayside") return scope === "";
  if (scope === "" || scope === "global") return scopes.includes(scope);
  return scopes.includes(scope.startsWith("zones/") ? "zone" : scope.startsWith("regions/") ? "region" : "location");
}
