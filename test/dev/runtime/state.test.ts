import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { UserError } from "#base/errors.ts";
import { openState } from "#dev/runtime/state.ts";

let parent = "";
let folder = "";

beforeEach(() => {
  parent = mkdtempSync(path.join(tmpdir(), "wayside-state-"));
  folder = path.join(parent, "state");
});
afterEach(() => rmSync(parent, { recursive: true }));

const file = (name: string): string => path.join(folder, name);

describe("openState", () => {
  it("makes a folder with a key that only its owner can read, and finds it again", () => {
    const first = openState(folder);
    expect(Buffer.from(first.masterKey, "base64")).toHaveLength(32);
    expect(statSync(file("master.key")).mode & 0o777).toBe(0o600);
    expect(JSON.parse(readFileSync(file("state.json"), "utf8"))).toEqual({ version: 1 });
    expect(openState(folder)).toEqual(first);
  });

  it("knows a folder by any of its paths", () => {
    const first = openState(folder);
    symlinkSync(folder, path.join(parent, "link"));
    expect(openState(path.join(parent, "link"))).toEqual(first);
  });

  it.each<[string, () => void, RegExp]>([
    ["a folder of something else", () => writeFileSync(path.join(parent, "x"), ""), /is not empty and no state folder/],
    [
      "a newer version",
      () => writeFileSync(file("state.json"), '{"version":2}'),
      /state\.json is of version 2, this wayside reads up to 1/,
    ],
    ["a cut-off state.json", () => writeFileSync(file("state.json"), '{"vers'), /state\.json cannot be read/],
    ["no version", () => writeFileSync(file("state.json"), "{}"), /state\.json has no version/],
    ["no key", () => rmSync(file("master.key")), /master\.key is missing/],
    ["half a key", () => truncateSync(file("master.key"), 20), /master\.key must be the base64 of exactly 32 bytes/],
    ["an overwritten database", () => writeFileSync(file("workers/a.sqlite"), "x".repeat(200)), /a\.sqlite is no SQLite database/],
    ["a file in its place", () => (rmSync(folder, { recursive: true }), writeFileSync(folder, "")), /cannot be made/],
  ])("refuses %s and names the file", (what, damage, message) => {
    openState(folder);
    damage();
    const opened = (): unknown => openState(what === "a folder of something else" ? parent : folder);
    expect(opened).toThrow(UserError);
    expect(opened).toThrow(message);
  });

  it("takes a database as SQLite leaves it, and refuses it truncated", () => {
    openState(folder);
    mkdirSync(file("workers/do"));
    writeFileSync(file("workers/do/empty.sqlite"), "");
    const name = file("workers/do/metadata.sqlite");
    const database = new DatabaseSync(name);
    database.exec("CREATE TABLE t (v TEXT)");
    const insert = database.prepare("INSERT INTO t VALUES (?)");
    for (let row = 0; row < 50; row += 1) insert.run("x".repeat(1000));
    database.close();
    openState(folder);
    truncateSync(name, 8192);
    expect(() => openState(folder)).toThrow(/metadata\.sqlite is truncated \(8192 of \d+ bytes\)/);
    // Its pages may be in the log that SQLite has yet to write back.
    writeFileSync(`${name}-wal`, "pages");
    openState(folder);
  });
});
