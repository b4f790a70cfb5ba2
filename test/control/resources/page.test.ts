import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { pageOf, type Listed } from "#control/resources/page.ts";

function listed(name: string, creationTimestamp = "2026-01-01T00:00:00.000Z", key = `global/urlMaps/${name}`): Listed {
  return { key, body: { name, creationTimestamp } };
}

const names = (items: readonly Listed[]): unknown[] => items.map(({ body }) => body["name"]);

describe("pageOf", () => {
  it("orders by name unless the newest are asked for first", () => {
    const all = [listed("b", "2026-01-02T00:00:00.000Z"), listed("a", "2026-01-03T00:00:00.000Z"), listed("c", "2026-01-01T00:00:00.000Z")];
    expect(names(pageOf(all, {}, "maxResults").items)).toEqual(["a", "b", "c"]);
    expect(names(pageOf(all, { orderBy: "name" }, "maxResults").items)).toEqual(["a", "b", "c"]);
    expect(names(pageOf(all, { orderBy: "creationTimestamp desc" }, "maxResults").items)).toEqual(["a", "b", "c"].toSorted());
    expect(names(pageOf(all.toReversed(), { orderBy: "creationTimestamp desc" }, "maxResults").items)).toEqual(["a", "b", "c"]);
  });

  it("has no token on the last page", () => {
    expect(pageOf([listed("a"), listed("b")], { maxResults: "2" }, "maxResults")).not.toHaveProperty("nextPageToken");
  });

  it("goes on behind an item that was deleted meanwhile", () => {
    const all = ["a", "b", "c", "d"].map((name) => listed(name));
    const first = pageOf(all, { maxResults: "2" }, "maxResults");
    const rest = all.filter(({ body }) => body["name"] !== "b");
    expect(names(pageOf(rest, { maxResults: "2", pageToken: first.nextPageToken ?? "" }, "maxResults").items)).toEqual(["c", "d"]);
  });

  it("gives every item once, whatever the sizes and names, also where names repeat across scopes", () => {
    const rows = fc.uniqueArray(fc.tuple(fc.string({ unit: "grapheme", minLength: 1, maxLength: 3 }), fc.constantFrom("a", "b")), {
      selector: ([name, zone]) => `${zone} ${name}`,
      maxLength: 40,
    });
    fc.assert(
      fc.property(rows, fc.integer({ min: 1, max: 7 }), fc.constantFrom("", "creationTimestamp desc"), (pairs, size, orderBy) => {
        const all = pairs.map(([name, zone], index) => listed(name, `2026-01-0${index % 3}`, `zones/${zone}/x/${name}`));
        const seen: string[] = [];
        let pageToken = "";
        do {
          const page = pageOf(all, { maxResults: String(size), orderBy, pageToken }, "maxResults");
          seen.push(...page.items.map(({ key }) => key));
          pageToken = page.nextPageToken ?? "";
        } while (pageToken !== "");
        expect(seen.toSorted()).toEqual(all.map(({ key }) => key).toSorted());
      }),
    );
  });

  it.each([
    [{ maxResults: "501" }, "Acceptable values are 0 to 500, inclusive."],
    [{ maxResults: "-1" }, "It must be an integer"],
    [{ maxResults: "x" }, "It must be an integer"],
    [{ orderBy: "size" }, "Only 'name' and 'creationTimestamp desc' are supported."],
    [{ pageToken: "%%%" }, "The token is not one that this list gave."],
    [{ pageToken: btoa("{}") }, "The token is not one that this list gave."],
  ])("refuses %j", (query, message) => {
    expect(() => pageOf([], query as Record<string, string>, "maxResults")).toThrow(message);
  });

  it("cuts a page size of the /v1 APIs to the limit instead of refusing it", () => {
    const all = Array.from({ length: 501 }, (_, index) => listed(`n${index}`));
    expect(pageOf(all, { pageSize: "5000" }, "pageSize").items).toHaveLength(500);
  });
});
