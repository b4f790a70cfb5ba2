/** Resources of a kind, over all its scopes, and one of them by its name. */
import type { JsonObject } from "#base/json.ts";
import type { Client } from "#client/client.ts";
import type { Kind } from "#model/kind.ts";
import { parseReference } from "#model/references.ts";
import { CommandError } from "../exit.ts";
import type { PlaceOptions } from "../options.ts";
import { projectPath, resourcePath } from "./paths.ts";

/** Where to look, and what narrows it down. */
export interface Search extends PlaceOptions {
  readonly client: Client;
  readonly project: string;
}

export interface Found {
  /** `zones/z/instanceGroups/g` */
  readonly key: string;
  readonly name: string;
  readonly resource: JsonObject;
}

/** All resources of a kind in the order of their keys, within `zone` or `region` where one is given. */
export async function findAll(search: Search, kind: Kind): Promise<Found[]> {
  const { client, project, zone, region } = search;
  const resources =
    kind.api === "compute"
      ? await client.listAggregated(`${projectPath(kind.api, project)}/aggregated/${kind.collection}`, kind.collection)
      : await client.list(collectionPath(kind, project), kind.collection);
  const found = resources.map((resource) => ({ ...keyAndName(kind, project, resource), resource }));
  const place = zone === undefined ? region && `regions/${region}/` : `zones/${zone}/`;
  return found.filter(({ key }) => place === undefined || key.startsWith(place)).toSorted((a, b) => (a.key < b.key ? -1 : 1));
}

function collectionPath(kind: Kind, project: string): string {
  return resourcePath(kind, project, kind.scopes.includes("location") ? `locations/global/${kind.collection}` : kind.collection);
}

function keyAndName(kind: Kind, project: string, { selfLink, name }: JsonObject): { key: string; name: string } {
  const text = typeof selfLink === "string" ? selfLink : typeof name === "string" ? name : "";
  const parsed = text.includes("/") ? parseReference(text, { collections: [kind.collection], project }) : undefined;
  const key = parsed !== undefined && "key" in parsed ? parsed.key : `${kind.collection}/${text}`;
  return { key, name: key.slice(key.lastIndexOf("/") + 1) };
}

/** The resource of that name, or of that key. Throws `CommandError` when there is none, or more than one. */
export async function findOne(search: Search, kind: Kind, name: string): Promise<Found> {
  return only(await findAll(search, kind), name, kind.singular);
}

/** The one of `candidates` that is called `name`. */
export function only<Candidate extends Found>(candidates: readonly Candidate[], name: string, noun: string): Candidate {
  const named = candidates.filter((one) => one.name === name || one.key === name);
  const [first, ...others] = named;
  if (first === undefined) {
    const some = candidates.slice(0, 20).map((one) => one.name);
    throw new CommandError(`there is no ${noun} '${name}'; ${some.length === 0 ? "there are none" : `there are: ${some.join(", ")}`}`);
  }
  if (others.length === 0) return first;
  throw new CommandError(`'${name}' is ambiguous, say --zone or --region: ${named.map(({ key }) => key).join(", ")}`);
}
