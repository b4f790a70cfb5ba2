import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readDirectory, readPointer, readSnapshot, writeDirectory, writePointer, writeSnapshot } from "#ir/codec.ts";
import { limits } from "#ir/limits.ts";
import { compileSnapshot } from "#proxy/match/compile.ts";
import { decide } from "#proxy/filters/decide.ts";
import { full } from "./full-snapshot.ts";
import { request } from "../proxy/snapshots.ts";

const bytesOf = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
const plain = (): Record<string, unknown> => JSON.parse(new TextDecoder().decode(writeSnapshot(full))) as Record<string, unknown>;

/** Every path to a value inside a document, the root left out. */
function paths(value: unknown, at: readonly (string | number)[] = []): (string | number)[][] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => {
    const path = [...at, Array.isArray(value) ? Number(key) : key];
    return [path, ...paths(inner, path)];
  });
}

/** The document with the value at `path` replaced; undefined takes the field out. */
function changed(document: unknown, path: readonly (string | number)[], value: unknown): unknown {
  const copy = structuredClone(document);
  let parent = copy as Record<string | number, unknown>;
  for (const key of path.slice(0, -1)) parent = parent[key] as Record<string | number, unknown>;
  parent[path.at(-1) ?? ""] = value;
  return copy;
}

describe("snapshot codec", () => {
  it("reads what it writes, and equal snapshots are equal bytes", () => {
    const read = readSnapshot(writeSnapshot(full));
    expect(read).toEqual({ snapshot: full });
    const shuffled = Object.fromEntries(Object.entries(full).toReversed()) as unknown as typeof full;
    expect(writeSnapshot(shuffled)).toEqual(writeSnapshot(full));
  });

  it.each<[readonly (string | number)[], unknown, string]>([
    [["schemaVersion"], 2, "schemaVersion: 2 is unknown; this reader knows 1"],
    [["schemaVersion"], undefined, "schemaVersion: undefined is unknown; this reader knows 1"],
    [["service"], "Cart.Mesh", 'service: "Cart.Mesh" does not fit'],
    [["service"], "@mesh", 'service: "@mesh" does not fit'],
    [["tracing", "samplingRatio"], 1.1, "tracing.samplingRatio: not a number from 0 to 1"],
    [["secrets", 0, "version"], 0, "secrets[0].version: not a number from 1 to"],
    [["virtualHosts", 0, "hosts"], [], "virtualHosts[0].hosts: empty"],
    [["virtualHosts", 0, "hosts", 0], "a.*.mesh", 'virtualHosts[0].hosts[0]: "a.*.mesh" is not allowed here'],
    [["virtualHosts", 0, "hosts", 1], "cart.shop.mesh", "virtualHosts[0].hosts: cart.shop.mesh is claimed by two virtual hosts"],
    [["virtualHosts", 0, "rules", 0, "matches", 0, "path", "kind"], "glob", "rules[0].matches[0].path.kind: not one of prefix, exact"],
    [
      ["virtualHosts", 0, "rules", 0, "matches", 0, "headers", 0, "name"],
      "X-A",
      'headers[0].name: "X-A" is not a header name in lower case',
    ],
    [["virtualHosts", 0, "rules", 0, "matches", 0, "headers", 0, "name"], ":nonsense", "is not a header name in lower case"],
    [["virtualHosts", 0, "rules", 0, "matches", 0, "headers", 0, "name"], "a b", "is not a header name in lower case"],
    [["virtualHosts", 0, "rules", 0, "matches", 0, "headers", 1, "test", "start"], "1.5", 'test.start: "1.5" does not fit'],
    [["virtualHosts", 0, "rules", 0, "action", "destinations", 0, "cluster"], "constructor", 'no cluster "constructor" in this snapshot'],
    [["virtualHosts", 0, "rules", 0, "action", "destinations", 0, "weight"], -1, "destinations[0].weight: not a number from 0"],
    [["virtualHosts", 0, "rules", 0, "action", "destinations", 0, "weight"], null, "destinations[0].weight: not a number from 0"],
    [["virtualHosts", 0, "rules", 0, "action", "rewrite", "host"], "evil/../", 'rewrite.host: "evil/../" does not fit'],
    [["virtualHosts", 0, "rules", 0, "action", "timeoutMs"], "30", "action.timeoutMs: not a number"],
    [["virtualHosts", 0, "rules", 0, "action", "idleTimeoutMs"], -1, "action.idleTimeoutMs: not a number from 0"],
    [["virtualHosts", 0, "rules", 0, "action", "maxStreamDurationMs"], null, "action.maxStreamDurationMs: not a number"],
    [["virtualHosts", 0, "rules", 0, "action", "hedge", "attempts"], 5, "hedge.attempts: not a number from 2 to 4"],
    [["virtualHosts", 0, "rules", 0, "action", "hedge", "afterMs"], undefined, "hedge.afterMs: not a number"],
    [["virtualHosts", 0, "rules", 0, "action", "retry", "conditions", 0], "6xx", 'retry.conditions[0]: "6xx" is not allowed here'],
    [["virtualHosts", 0, "rules", 0, "action", "retry", "retries"], 1.5, "retry.retries: not an integer"],
    [["virtualHosts", 0, "rules", 1, "action", "status"], 304, "rules[1].action.status: not 301, 302, 303, 307 or 308"],
    [["virtualHosts", 0, "rules", 1, "action", "port"], 65536, "rules[1].action.port: not a number from 1 to 65535"],
    [["virtualHosts", 0, "rules", 3, "matches", 0, "path", "value"], "/a/{", "matches[0].path.value: '{' is not closed"],
    [["virtualHosts", 0, "rules", 3, "action", "rewrite", "template"], "/{", "rewrite.template: "],
    [["virtualHosts", 0, "rules", 3, "action", "mirror", "cluster"], "other", 'mirror.cluster: no cluster "other" in this snapshot'],
    [["virtualHosts", 0, "rules", 3, "action", "mirror", "percent"], 101, "mirror.percent: not a number from 0 to 100"],
    [["virtualHosts", 0, "rules", 3, "cors", "allowHeaders", 0], "a b", 'cors.allowHeaders[0]: "a b" is not allowed here'],
    [["virtualHosts", 0, "rules", 3, "cors", "allowCredentials"], "yes", "cors.allowCredentials: not a boolean"],
    [["virtualHosts", 0, "rules", 1, "fault", "abort", "status"], 700, "fault.abort.status: not a number from 200 to 599"],
    [["virtualHosts", 0, "rules", 1, "fault", "delay", "percent"], -1, "fault.delay.percent: not a number from 0 to 100"],
    [["paths", "escapedSlashes"], "MAYBE", "paths.escapedSlashes: not one of KEEP, REJECT, DECODE"],
    [["limits", "urlBytes"], "8k", "limits.urlBytes: not a number"],
    [["virtualHosts", 0, "rules", 2, "action", "status"], 101, "rules[2].action.status: not a number from 200 to 599"],
    [["virtualHosts", 0, "rules", 2, "action", "body"], { base64: "%" }, 'action.body.base64: "%" does not fit'],
    [["virtualHosts", 0, "rules", 2, "action", "body"], {}, "action.body.text: not a string"],
    [["virtualHosts", 0, "rules", 0, "requestHeaders", 0, "remove", 0], "bad name", 'remove[0]: "bad name" is not allowed here'],
    [["virtualHosts", 0, "rules", 0, "requestHeaders", 0, "set", 0], ["x", "a\r\nb: c"], "set[0]: the value is not a header value"],
    [["virtualHosts", 0, "rules", 0, "requestHeaders", 0, "set", 0], ["x", "\u0100"], "set[0]: the value is not a header value"],
    [["virtualHosts", 0, "rules", 0, "requestHeaders", 0, "add", 0], ["x:", "1"], "add[0]: the name is not a header name"],
    [["virtualHosts", 0, "rules", 0, "requestHeaders", 0, "add", 0], ["x"], "add[0]: not a pair of name and value"],
    [["virtualHosts", 0, "rules", 0, "requestHeaders", 0, "add", 0], ["x", [{ secret: "other" }]], 'the secret "other" is not listed'],
    [["clusters", "cart", "groups", 0, "inboundKey"], "other", "groups[0].inboundKey: a secret that the snapshot does not list"],
    [["clusters", "cart", "groups", 0, "endpoints", 0, "port"], 0, "clusters.cart.groups[0].endpoints[0].port: not a number from 1"],
    [["clusters", "cart", "groups", 0, "endpoints", 0, "address"], "10.0.0.1/evil", 'endpoints[0].address: "10.0.0.1/evil" does not fit'],
    [["clusters", "cart", "groups", 0, "endpoints", 0, "address"], "user@host", "does not fit"],
    [["clusters", "cart", "groups", 0, "endpoints", 0, "health"], "SICK", "endpoints[0].health: not one of HEALTHY"],
    [["clusters", "cart", "groups", 0, "preferred"], "yes", "groups[0].preferred: not a boolean"],
    [["clusters", "cart", "groups", 0, "capacity", "mode"], "CPU", "capacity.mode: not one of RATE, CONNECTION, IN_FLIGHT, UTILIZATION"],
    [["clusters", "cart", "groups", 0, "capacity", "max"], 0, "capacity.max: not a number from"],
    [["clusters", "cart", "circuitBreakers", "maxRequests"], 0, "circuitBreakers.maxRequests: not a number from 1"],
    [["clusters", "cart", "circuitBreakers", "maxPendingRequests"], -1, "circuitBreakers.maxPendingRequests: not a number from 0"],
    [["clusters", "cart", "outlierDetection", "intervalMs"], 0, "outlierDetection.intervalMs: not a number from 1"],
    [
      ["clusters", "cart", "outlierDetection", "maxEjectionPercent"],
      101,
      "outlierDetection.maxEjectionPercent: not a number from 0 to 100",
    ],
    [["clusters", "cart", "outlierDetection", "consecutiveErrors"], 1.5, "outlierDetection.consecutiveErrors: not an integer"],
    [["clusters", "cart", "locality", "algorithm"], "NEAR", "locality.algorithm: not one of WATERFALL_BY_REGION"],
    [["clusters", "cart", "locality", "failoverHealthThreshold"], 0, "locality.failoverHealthThreshold: not a number from 1 to 100"],
    [["clusters", "cart", "locality", "isolation"], "NONE", "locality.isolation: not one of NEAREST, STRICT"],
    [["clusters", "cart", "panicPercent"], 101, "clusters.cart.panicPercent: not a number from 0 to 100"],
    [["clusters", "cart", "adaptiveConcurrency", "maxConcurrency"], 1, "adaptiveConcurrency.maxConcurrency: not a number from 2"],
    [["clusters", "cart", "degradedResponse", "reasons", 0], "rate_limited", "degradedResponse.reasons"],
    [["clusters", "cart", "degradedResponse", "status"], 199, "degradedResponse.status: not a number from 200 to 599"],
    [["clusters", "cart", "degradedResponse", "contentType"], "a\r\nb: c", "degradedResponse.contentType: not the value of a header"],
    [["virtualHosts", 0, "rules", 2, "rateLimits"], {}, "rules[2].rateLimits: not a list"],
    [["virtualHosts", 0, "rules", 2, "rateLimits", 0, "burst"], 0.5, "rateLimits[0].burst: not a number from 1"],
    [["virtualHosts", 0, "rules", 2, "rateLimits", 0, "header"], "X-User", "rateLimits[0].header: not a header name in lower case"],
    [["virtualHosts", 0, "rules", 2, "rateLimits", 1, "mesh", "key"], "", "rateLimits[1].mesh.key: "],
    [["virtualHosts", 0, "rules", 2, "rateLimits", 1, "mesh", "requests"], 0, "mesh.requests: not a number from 1 to 100000"],
    [["virtualHosts", 0, "rules", 2, "rateLimits", 1, "mesh", "periodSec"], 30, "mesh.periodSec: neither 10 nor 60"],
    [["virtualHosts", 0, "rules", 2, "rateLimits", 0, "status"], 200, "rateLimits[0].status: not a number from 400 to 599"],
    [["clusters", "cart", "policy", "kind"], "BEST", "policy.kind: not one of ROUND_ROBIN, RANDOM"],
    [["clusters", "cart", "policy"], { kind: "toString" }, "policy.kind: not one of ROUND_ROBIN, RANDOM"],
    [["clusters", "cart", "policy", "minimumRingSize"], 8_388_608, "policy.minimumRingSize: not a number from 1 to 65536"],
    [["clusters", "cart", "policy"], { kind: "MAGLEV", tableSize: 65_536 }, "policy.tableSize: not a prime"],
    [["clusters", "cart", "policy"], { kind: "LEAST_REQUEST" }, "policy.choices: not a number"],
    [["clusters", "cart", "policy"], { kind: "WEIGHTED_ROUND_ROBIN", metrics: [1] }, "policy.metrics[0]: 1 is not allowed here"],
    [["clusters", "cart", "affinity", "name"], "a;b", "affinity.name: not a cookie's name"],
    [["clusters", "cart", "affinity", "path"], "/; Domain=x", "affinity.path: "],
    [["clusters", "cart", "affinity", "path"], "/\r\nx", "affinity.path: "],
    [["clusters", "cart", "affinity"], { kind: "HEADER_FIELD", header: "X-User" }, "affinity.header: not a header name in lower case"],
    [["clusters", "cart", "slowStart", "aggression"], 0, "slowStart.aggression: not a number from 0.01"],
    [["clusters", "cart", "subset", "fallback"], "SOME", "subset.fallback: not one of NONE, ANY, DEFAULT"],
    [["clusters", "cart", "subset", "defaultLabels", "color"], 1, "subset.defaultLabels.color: not a string"],
    [["clusters", "cart", "subsetSize"], 0, "cart.subsetSize: not a number from 1"],
    [["clusters", "cart", "groups", 0, "endpoints", 0, "labels"], [], "endpoints[0].labels: not an object"],
    [["clusters", "cart", "groups", 0, "endpoints", 0, "healthySinceMs"], "now", "endpoints[0].healthySinceMs: not a number"],
    [["clusters", "cart", "groups", 0, "endpoints", 0, "weight"], 0, "endpoints[0].weight: not a number from 0.001 to 1"],
    [["virtualHosts", 0, "rules", 0, "action", "stickyCookie", "name"], "", "stickyCookie.name: not a cookie's name"],
    [["clusters", "cart", "scheme"], "file", "clusters.cart.scheme: not one of http, https"],
  ])("refuses %j = %j", (path, value, message) => {
    const read = readSnapshot(bytesOf(changed(plain(), path, value)));
    expect("error" in read ? read.error : "accepted").toContain(message);
  });

  it("names the first mistake for any field that is missing or of another type, or can live without it", { timeout: 60_000 }, () => {
    const all = paths(plain());
    const wrong = fc.constantFrom(undefined, null, "", "\0", {}, [], [null], -1, 1e308, true, "__proto__", { __proto__: null, length: 1 });
    let refused = 0;
    fc.assert(
      fc.property(fc.constantFrom(...all), wrong, (path, value) => {
        const read = readSnapshot(bytesOf(changed(plain(), path, value)));
        if ("error" in read) {
          refused += 1;
          expect(read.error).toMatch(/^[^:]+: ./);
          return;
        }
        const result = compileSnapshot(read.snapshot);
        if ("error" in result) {
          expect(result.error).toMatch(/^httpRoutes\/cart.*: ./);
          return;
        }
        for (const target of ["/cart/1", "/", "/old", "/ping", "/users/7/x", "/a%2f..%2fb"]) decide(result.compiled, request(target), []);
      }),
      { numRuns: 10_000 },
    );
    expect(refused).toBeGreaterThan(5_000);
  });

  it.each([
    ["no JSON", new TextEncoder().encode("{")],
    ["no UTF-8", new Uint8Array([0x7b, 0xff, 0x7d])],
    ["no bytes", new Uint8Array()],
    ["no object", bytesOf([1])],
    ["null", bytesOf(null)],
    ["too many bytes", new Uint8Array(limits.snapshotBytes + 1)],
    ["nesting", new TextEncoder().encode(`${"[".repeat(200_000)}${"]".repeat(200_000)}`)],
  ])("refuses %s without throwing", (_, bytes) => {
    for (const read of [readSnapshot, readDirectory, readPointer]) expect(read(bytes)).toHaveProperty("error");
  });

  it("leaves unknown fields alone", () => {
    expect(readSnapshot(bytesOf({ ...plain(), later: { nested: [1] } }))).toHaveProperty("snapshot");
  });

  it("is not misled by a document with __proto__", () => {
    const text = JSON.stringify(plain()).replace('"clusters":{', '"clusters":{"__proto__":{"name":1},');
    const read = readSnapshot(new TextEncoder().encode(text));
    expect("error" in read && read.error).toContain("clusters.__proto__.name: not a string");
  });

  it("counts rules and endpoints against the limits", { timeout: 30_000 }, () => {
    const [host] = full.virtualHosts;
    const rule = host?.rules.at(-1);
    const endpoint = full.clusters["cart"]?.groups[0]?.endpoints[0];
    if (!host || !rule || !endpoint) throw new Error("the fixture has changed");
    const rules = { ...full, virtualHosts: [{ ...host, rules: Array.from({ length: limits.rules + 1 }, () => rule) }] };
    expect(readSnapshot(bytesOf(rules))).toMatchObject({ error: expect.stringContaining("more than 100000 rules") });
    const endpoints = Array.from({ length: limits.endpoints / 2 + 1 }, () => ({
      instance: "g/i",
      address: "a",
      port: 1,
      zone: "z",
      health: "HEALTHY",
    }));
    const cluster = { ...full.clusters["cart"], groups: [{ group: "g", capacityScaler: 1, endpoints }] };
    expect(readSnapshot(bytesOf({ ...full, clusters: { cart: cluster, other: cluster } }))).toMatchObject({
      error: expect.stringContaining("more than 200000 endpoints"),
    });
  });
});

describe("directory and pointer codec", () => {
  const directory = { schemaVersion: 1, project: "demo", services: ["*", "*.shop.mesh", "cart.shop.mesh:8080"] } as const;
  const pointer = { generation: 7, digest: "a".repeat(64), bytes: 100, schemaVersion: 1, createdAtMs: 1_700_000_000_000 };

  it("read what they write", () => {
    expect(readDirectory(writeDirectory(directory))).toEqual({ directory });
    expect(readPointer(writePointer(pointer))).toEqual({ pointer });
  });

  it("reads a pointer to a snapshot of a later schema, so that the reader can say so", () => {
    expect(readPointer(bytesOf({ ...pointer, schemaVersion: 2 }))).toHaveProperty("pointer");
  });

  it.each([
    [{ generation: 0 }, "generation: not a number from 1"],
    [{ generation: 1.5 }, "generation: not an integer"],
    [{ digest: "A".repeat(64) }, "digest: "],
    [{ digest: undefined }, "digest: not a string"],
    [{ bytes: limits.snapshotBytes + 1 }, "bytes: not a number"],
    [{ createdAtMs: "now" }, "createdAtMs: not a number"],
  ])("refuses the pointer with %j", (part, message) => {
    const read = readPointer(bytesOf({ ...pointer, ...part }));
    expect("error" in read && read.error).toContain(message);
  });

  it.each([
    [{ schemaVersion: 9 }, "schemaVersion: 9 is unknown"],
    [{ services: ["a", "B"] }, 'services[1]: "B" is not allowed here'],
    [{ services: Array.from({ length: limits.services + 1 }, () => "a") }, "more than 100000 services"],
    [{ project: "" }, "project: not a string of 1"],
  ])("refuses the directory with a part wrong", (part, message) => {
    const read = readDirectory(bytesOf({ ...directory, ...part }));
    expect("error" in read && read.error).toContain(message);
  });
});
