import { describe, expect, it } from "vitest";
import { keptOperations, OperationLog } from "#control/operations/log.ts";
import { migrate } from "#control/store/schema.ts";
import { nodeDatabase } from "../project/node-database.ts";

function openLog(): OperationLog {
  const database = nodeDatabase();
  migrate(database);
  return new OperationLog(database.sql);
}

describe("OperationLog", () => {
  it("finds an operation by its name within its scope only", () => {
    const log = openLog();
    log.put({ name: "op", scope: "zones/a", body: { status: "DONE" } });
    expect(log.get("zones/a", "op")?.body).toEqual({ status: "DONE" });
    expect(log.get("zones/b", "op")).toBeUndefined();
  });

  it("lists oldest first, of one scope or of all", () => {
    const log = openLog();
    for (const [name, scope] of [
      ["1", "global"],
      ["2", "zones/a"],
      ["3", "global"],
    ] as const)
      log.put({ name, scope, body: {} });
    expect(log.list("global").map(({ name }) => name)).toEqual(["1", "3"]);
    expect(log.list().map(({ name }) => name)).toEqual(["1", "2", "3"]);
  });

  it("finds the operation of a request, and forgets what is deleted", () => {
    const log = openLog();
    log.put({ name: "op", scope: "global", body: { id: "7" }, requestKey: "r insert global/urlMaps/" });
    expect(log.byRequest("r insert global/urlMaps/")?.body).toEqual({ id: "7" });
    expect(log.byRequest("other")).toBeUndefined();
    log.delete("global", "op");
    expect(log.byRequest("r insert global/urlMaps/")).toBeUndefined();
  });

  it(`keeps the last ${keptOperations}`, () => {
    const log = openLog();
    for (let index = 0; index < keptOperations + 5; index += 1) log.put({ name: String(index), scope: "global", body: {} });
    const names = log.list().map(({ name }) => name);
    expect(names).toHaveLength(keptOperations);
    expect(names[0]).toBe("5");
  });
});
