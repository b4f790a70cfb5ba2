/** What every store keeps, whatever database is under it. Each case gets a database of its own. */
import { expect } from "vitest";
import type { GroupReport } from "#instances/group/spec.ts";
import type { SqlDatabase } from "#control/store/sql.ts";
import { SqlStore } from "#control/store/sql-store.ts";
import type { StoredResource } from "#control/store/store.ts";

export interface StoreCase {
  readonly name: string;
  run(database: SqlDatabase): void;
}

function resource(key: string, fields: Partial<StoredResource> = {}): StoredResource {
  const [name = "", collection = ""] = key.split("/").toReversed();
  return { key, collection, name, resource: { name }, id: "1", createdAtMs: 1, updatedAtMs: 1, revision: 1, ...fields };
}

function report(key: string, sequence: number): GroupReport {
  return { key, specVersion: 1, sequence, isStable: true, instances: [] };
}

/** All that can be read of a store, for comparing before and after. */
function everything(store: SqlStore): unknown {
  return {
    maps: store.list("urlMaps"),
    a: store.get("global/urlMaps/a"),
    users: store.referrers("global/backendServices/s"),
    report: store.groupReport("zones/z/instanceGroups/g"),
  };
}

export const storeCases: readonly StoreCase[] = [
  {
    name: "gives back what was put, also after it is opened again",
    run(database) {
      const stored = resource("global/urlMaps/a", {
        resource: { name: "a", nested: { list: [1, "two", null, true] } },
        id: "123",
        revision: 7,
      });
      new SqlStore(database).put(stored, []);
      expect(new SqlStore(database).get("global/urlMaps/a")).toEqual(stored);
    },
  },
  {
    name: "has nothing under a key that was never put",
    run(database) {
      const store = new SqlStore(database);
      expect(store.get("global/urlMaps/constructor")).toBeUndefined();
      expect(store.list("__proto__")).toEqual([]);
    },
  },
  {
    name: "lists one collection sorted by key, narrowed by a prefix",
    run(database) {
      const store = new SqlStore(database);
      for (const key of ["zones/b/instanceGroups/y", "zones/a/instanceGroups/z", "zones/a/instanceGroups/x", "global/urlMaps/u"]) {
        store.put(resource(key), []);
      }
      const keys = (prefix?: string): string[] => store.list("instanceGroups", prefix).map(({ key }) => key);
      expect(keys()).toEqual(["zones/a/instanceGroups/x", "zones/a/instanceGroups/z", "zones/b/instanceGroups/y"]);
      expect(keys("zones/a/")).toEqual(["zones/a/instanceGroups/x", "zones/a/instanceGroups/z"]);
    },
  },
  {
    name: "replaces a resource and its references",
    run(database) {
      const store = new SqlStore(database);
      store.put(resource("global/urlMaps/a"), ["global/backendServices/s", "global/backendServices/t", "global/backendServices/s"]);
      store.put(resource("global/urlMaps/a", { resource: { description: "new" }, revision: 2 }), ["global/backendServices/t"]);
      expect(store.get("global/urlMaps/a")).toMatchObject({ resource: { description: "new" }, revision: 2 });
      expect(store.referrers("global/backendServices/s")).toEqual([]);
      expect(store.referrers("global/backendServices/t")).toEqual(["global/urlMaps/a"]);
    },
  },
  {
    name: "tells referrers sorted, and forgets those that are deleted",
    run(database) {
      const store = new SqlStore(database);
      store.put(resource("global/urlMaps/b"), ["global/backendServices/s"]);
      store.put(resource("global/urlMaps/a"), ["global/backendServices/s"]);
      expect(store.referrers("global/backendServices/s")).toEqual(["global/urlMaps/a", "global/urlMaps/b"]);
      store.delete("global/urlMaps/a");
      expect(store.referrers("global/backendServices/s")).toEqual(["global/urlMaps/b"]);
      expect(store.get("global/urlMaps/a")).toBeUndefined();
      expect(new SqlStore(database).list("urlMaps").map(({ name }) => name)).toEqual(["b"]);
    },
  },
  {
    name: "counts revisions up by one, across openings",
    run(database) {
      const store = new SqlStore(database);
      expect([store.nextRevision(), store.nextRevision()]).toEqual([1, 2]);
      expect(new SqlStore(database).nextRevision()).toBe(3);
    },
  },
  {
    name: "keeps the newest report of each group",
    run(database) {
      const store = new SqlStore(database);
      store.putGroupReport(report("zones/z/instanceGroups/g", 1));
      store.putGroupReport(report("zones/z/instanceGroups/g", 2));
      expect(new SqlStore(database).groupReport("zones/z/instanceGroups/g")?.sequence).toBe(2);
      store.deleteGroupReport("zones/z/instanceGroups/g");
      expect(store.groupReport("zones/z/instanceGroups/g")).toBeUndefined();
      expect(new SqlStore(database).groupReport("zones/z/instanceGroups/g")).toBeUndefined();
    },
  },
  {
    name: "undoes all of a transaction that throws, in memory and in the database",
    run(database) {
      const store = new SqlStore(database);
      store.put(resource("global/urlMaps/a"), ["global/backendServices/s"]);
      store.putGroupReport(report("zones/z/instanceGroups/g", 1));
      store.nextRevision();
      const before = everything(store);
      expect(() =>
        store.transaction(() => {
          store.put(resource("global/urlMaps/a", { resource: { description: "lost" } }), []);
          store.put(resource("global/urlMaps/b"), ["global/backendServices/s"]);
          store.delete("global/urlMaps/a");
          store.putGroupReport(report("zones/z/instanceGroups/g", 2));
          store.deleteGroupReport("zones/z/instanceGroups/g");
          store.nextRevision();
          throw new Error("planted");
        }),
      ).toThrow("planted");
      expect(everything(store)).toEqual(before);
      expect(everything(new SqlStore(database))).toEqual(before);
      expect(store.nextRevision()).toBe(2);
    },
  },
  {
    name: "undoes an inner transaction alone when the outer one goes on",
    run(database) {
      const store = new SqlStore(database);
      store.transaction(() => {
        store.put(resource("global/urlMaps/kept"), []);
        const inner = (): void =>
          store.transaction(() => {
            store.put(resource("global/urlMaps/lost"), []);
            throw new Error("planted");
          });
        expect(inner).toThrow("planted");
      });
      const names = (from: SqlStore): string[] => from.list("urlMaps").map(({ name }) => name);
      expect(names(store)).toEqual(["kept"]);
      expect(names(new SqlStore(database))).toEqual(["kept"]);
    },
  },
  {
    name: "undoes an inner transaction that succeeded when the outer one throws",
    run(database) {
      const store = new SqlStore(database);
      const outer = (): void =>
        store.transaction(() => {
          store.transaction(() => store.put(resource("global/urlMaps/a"), []));
          throw new Error("planted");
        });
      expect(outer).toThrow("planted");
      expect(store.get("global/urlMaps/a")).toBeUndefined();
      expect(new SqlStore(database).get("global/urlMaps/a")).toBeUndefined();
    },
  },
];
