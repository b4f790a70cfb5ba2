import { expect, test } from "vitest";
import { chiSquare, chiSquareLimit } from "./balance/setup.ts";
import { cluster, endpoint, group, routeTo, rule, snapshot } from "./fixture.ts";
import { service, setUp } from "./in-process.ts";

/** All that is left to chance, through the whole proxy at once: each share is what was asked for, and none depends on another. */

const requests = 10_000;
const shares = { abort: 0.1, first: 0.9, mirrored: 0.25, sampled: 0.5 };

const backend = (name: string, address: string) => cluster(name, [group(name, [endpoint(name, address)])]);

test(`10,000 requests keep to weights, fault, mirror and sampling shares (p > 0.001)`, { timeout: 60_000 }, async () => {
  const destinations = [
    { cluster: "first", weight: 900, requestHeaders: [], responseHeaders: [] },
    { cluster: "second", weight: 100, requestHeaders: [], responseHeaders: [] },
  ];
  const action = routeTo("first", { destinations, mirror: { cluster: "copy", percent: 100 * shares.mirrored } });
  const document = snapshot(service, [rule("/", action, { fault: { abort: { status: 503, percent: 100 * shares.abort } } })], {
    backends: [backend("first", "10.0.0.1"), backend("second", "10.0.0.2"), backend("copy", "10.0.0.3")],
    tracing: { samplingRatio: shares.sampled },
  });
  const seen: Record<string, number> = {};
  const count = (what: string): void => void (seen[what] = (seen[what] ?? 0) + 1);
  const { ask, background } = setUp(document, async (url, init) => {
    const { hostname } = new URL(url);
    const flags = new Headers(init.headers).get("traceparent")?.split("-")[3] ?? "";
    const isSampled = (Number.parseInt(flags, 16) & 1) === 1;
    if (hostname === "10.0.0.3") count("copies");
    else count(`${hostname === "10.0.0.1" ? "first" : "second"} ${isSampled ? "sampled" : "not sampled"}`);
    return new Response("ok");
  });
  for (let request = 0; request < requests; request++) {
    const response = await ask("/");
    // A request is over when its answer was read.
    await response.arrayBuffer();
    if (response.status === 503) count("aborted");
  }
  await Promise.all(background);
  const { abort, first, mirrored, sampled } = shares;
  const { aborted = 0, copies = 0, ...sent } = seen;
  const uncopied = requests - aborted - copies;
  expect(chiSquare({ aborted, sent: requests - aborted }, { aborted: abort, sent: 1 - abort })).toBeLessThan(chiSquareLimit[1] ?? 0);
  expect(chiSquare({ copies, uncopied }, { copies: mirrored, uncopied: 1 - mirrored })).toBeLessThan(chiSquareLimit[1] ?? 0);
  const expected = {
    "first sampled": first * sampled,
    "first not sampled": first * (1 - sampled),
    "second sampled": (1 - first) * sampled,
    "second not sampled": (1 - first) * (1 - sampled),
  };
  expect(chiSquare(sent, expected)).toBeLessThan(chiSquareLimit[3] ?? 0);
  expect(Object.values(sent).reduce((sum, each) => sum + each, 0)).toBe(requests - aborted);
});
