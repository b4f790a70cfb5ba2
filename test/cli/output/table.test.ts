import { stripVTControlCharacters } from "node:util";
import { expect, it } from "vitest";
import { age, table } from "#cli/output/table.ts";

it("lines columns up, leaves out those without a value, and ends lines without blanks", () => {
  const rows = [
    ["a", undefined, 1, ""],
    ["longer", undefined, undefined, ""],
  ];
  const plain = stripVTControlCharacters(table(["NAME", "NEVER", "SIZE", "NOTE"], rows));
  expect(plain).toBe("NAME    SIZE\na       1\nlonger  -\n");
});

it("says so when there are no rows", () => {
  expect(table(["NAME"], [])).toBe("none\n");
});

it.each([
  [0, "0s"],
  [3.4, "3s"],
  [119, "119s"],
  [300, "5m"],
  [7200, "2h"],
  [259_200, "3d"],
])("%d seconds are %s", (seconds, text) => {
  expect(age(seconds)).toBe(text);
});
