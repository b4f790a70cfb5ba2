import type { JsonObject } from "#base/json.ts";
import { regions, zones } from "#model/compute/locations.ts";
import type { Kind, ScopeKind } from "#model/kind.ts";
import type { Scope } from "../command.ts";
import type { StoredResource } from "../store/store.ts";
import type { Call, Verb } from "./context.ts";
import { listDerived } from "./derived.ts";
import { computeLink, scopeOf } from "./names.ts";
import { pageOf, type Listed, type Page } from "./page.ts";
import { present } from "./present.ts";

/** `list` and `aggregatedList` of a kind. */
export function listVerb(kind: Kind): Verb {
  return { method: "GET", on: "collection", mutates: false, run: (call) => ({ answer: list(call, kind) }) };
}

export function aggregatedListVerb(kind: Kind): Verb {
  return { method: "GET", on: "collection", mutates: false, run: (call) => ({ answer: aggregatedList(call, kind) }) };
}

function list(call: Call, kind: Kind): JsonObject {
  const { command } = call;
  const inScope = all(call, kind).filter((stored) => inside(stored, command.scope));
  const listed = inScope.map((stored): Listed => ({ key: stored.key, body: present(call, kind, stored) }));
  if (kind.api !== "compute") {
    const page = pageOf(listed, command.query, "pageSize");
    return { [kind.collection]: bodies(page), ...nextToken(page) };
  }
  const page = pageOf(listed, command.query, "maxResults");
  return {
    kind: `${kind.kind}List`,
    id: `projects/${command.project}/${command.scope}/${kind.collection}`,
    items: bodies(page),
    selfLink: computeLink(command.project, `${command.scope}/${kind.collection}`),
    ...nextToken(page),
  };
}

/** `locations/-` is every location, as in all of Google's `/v1` APIs. */
function inside(stored: StoredResource, scope: Scope): boolean {
  return scope === "locations/-" || scopeOf(stored.key) === scope;
}

function aggregatedList(call: Call, kind: Kind): JsonObject {
  const { project, query } = call.command;
  const listed = all(call, kind).map((stored): Listed => ({ key: stored.key, body: present(call, kind, stored) }));
  const page = pageOf(listed, query, "maxResults");
  return aggregate({ project, collection: kind.collection, kind: `${kind.kind}AggregatedList`, scopes: kind.scopes }, page);
}

export interface Aggregated {
  readonly project: string;
  readonly collection: string;
  /** `compute#urlMapAggregatedList` */
  readonly kind: string;
  readonly scopes: readonly ScopeKind[];
}

/** A page as a map of scopes; each scope that the collection can have is there, those with nothing on this page with Google's warning. */
export function aggregate({ project, collection, kind, scopes }: Aggregated, page: Page): JsonObject {
  const items = new Map<Scope, JsonObject>();
  for (const scope of scopes.flatMap(places)) items.set(scope, emptyScope(scope));
  const byScope = Map.groupBy(page.items, ({ key }) => scopeOf(key));
  for (const [scope, listed] of byScope) items.set(scope, { [collection]: listed.map(({ body }) => body) });
  return {
    kind,
    id: `projects/${project}/aggregated/${collection}`,
    items: Object.fromEntries(items),
    selfLink: computeLink(project, `aggregated/${collection}`),
    ...nextToken(page),
  };
}

function emptyScope(scope: Scope): JsonObject {
  const message = `There are no results for scope '${scope}' on this page.`;
  return { warning: { code: "NO_RESULTS_ON_PAGE", message, data: [{ key: "scope", value: scope }] } };
}

function places(scope: ScopeKind): Scope[] {
  if (scope === "global") return ["global"];
  if (scope === "region") return regions.map((region) => `regions/${region}`);
  return scope === "zone" ? zones.map(({ name }) => `zones/${name}`) : [];
}

function all({ command, context }: Call, kind: Kind): StoredResource[] {
  return [...context.store.list(kind.collection), ...listDerived(context.store, command.project, kind.collection)];
}

export function bodies(page: Page): JsonObject[] {
  return page.items.map(({ body }) => body);
}

export function nextToken(page: Page): JsonObject {
  return page.nextPageToken === undefined ? {} : { nextPageToken: page.nextPageToken };
}
