import { describe, expect, it } from "vitest";
import type { HeaderMutation } from "#ir/route.ts";
import { decide } from "#proxy/filters/decide.ts";
import {
  applyAll,
  applyRequestHeaders,
  applyResponseHeaders,
  type Chosen,
  type HeaderSources,
} from "#proxy/filters/header-actions/apply.ts";
import { type HeaderSource, cluster, compiled, destination, noMutation, request, routeTo, rules, snapshotOf } from "../snapshots.ts";

const variables: Readonly<Record<string, string>> = { client_region: "CH", client_city: "Z\u00fcrich \u4e1c\n" };
const sourcesOf = (secret: HeaderSources["secret"]): HeaderSources => ({ secret, variable: (name) => variables[name] ?? "" });
const none = sourcesOf(() => undefined);
const mutation = (part: Partial<HeaderMutation>): HeaderMutation => ({ ...noMutation, ...part });

function after(mutations: readonly HeaderMutation[], headers: HeaderSource, secrets: Record<string, string> = {}): Record<string, string> {
  const result = new Headers(headers);
  expect(
    applyAll(
      result,
      mutations,
      sourcesOf((name) => secrets[name]),
    ),
  ).toEqual({ kind: "applied" });
  return Object.fromEntries(result);
}

describe("header mutations", () => {
  it.each<[string, Partial<HeaderMutation>, Record<string, string>, Record<string, string>]>([
    ["remove", { remove: ["X-A"] }, { "x-a": "1", b: "2" }, { b: "2" }],
    ["set replaces", { set: [["X-A", "2"]] }, { "x-a": "1" }, { "x-a": "2" }],
    ["set creates", { set: [["X-A", "2"]] }, {}, { "x-a": "2" }],
    ["add appends", { add: [["X-A", "2"]] }, { "x-a": "1" }, { "x-a": "1,2" }],
    ["add creates", { add: [["X-A", "2"]] }, {}, { "x-a": "2" }],
    ["remove, then set, then add", { remove: ["a"], set: [["a", "2"]], add: [["a", "3"]] }, { a: "1" }, { a: "2,3" }],
    ["prototype names", { set: [["__proto__", "1"]], remove: ["constructor"] }, { constructor: "x" }, { ["__proto__"]: "1" }],
  ])("%s", (...row) => {
    const [, part, before, wanted] = row;
    const result = after([mutation(part)], before);
    expect(Object.entries(result)).toEqual(Object.entries(wanted));
  });

  it("are carried out from the destination outwards, the backend service last", () => {
    const chosen = (side: "requestHeaders" | "responseHeaders"): Chosen => {
      const steps = (name: string): HeaderMutation[] => [mutation({ add: [["order", name]], set: [["last", name]] })];
      const to = destination("a", { [side]: steps("destination") });
      const list = rules({ action: routeTo("a", { destinations: [to] }), [side]: [...steps("rule"), ...steps("map")] });
      const decision = decide(compiled(snapshotOf(list)), request("/"));
      if (decision.kind !== "route") throw new Error(decision.kind);
      return { decision, destination: to, cluster: cluster("a", { [side]: steps("service")[0] ?? noMutation }) };
    };
    const wanted = { order: "destination,rule,map,service", last: "service" };
    const requestHeaders = new Headers();
    applyRequestHeaders(requestHeaders, chosen("requestHeaders"), none);
    expect(Object.fromEntries(requestHeaders)).toEqual(wanted);
    const responseHeaders = new Headers();
    applyResponseHeaders(responseHeaders, chosen("responseHeaders"), none);
    expect(Object.fromEntries(responseHeaders)).toEqual(wanted);
    applyRequestHeaders(responseHeaders, chosen("responseHeaders"), none);
    expect(Object.fromEntries(responseHeaders)).toEqual(wanted);
  });
});

describe("secrets in header values", () => {
  const bearer = mutation({ set: [["Authorization", ["Bearer ", { secret: "key" }, "!"]]] });

  it("are put in when the request is there", () => {
    expect(after([bearer], {}, { key: "s3cret" })).toEqual({ authorization: "Bearer s3cret!" });
    expect(after([bearer], {}, { key: "s3cret\r\n" })).toEqual({ authorization: "Bearer s3cret!" });
  });

  it.each([undefined, "", "\n", "a\nb", "a\0b", "schlüssel\u0100"])("%j cannot be sent: the answer says which secret", (value) => {
    for (const part of [bearer, mutation({ add: [["x", [{ secret: "key" }]]] })]) {
      const headers = new Headers({ authorization: "before" });
      expect(
        applyAll(
          headers,
          [part],
          sourcesOf(() => value),
        ),
      ).toEqual({ kind: "secret_unavailable", secret: "key" });
      expect(headers.has("x")).toBe(false);
      expect(headers.get("authorization")).toBe("before");
    }
  });
});

describe("variables in header values", () => {
  it("are put in when the request is there, empty when not known, and never break a header", () => {
    const value = ["r=", { variable: "client_region" }, ";c=", { variable: "client_city" }, ";p=", { variable: "client_port" }] as const;
    expect(after([mutation({ set: [["X-Client", value]] })], {})).toEqual({ "x-client": "r=CH;c=Z\u00fcrich ;p=" });
  });
});
