/** Kinds as people type them. */
import type { Kind } from "#model/kind.ts";
import { kinds } from "#model/kinds.ts";
import { CommandError, exitCodes } from "../exit.ts";

/** Managed and unmanaged groups together: what a person means by a group, and no single kind of the API's. */
export const groups = "groups";

const aliases: ReadonlyMap<string, string> = new Map([
  ["mig", "instancegroupmanagers"],
  ["migs", "instancegroupmanagers"],
  ["neg", "networkendpointgroups"],
  ["negs", "networkendpointgroups"],
  ["template", "instancetemplates"],
  ["templates", "instancetemplates"],
]);

/**
 * `urlMap`, `urlMaps`, `url-maps`, `url_map`, `compute#urlMap` and the like; `mig`, `neg`, `template`; `group` for groups of either
 * sort. Throws `CommandError` (usage) that lists all kinds.
 */
export function kindOfWord(word: string): Kind | typeof groups {
  const plain = (word.split("#").at(-1) ?? "").toLowerCase().replaceAll(/[-_]/g, "");
  if (plain === "group" || plain === "groups") return groups;
  const meant = aliases.get(plain) ?? plain;
  const found = kinds.find(({ collection, singular }) =>
    [collection, singular, `${singular}s`].some((name) => name.toLowerCase() === meant),
  );
  if (found !== undefined) return found;
  throw new CommandError(`there is no kind '${word}'; there are: groups, ${kinds.map(kebab).join(", ")}`, exitCodes.usage);
}

/** The same where groups of either sort make no sense. */
export function oneKindOfWord(word: string): Kind {
  const found = kindOfWord(word);
  if (found !== groups) return found;
  throw new CommandError(`'${word}' may be two kinds here: say mig, or instance-group`, exitCodes.usage);
}

function kebab({ collection }: Kind): string {
  return collection.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
