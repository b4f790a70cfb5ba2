import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { UserError } from "#base/errors.ts";
import { parseFilter } from "#control/resources/filter.ts";

const item = {
  name: "web-1",
  size: 7,
  enabled: true,
  labels: { env: "prod", "team-name": "core" },
  backends: [{ group: "a" }, { group: "b" }],
  description: 'say "hi" (now)',
};

describe("filters that pass", () => {
  it.each([
    [""],
    ["   "],
    ["name eq web-1"],
    ["name eq 'web-.*'"],
    ['name eq ".*\\b1\\b"'],
    ["name eq (web|db)-[0-9]+"],
    ["(name eq web-.*)"],
    ["name ne db-.*"],
    ["name = web-1"],
    ["name=web-*"],
    ['name = "web-*"'],
    ["name != db"],
    ["missing != anything"],
    ["missing ne anything"],
    ["size > 6"],
    ["size>=7"],
    ["size < 10"],
    ["size <= 7"],
    ["enabled = true"],
    ["labels.env = prod"],
    ["labels.env:*"],
    ["labels.env:pro"],
    ["labels.team-name=core"],
    ['labels."team-name" = core'],
    ["backends.group = b"],
    ["backends:*"],
    ["name = web-1 AND size = 7"],
    ["name = web-1 size = 7"],
    ["(name = web-1) (labels.env = prod)"],
    ["name = no OR name = web-1"],
    ["name = no AND name = no OR size = 7"],
    ["NOT name = no"],
    ["-name = no"],
    ["NOT (name = web-1 AND size = 8)"],
    ['description : "hi"'],
    ["description = 'say \"hi\" (now)'"],
  ])("%s", (filter) => expect(parseFilter(filter)(item)).toBe(true));
});

describe("filters that hold back", () => {
  it.each([
    ["name eq web"],
    ["name eq eb-1"],
    ["name ne web-.*"],
    ["name = web"],
    ["name = Web-1"],
    ["missing = x"],
    ["missing:*"],
    ["labels.constructor:*"],
    ["size > 7"],
    ["labels.env = test"],
    ["backends.group = c"],
    ["backends.group != a"],
    ["name = web-1 AND size = 8"],
    ["name = no OR size = 8"],
    ["NOT name = web-1"],
    ["labels.env = prod labels.env = test"],
  ])("%s", (filter) => expect(parseFilter(filter)(item)).toBe(false));
});

describe("what is no filter", () => {
  it.each([
    ["name"],
    ["name ="],
    ["= x"],
    ["name ~ x"],
    ["(name = x"],
    ["name = x)"],
    ["name eq '('"],
    ["name = x AND"],
    ["OR name = x"],
    ["((".repeat(40)],
    ["-".repeat(9_000)],
    ["NOT ".repeat(9_000)],
  ])("%s", (filter) => {
    expect(() => parseFilter(filter)).toThrow(`Invalid value for field 'filter': '${filter}'. Invalid list filter expression.`);
  });

  it("is refused as the user's fault, whatever it is", () => {
    const words = fc.constantFrom("name", " ", "=", "eq", "(", ")", "AND", "OR", "NOT", "'", '"', "*", "a.b", ":", "[", "\\", "-", "7");
    fc.assert(
      fc.property(fc.array(words, { maxLength: 30 }), (parts) => {
        try {
          expect(typeof parseFilter(parts.join(""))(item)).toBe("boolean");
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(UserError);
        }
      }),
    );
  });
});
