/** `wayside get`: the resources of a kind in a table, or as the API gives them. */
import type { Kind } from "#model/kind.ts";
import { type ApiOptions, clientOf, type PlaceOptions } from "../options.ts";
import { print } from "../output/print.ts";
import { resourceTable } from "../output/columns.ts";
import { findAll, only, type Search } from "../resources/find.ts";
import { allGroups, groupJson, groupTable } from "../resources/groups.ts";
import { groups, kindOfWord } from "../resources/kind-words.ts";

export type GetOptions = ApiOptions & PlaceOptions;

export async function run({ kind, name }: { kind: string; name: string | undefined }, options: GetOptions): Promise<void> {
  const search = { ...options, client: clientOf(options) };
  const meant = kindOfWord(kind);
  await (meant === groups ? getGroups(search, name, options) : getKind(search, { kind: meant, name }, options));
}

async function getGroups(search: Search, name: string | undefined, { output }: GetOptions): Promise<void> {
  const all = await allGroups(search);
  const one = name === undefined ? undefined : only(all, name, "group");
  print(output, one ? groupJson(one) : all.map(groupJson), () => groupTable(one ? [one] : all));
}

async function getKind(search: Search, { kind, name }: { kind: Kind; name: string | undefined }, { output }: GetOptions): Promise<void> {
  const all = await findAll(search, kind);
  const one = name === undefined ? undefined : only(all, name, kind.singular);
  print(output, one ? one.resource : all.map(({ resource }) => resource), () => resourceTable(kind, one ? [one] : all));
}
