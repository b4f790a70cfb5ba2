import { describe, expect, test } from "vitest";
import { seededRandom } from "#base/random.ts";
import { backoffMs, isIdempotent } from "#proxy/upstream/retry.ts";
import { failureOfError, failureOfStatus, urlOf } from "#proxy/upstream/transport.ts";
import { targetOf } from "#proxy/balance/balancer.ts";
import { StatsBook } from "#proxy/balance/stats.ts";
import { chiSquare, chiSquareLimit } from "../balance/setup.ts";
import { cluster, endpoint } from "../fixture.ts";

test.each([
  ["GET", true],
  ["HEAD", true],
  ["OPTIONS", true],
  ["TRACE", true],
  ["PUT", true],
  ["DELETE", true],
  ["POST", false],
  ["PATCH", false],
  ["PURGE", false],
])("%s may be done twice: %s", (method, expected) => expect(isIdempotent(method)).toBe(expected));

describe("backoff", () => {
  test("is as likely to be short as long: 10,000 waits over ten equal parts (p > 0.001)", () => {
    const random = seededRandom(5);
    const counts: Record<string, number> = {};
    for (let wait = 0; wait < 10_000; wait++) {
      const part = Math.floor(backoffMs(2, random) / 5);
      counts[part] = (counts[part] ?? 0) + 1;
    }
    const expected = Object.fromEntries(Array.from({ length: 10 }, (_, part) => [part, 0.1]));
    expect(Object.keys(counts)).toHaveLength(10);
    expect(chiSquare(counts, expected)).toBeLessThan(chiSquareLimit[9] ?? 0);
  });

  test("has full jitter below 25 ms, doubled with each retry up to 250 ms", () => {
    for (const [retry, limit] of [25, 50, 100, 200, 250, 250].entries()) {
      const random = seededRandom(retry);
      const waits = Array.from({ length: 500 }, () => backoffMs(retry + 1, random));
      expect(Math.max(...waits)).toBeLessThan(limit);
      expect(Math.max(...waits)).toBeGreaterThan(limit * 0.9);
      expect(Math.min(...waits)).toBeLessThan(limit * 0.1);
    }
  });
});

test.each([
  ["Network connection lost.", "lost"],
  ["connection_refused: 10.0.0.1:80", "connect-failure"],
  ["dns_error", "connect-failure"],
  ["connection_terminated", "reset"],
  ["internal error; reference = x", "lost"],
])("an error %j is %s", (message, failure) => expect(failureOfError(message)).toBe(failure));

test("statuses of Cloudflare's edge are failures over the public internet alone", () => {
  expect(failureOfStatus("public", 522)).toBe("connect-failure");
  expect(failureOfStatus("public", 530)).toBe("connect-failure");
  expect(failureOfStatus("public", 520)).toBe("lost");
  expect(failureOfStatus("public", 503)).toBeUndefined();
  expect(failureOfStatus("vpc-network", 522)).toBeUndefined();
});

test("a target cannot reach beyond its authority", () => {
  const upstream = cluster("app", []);
  const target = targetOf("g", endpoint("vm", "10.0.0.1", { port: 80 }), { stats: new StatsBook(), now: 0 });
  expect(urlOf(upstream, target, "/a?b")).toBe("http://10.0.0.1:80/a?b");
  expect(new URL(urlOf(upstream, target, "@evil.example/")).hostname).toBe("10.0.0.1");
});
