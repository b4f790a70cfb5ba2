import { expect, test } from "vitest";
import { keptOf } from "#proxy/filters/refused-request.ts";
import { compiled, match, prefix, request, routeTo, rules, snapshotOf } from "../snapshots.ts";

const ready = compiled(
  snapshotOf(
    rules(
      {
        action: routeTo("a"),
        matches: [
          match(
            prefix("/a"),
            [
              { name: "x-version", test: { kind: "exact", value: "2" } },
              { name: "authorization", test: { kind: "present" } },
              { name: ":method", test: { kind: "exact", value: "GET" } },
              { name: "host", test: { kind: "present" } },
            ],
            [{ name: "q", test: { kind: "present" } }],
          ),
        ],
      },
      { action: routeTo("b"), matches: [match(prefix("/b"), [{ name: "cookie", test: { kind: "present" } }])] },
    ),
  ),
);

test("what rules go by is kept, and nothing else", () => {
  const headers = { "x-version": "1", "x-api-token": "canary", authorization: "Bearer canary", "content-type": "text/plain" };
  const kept = keptOf(request("/a/b?q=1&token=canary&q=2", { method: "POST", headers }), ready);
  expect(kept).toEqual({
    method: "POST",
    url: "http://cart.shop.mesh/a/b?q=1&q=2",
    headers: [{ name: "x-version", value: "1" }],
    withheld: ["authorization"],
  });
});

test("without a configuration it is the path alone", () => {
  expect(keptOf(request("/a?q=1", { headers: { "x-version": "1" } }), undefined)).toEqual({
    method: "GET",
    url: "http://cart.shop.mesh/a",
    headers: [],
    withheld: [],
  });
});

test("what a caller makes long is cut", () => {
  const headers = { "x-version": "v".repeat(100_000) };
  const kept = keptOf(request(`/${"a".repeat(100_000)}?q=${"b".repeat(100_000)}`, { headers }), ready);
  expect(JSON.stringify(kept).length).toBeLessThan(5_000);
  expect(kept.withheld).toEqual(["x-version"]);
});

test("a target that is no path stays what it is", () => {
  expect(keptOf(request("*"), ready).url).toBe("http://cart.shop.mesh*");
});
