import { describe, expect, test } from "vitest";
import { seededRandom } from "#base/random.ts";
import { xxHash64 } from "#base/xxhash.ts";
import type { Affinity } from "#ir/cluster.ts";
import { readCookie, writeCookie } from "#proxy/balance/cookies.ts";
import { type Caller, type Wish, Wishes } from "#proxy/balance/preference.ts";
import { stickyId, StickyIndex } from "#proxy/balance/sticky.ts";
import { cluster } from "../fixture.ts";
import { everyPolicy, Tier } from "./setup.ts";

const wish = (affinity: Affinity | undefined, caller: Partial<Caller> = {}): Wish =>
  new Wishes(cluster("c", [], { ...(affinity && { affinity }) }), [], seededRandom(1)).of({ headers: new Headers(), ...caller });
const withCookie = (value: string): Partial<Caller> => ({ headers: new Headers({ cookie: value }) });
const target = new Tier(everyPolicy.ROUND_ROBIN).target(0);

describe("cookies", () => {
  test.each([
    [null, undefined],
    ["", undefined],
    ["a=1", "1"],
    ["b=2; a=1", "1"],
    ["a=1; a=2", "1"],
    ['a="quoted"', "quoted"],
    ["a =1", "1"],
    ["a=x=y", "x=y"],
    ["aa=1; xa=2", undefined],
    ["a", undefined],
    ["a=", undefined],
    ['a=""', undefined],
  ])("%j", (header, value) => expect(readCookie(header, "a")).toBe(value));

  test.each([
    [{ name: "GCILB" }, 'GCILB="v"; Path=/; HttpOnly'],
    [{ name: "n", path: "/x", ttlSec: 30 }, 'n="v"; Max-Age=30; Path=/x; HttpOnly'],
    [{ name: "n", ttlSec: 0 }, 'n="v"; Path=/; HttpOnly'],
  ])("%j", (options, header) => expect(writeCookie(options, "v")).toBe(header));
});

describe("affinity", () => {
  test("none asks for nothing", () => expect(wish(undefined)).toEqual({ preference: {} }));

  test("by address", () => {
    expect(wish({ kind: "CLIENT_IP" }, { clientAddress: "192.0.2.1" }).preference).toEqual({ hash: xxHash64("192.0.2.1") });
    expect(wish({ kind: "CLIENT_IP" }).preference).toEqual({});
  });

  test("by header", () => {
    const affinity: Affinity = { kind: "HEADER_FIELD", header: "x-user" };
    expect(wish(affinity, { headers: new Headers({ "X-User": "ann" }) }).preference).toEqual({ hash: xxHash64("ann") });
    expect(wish(affinity).preference).toEqual({});
  });

  const cookie: Affinity = { kind: "COOKIE", name: "GCILB", generate: true, ttlSec: 60 };

  test("by cookie that is there", () => {
    expect(wish(cookie, withCookie("GCILB=abc"))).toEqual({ preference: { hash: xxHash64("abc") } });
  });

  test("by cookie that is made, and leads the next request to the same endpoint", () => {
    const first = wish(cookie);
    const header = first.cookieFor?.(target) ?? "";
    expect(header).toMatch(/^GCILB="[0-9a-f]{16}"; Max-Age=60; Path=\/; HttpOnly$/);
    const second = wish(cookie, withCookie(header.split(";", 1)[0] ?? ""));
    expect(second).toEqual({ preference: first.preference });
  });

  test("by cookie that is not to be made", () => expect(wish({ ...cookie, generate: false })).toEqual({ preference: {} }));

  const sticky: Affinity = { kind: "STRONG_COOKIE", name: "s" };

  test("to the endpoint that a cookie names", () => {
    const first = wish(sticky);
    expect(first.preference).toEqual({});
    expect(first.cookieFor?.(target)).toBe(`s="${stickyId(target)}"; Path=/; HttpOnly`);
    const second = wish(sticky, withCookie(`s=${stickyId(target)}`));
    expect(second.preference).toEqual({ sticky: stickyId(target) });
    expect(second.cookieFor?.(target)).toBeUndefined();
    const other = new Tier(everyPolicy.ROUND_ROBIN).target(1);
    expect(second.cookieFor?.(other)).toBe(`s="${stickyId(other)}"; Path=/; HttpOnly`);
  });

  test("the route's cookie goes before the cluster's affinity", () => {
    const { preference } = wish(cookie, { ...withCookie("GSSA=x; GCILB=y"), stickyCookie: { name: "GSSA" } });
    expect(preference).toEqual({ sticky: "x" });
  });
});

test("an index finds the healthy endpoints of all tiers by their ids, and nothing else", () => {
  const tier = new Tier(everyPolicy.ROUND_ROBIN);
  const targets = tier.targets(4);
  const index = new StickyIndex([
    { tier: { groups: [{ healthy: targets.slice(0, 2) }] } },
    { tier: { groups: [{ healthy: [] }, { healthy: targets.slice(2, 3) }] } },
  ]);
  expect(targets.map((each) => index.find(stickyId(each)))).toEqual([...targets.slice(0, 3), undefined]);
  expect(index.find("")).toBeUndefined();
});
