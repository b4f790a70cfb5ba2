/** Every `golden/NAME.in.yaml` compiles to `golden/NAME.out.yaml`. `UPDATE_GOLDEN=1` writes the outputs anew (then run the formatter): read each before it is kept. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { Document, parse, visit } from "yaml";
import { compileGroup } from "#control/compiler/groups.ts";
import { compileService } from "#control/compiler/service.ts";
import { serviceTable } from "#control/compiler/services.ts";
import { readSnapshot, writeSnapshot } from "#ir/codec.ts";
import type { Snapshot } from "#ir/snapshot.ts";
import { compileSnapshot } from "#proxy/match/compile.ts";
import { projectOf, type ProjectFile } from "./project-file.ts";

interface Case extends ProjectFile {
  /** Keys of the groups whose specifications belong to the output. */
  readonly groups?: readonly string[];
  /** Whether the output lists what each result was made of. */
  readonly dependencies?: boolean;
}

const folder = new URL("golden/", import.meta.url);
const names = readdirSync(folder).flatMap((file) => /^(.+)\.in\.yaml$/.exec(file)?.[1] ?? []);

test.each(names)("%s", (name) => {
  const given = parse(readFileSync(new URL(`${name}.in.yaml`, folder), "utf8")) as Case;
  const output: unknown = JSON.parse(JSON.stringify(outputOf(given)));
  const file = new URL(`${name}.out.yaml`, folder);
  if (process.env["UPDATE_GOLDEN"] === "1") writeFileSync(file, written(output));
  expect(output).toEqual(parse(readFileSync(file, "utf8")));
});

/** YAML with what fits a line on one line. */
function written(output: unknown): string {
  const document = new Document(output, { aliasDuplicateObjects: false });
  visit(document, {
    Collection: (_, node) => {
      node.flow = JSON.stringify(node).length <= 120;
    },
  });
  return document.toString({ lineWidth: 0 });
}

function outputOf(given: Case): object {
  const view = projectOf(given);
  const table = serviceTable(view);
  const services = table.entries.map((entry) => {
    const { snapshot, warnings, dependencies } = compileService(view, entry);
    expectReadable(snapshot);
    return [entry.service, { owner: entry.owner, snapshot, warnings, ...(given.dependencies ? { dependencies } : {}) }] as const;
  });
  const groups = (given.groups ?? []).map((key) => {
    const compiled = compileGroup(view, key);
    return [key, given.dependencies ? compiled : (compiled?.spec ?? "no such group")] as const;
  });
  return {
    ...(table.conflicts.length > 0 ? { conflicts: table.conflicts } : {}),
    services: Object.fromEntries(services),
    ...(groups.length > 0 ? { groups: Object.fromEntries(groups) } : {}),
  };
}

function expectReadable(snapshot: Snapshot): void {
  expect(readSnapshot(writeSnapshot(snapshot))).toEqual({ snapshot });
  expect(compileSnapshot(snapshot)).toHaveProperty("compiled");
}
