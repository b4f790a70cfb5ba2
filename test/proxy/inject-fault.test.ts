import { describe, expect, it } from "vitest";
import { seededRandom } from "#base/random.ts";
import type { FaultPolicy } from "#ir/route.ts";
import { injectFault } from "#proxy/inject-fault.ts";
import { RequestRecorder } from "#proxy/recorder.ts";
import type { Serving } from "#proxy/serving.ts";
import { ManualClock } from "./fixture.ts";
import { request } from "./snapshots.ts";

const rule = { resource: "httpRoutes/cart", index: 0 };

function serving(client = new AbortController()): Pick<Serving, "recorder" | "request"> {
  const options = { clock: new ManualClock(), random: seededRandom(7), service: "cart.mesh" };
  return { recorder: new RequestRecorder(options, request("/"), 0), request: new Request("http://cart.mesh/", { signal: client.signal }) };
}

async function shareOf(fault: FaultPolicy, requests: number): Promise<number> {
  const random = seededRandom(42);
  let hit = 0;
  for (let count = 0; count < requests; count++) if (await injectFault(serving(), { rule, fault }, random)) hit += 1;
  return hit / requests;
}

describe("injected faults", () => {
  // Three and a bit standard deviations of a share of 10,000: p > 0.001 for a right implementation.
  it.each([
    [0, 0],
    [2.5, 0.0055],
    [50, 0.0175],
    [99.9, 0.0011],
    [100, 0],
  ])("hit %f %% of 10,000 requests", async (percent, tolerance) => {
    const share = await shareOf({ abort: { status: 503, percent } }, 10_000);
    expect(Math.abs(share - percent / 100)).toBeLessThanOrEqual(tolerance);
  });

  it.each([200, 204, 304, 418, 599])("answer with status %i", async (status) => {
    const failed = await injectFault(serving(), { rule, fault: { abort: { status, percent: 100 } } }, seededRandom(1));
    expect(failed?.response.status).toBe(status);
    expect(failed?.response.headers.get("x-wayside-reason")).toBe("fault_injected");
  });

  it("delay first, and end with a caller who does not wait", async () => {
    const fault = { delay: { ms: 20, percent: 100 }, abort: { status: 503, percent: 100 } };
    const begun = performance.now();
    expect((await injectFault(serving(), { rule, fault }, seededRandom(1)))?.response.status).toBe(503);
    expect(performance.now() - begun).toBeGreaterThanOrEqual(19);
    const client = new AbortController();
    const waiting = injectFault(serving(client), { rule, fault: { delay: { ms: 1e15, percent: 100 } } }, seededRandom(1));
    client.abort();
    expect((await waiting)?.response.status).toBe(499);
  });
});
