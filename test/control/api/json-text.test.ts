import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { UserError } from "#base/errors.ts";
import { parseJson } from "#control/api/json-text.ts";

describe("parseJson", () => {
  it.each([
    ['{"a":[1,"two",null,{"b":true}]}', { a: [1, "two", null, { b: true }] }],
    ['"text"', "text"],
    ['""', ""],
    ["7", 7],
    ['{"a":{"x":1},"b":{"x":1}}', { a: { x: 1 }, b: { x: 1 } }],
    ['[{"x":1},{"x":2}]', [{ x: 1 }, { x: 2 }]],
    ['{"a":"x\\":{[","b":"}"}', { a: 'x":{[', b: "}" }],
    ['{"a":"a","b":"a"}', { a: "a", b: "a" }],
  ])("reads %s", (text, value) => expect(parseJson(text)).toEqual(value));

  it.each(["", "  ", "\n"])("takes %j for no body", (text) => expect(parseJson(text)).toBeUndefined());

  it("takes 64 levels and no more", () => {
    expect(() => parseJson("[".repeat(64) + "]".repeat(64))).not.toThrow();
    expect(() => parseJson("[".repeat(65) + "]".repeat(65))).toThrow("Message too deep: more than 64 levels of nesting.");
    expect(() => parseJson('{"a":'.repeat(10_000))).toThrow("Message too deep");
  });

  it.each([
    ["{", "Invalid JSON payload received."],
    ["{'a':1}", "Invalid JSON payload received."],
    ["nope", "Invalid JSON payload received."],
    ['{"a":1}}', "Invalid JSON payload received."],
    ['{"a":1,"a":2}', 'Name "a" stands twice in one object'],
    ['{"a":1,"\\u0061":2}', 'Name "a" stands twice in one object'],
    ['{"__proto__":{}}', 'Unknown name "__proto__": Cannot find field.'],
    ['{"a":[{"\\u005f_proto__" : 1}]}', 'Unknown name "__proto__"'],
  ])("refuses %s", (text, message) => {
    expect(() => parseJson(text)).toThrow(message);
    expect(() => parseJson(text)).toThrow(UserError);
  });

  it("agrees with JSON.parse on all JSON that it takes", () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 8 }), (text) => {
        const value: unknown = JSON.parse(text);
        if (text.includes("__proto__")) return;
        expect(parseJson(text)).toEqual(value);
      }),
    );
  });
});
