import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { parseSource } from "#cli/files/document.ts";

const text = `# A comment.
kind: compute#urlMap
name: shop
default_service: global/backendServices/a
hostRules:
  - hosts:
      - a.test
      - b.test
    pathMatcher: all
annotations:
  wayside.dev/generate: "32"
  snake_case: x
tests: {host: a.test,
  path: /}
---
name: second
`;

function positionOf(field: string | undefined, document = 0): string | undefined {
  return parseSource({ file: "map.yaml", text }).documents[document]?.positionOf(field);
}

describe("positions", () => {
  it.each([
    [undefined, "map.yaml:2:1"],
    ["resource", "map.yaml:2:1"],
    ["resource.name", "map.yaml:3:7"],
    ["resource.defaultService", "map.yaml:4:18"],
    ["resource.hostRules", "map.yaml:5:1"],
    ["resource.hostRules[0].hosts[1]", "map.yaml:8:9"],
    ["resource.hostRules[0].pathMatcher", "map.yaml:9:18"],
    ["resource.annotations.wayside.dev/generate", "map.yaml:11:25"],
    ["resource.annotations.snake_case", "map.yaml:12:15"],
    // One value where Google has a list, and JSON's form within YAML.
    ["resource.tests[0].path", "map.yaml:14:9"],
    // What is not there: what is nearest above it.
    ["resource.hostRules[0].missing", "map.yaml:6:5"],
    ["resource.hostRules[7]", "map.yaml:6:3"],
    ["resource.missing.deeper", "map.yaml:2:1"],
  ])("of %s is %s", (field, position) => {
    expect(positionOf(field)).toBe(position);
  });

  it("count on in later documents", () => {
    expect(positionOf("resource.name", 1)).toBe("map.yaml:16:7");
  });

  it("are those of every field of any resource", () => {
    const key = fc.stringMatching(/^[a-z][a-zA-Z]{0,5}$/);
    const resource = fc.dictionary(
      key,
      fc.oneof(fc.nat(), fc.array(fc.record({ name: fc.stringMatching(/^[a-z]+$/) }), { minLength: 1 })),
      { minKeys: 1 },
    );
    fc.assert(
      fc.property(resource, (value) => {
        const source = stringify(value);
        const [document] = parseSource({ file: "f", text: source }).documents;
        for (const [field, inner] of Object.entries(value)) {
          const path = Array.isArray(inner) ? `resource.${field}[${inner.length - 1}].name` : `resource.${field}`;
          const [, line = "", column = ""] = document?.positionOf(path).split(":") ?? [];
          const shown = source.split("\n")[Number(line) - 1]?.slice(Number(column) - 1);
          expect(shown).toBe(stringify(Array.isArray(inner) ? inner.at(-1)?.name : inner).trim());
        }
      }),
    );
  });
});

describe("texts", () => {
  const values = (source: string): unknown[] => parseSource({ file: "f", text: source }).documents.map(({ value }) => value);

  it.each([
    ["", []],
    ["---\n---\n", []],
    ["# nothing\n", []],
    ["name: a\n---\n---\nname: b\n", [{ name: "a" }, { name: "b" }]],
    ['{"name": "a", "size": 1}', [{ name: "a", size: 1 }]],
    ['[{"name": "a"}, {"name": "b"}]', [{ name: "a" }, { name: "b" }]],
    ["base: &b {x: 1}\nname: *b\n", [{ base: { x: 1 }, name: { x: 1 } }]],
    ["on: yes\nid: 012\n", [{ on: "yes", id: 12 }]],
  ])("%j are documents", (source, expected) => {
    expect(values(source)).toEqual(expected);
  });

  it("keep a key like __proto__ as a key", () => {
    const [value] = values("__proto__: {polluted: 1}\n");
    expect(Object.keys(value as object)).toEqual(["__proto__"]);
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  });

  const bomb = [
    "a: &a [x, x, x, x, x, x, x, x, x, x]",
    ..."bcdefgh".split("").map((c, i) => `${c}: &${c} [${`*${"abcdefg"[i]},`.repeat(10)}]`),
  ].join("\n");
  it.each([
    ["name: a\nname: b\n", /^f:2:1: .*unique/],
    ["a: [1\nb: 2\n", /^f:2:1: /],
    ["just text", /^f:1:1: a resource is expected/],
    ["- a\n- name: b\n", /^f:1:3: a resource is expected/],
    [bomb, /^f:1:1: .*alias/i],
  ])("%j are refused with their place", (source, expected) => {
    const { faults } = parseSource({ file: "f", text: source });
    expect(faults.map(({ where, message }) => `${where}: ${message}`).join("\n")).toMatch(expected);
  });

  it("report the faults of all documents and keep the good ones", () => {
    const parsed = parseSource({ file: "f", text: "a: 1\na: 2\n---\nname: good\n---\nb: 1\nb: 2\n" });
    expect(parsed.faults.map(({ where }) => where)).toEqual(["f:2:1", "f:7:1"]);
    expect(parsed.documents.map(({ value }) => value)).toEqual([{ name: "good" }]);
  });
});
