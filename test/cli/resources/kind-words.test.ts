import { expect, it } from "vitest";
import { groups, kindOfWord, oneKindOfWord } from "#cli/resources/kind-words.ts";
import { kinds } from "#model/kinds.ts";

it("takes every kind in every usual spelling", () => {
  const kebab = (text: string): string => text.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  for (const kind of kinds) {
    const { collection, singular } = kind;
    const words = [
      collection,
      singular,
      kebab(collection),
      kebab(singular),
      kind.kind,
      collection.toLowerCase(),
      kebab(collection).replaceAll("-", "_"),
    ];
    for (const word of words) expect(kindOfWord(word), word).toBe(kind);
  }
});

it.each([
  ["mig", "instanceGroupManagers"],
  ["NEG", "networkEndpointGroups"],
  ["templates", "instanceTemplates"],
])("%s are %s", (word, collection) => {
  expect(oneKindOfWord(word).collection).toBe(collection);
});

it("means both sorts by a group, where that makes sense", () => {
  expect(kindOfWord("groups")).toBe(groups);
  expect(() => oneKindOfWord("group")).toThrow("say mig, or instance-group");
});

it("lists what there is for a word that is none", () => {
  expect(() => kindOfWord("nonsense")).toThrow(/'nonsense'; there are: groups, .*url-maps/);
});
