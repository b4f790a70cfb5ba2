import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { splitSecrets } from "#model/secret-value.ts";

describe("header values with secrets", () => {
  const rows: readonly (readonly [string, ReturnType<typeof splitSecrets>])[] = [
    ["", []],
    ["plain", ["plain"]],
    ["{secret.key}", [{ secret: "key" }]],
    ["Bearer {secret.a_B-1}, {secret.c}!", ["Bearer ", { secret: "a_B-1" }, ", ", { secret: "c" }, "!"]],
    ["{client_region} {Secret.x}", ["{client_region} {Secret.x}"]],
    ["{secret.}", undefined],
    ["{secret.a b}", undefined],
    ["{secret.open", undefined],
    ["{secret.a}{secret.", undefined],
    [`{secret.${"x".repeat(256)}}`, undefined],
  ];
  it.each(rows)("%j", (value, parts) => {
    expect(splitSecrets(value)).toEqual(parts);
  });

  it("lose nothing", () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.string(), fc.constantFrom("{secret.a}", "{secret.", "}"))), (pieces) => {
        const value = pieces.join("");
        const parts = splitSecrets(value);
        if (parts !== undefined)
          expect(parts.map((part) => (typeof part === "string" ? part : `{secret.${part.secret}}`)).join("")).toBe(value);
      }),
    );
  });
});
