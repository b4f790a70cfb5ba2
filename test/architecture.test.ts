/** The layers hold: the table is complete and acyclic, the linter enforces it, and the documents say the same. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { layers } from "../layers.ts";

const root = join(import.meta.dirname, "..");

function folders(dir: string): string[] {
  return readdirSync(join(root, dir), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name);
}

/** The output of the linter over one file; undefined when it found nothing. */
function lint(file: string): string | undefined {
  try {
    execFileSync(join(root, "node_modules/.bin/oxlint"), [file], { cwd: root, encoding: "utf8", stdio: "pipe" });
    return undefined;
  } catch (failure) {
    return String((failure as { stdout?: unknown }).stdout);
  }
}

describe("layers.ts", () => {
  it("names every folder of src, and only folders that exist", () => {
    const units = Object.keys(layers);
    expect(folders("src").filter((folder) => !units.includes(folder))).toEqual([]);
    expect(units.filter((unit) => !existsSync(join(root, "src", unit)))).toEqual([]);
  });

  it("has no cycle", () => {
    const reach = (unit: string, path: readonly string[]): void => {
      expect(path, `${[...path, unit].join(" → ")}`).not.toContain(unit);
      for (const next of layers[unit] ?? []) reach(next, [...path, unit]);
    };
    for (const unit of Object.keys(layers)) reach(unit, []);
  });

  it("is the table in ARCHITECTURE.md", () => {
    const rows = readFileSync(join(root, "ARCHITECTURE.md"), "utf8")
      .split("\n")
      .map((line) => line.split("|").map((cell) => [...cell.matchAll(/`([^`]+)`/g)].map((match) => match[1])));
    for (const [unit, allowed] of Object.entries(layers)) {
      const row = rows.find((cells) => cells[1]?.length === 1 && cells[1][0] === unit);
      expect(row, `a row for ${unit}`).toBeDefined();
      expect(row?.[2]).toEqual([...allowed]);
    }
  });
});

describe("the linter", () => {
  const planted = join(root, "src/ir/planted-violation.ts");
  afterEach(() => rmSync(planted, { force: true }));

  it.each([
    [
      "a layer that may not be imported",
      'import type { Kind } from "#model/kind.ts";\nexport type Planted = Kind;\n',
      "ir may import only: base",
    ],
    [
      "a relative way round",
      'import type { Kind } from "../model/kind.ts";\nexport type Planted = Kind;\n',
      "Write an import of another unit as",
    ],
    [
      "Node in a Worker unit",
      'import { readFileSync } from "node:fs";\nexport const planted: unknown = readFileSync;\n',
      "nothing of Node",
    ],
    [
      "zod outside of the schemas' building blocks",
      'import * as z from "zod/mini";\nexport const planted: unknown = z;\n',
      "model/schema.ts",
    ],
    ["the ambient clock", "export const planted: number = Date.now();\n", "Use base/clock.ts"],
  ])("refuses %s", (_, source, message) => {
    mkdirSync(join(root, "src/ir"), { recursive: true });
    writeFileSync(planted, source);
    expect(lint("src/ir/planted-violation.ts")).toContain(message);
  });

  it("has nothing to say about a file that keeps to the layers", () => {
    writeFileSync(planted, 'import { systemClock } from "#base/clock.ts";\n\nexport const planted: number = systemClock.now();\n');
    expect(lint("src/ir/planted-violation.ts")).toBeUndefined();
  });
});
