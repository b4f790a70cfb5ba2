import { describe, expect, it } from "vitest";
import { defaultMessageLimits } from "#ir/policy.ts";
import { admit, headerExcess } from "#proxy/filters/admission.ts";
import { surveyOf } from "#proxy/filters/survey.ts";
import type { HeaderSource } from "../snapshots.ts";

function reasonFor(method: string, headers: HeaderSource, url = "http://a.test/"): string | undefined {
  const all = new Headers(headers);
  return admit({ method, url, headers: surveyOf(all) }, defaultMessageLimits)?.reason;
}

const many = (count: number): [string, string][] => Array.from({ length: count }, (_, index) => [`x-${index}`, "1"]);
const hops = (count: number): string => Array.from({ length: count }, () => "1.1 wayside").join(", ");

describe("the limits of requests", () => {
  it.each<[string, HeaderSource, string, string | undefined]>([
    ["nothing", {}, "http://a.test/", undefined],
    ["100 headers", many(100), "http://a.test/", undefined],
    ["101 headers", many(101), "http://a.test/", "headers_too_large"],
    ["60 KiB of headers", { x: "v".repeat(60 * 1024 - 5) }, "http://a.test/", undefined],
    ["a byte more", { x: "v".repeat(60 * 1024 - 4) }, "http://a.test/", "headers_too_large"],
    ["a URL of 16 KiB", {}, `http://a.test/${"a".repeat(16 * 1024 - 14)}`, undefined],
    ["a byte more", {}, `http://a.test/${"a".repeat(16 * 1024 - 13)}`, "uri_too_long"],
    ["a body of 100 MB", { "content-length": "100000000" }, "http://a.test/", undefined],
    ["a byte more", { "content-length": "100000001" }, "http://a.test/", "body_too_large"],
  ])("%s", (...row) => {
    const [, headers, url, reason] = row;
    expect(reasonFor("POST", headers, url)).toBe(reason);
  });

  it("say what there is too much of", () => {
    expect(headerExcess(surveyOf(new Headers(many(3))), { lines: 2, bytes: 1000 })).toBe("3 headers, more than 2");
    expect(headerExcess(surveyOf(new Headers(many(3))), { lines: 3, bytes: 20 })).toBe("more than 20 bytes of headers");
    expect(headerExcess(surveyOf(new Headers(many(3))), { lines: 3, bytes: 24 })).toBeUndefined();
  });
});

describe("loops", () => {
  it.each<[string, string | undefined]>([
    [hops(9), undefined],
    [hops(10), "loop_detected"],
    [`1.0 other, ${hops(9)}, HTTP/1.1 wayside (comment)`, "loop_detected"],
    [Array.from({ length: 40 }, () => "1.1 wayside-other, 1.1 not wayside").join(", "), undefined],
  ])("Via %j: %s", (via, reason) => {
    expect(reasonFor("GET", { via })).toBe(reason);
  });
});

describe("Max-Forwards", () => {
  it.each<[string, string, string | undefined]>([
    ["OPTIONS", "0", "max_forwards"],
    ["TRACE", "0", "max_forwards"],
    ["TRACE", "00", "max_forwards"],
    ["OPTIONS", "1", undefined],
    ["OPTIONS", "-0", undefined],
    ["GET", "0", undefined],
  ])("%s with %s: %s", (method, value, reason) => {
    expect(reasonFor(method, { "max-forwards": value })).toBe(reason);
  });
});
