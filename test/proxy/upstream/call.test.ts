import { describe, expect, test } from "vitest";
import { seededRandom } from "#base/random.ts";
import type { RetryPolicy } from "#ir/route.ts";
import { RetryBudget } from "#proxy/balance/retry-budget.ts";
import { RoundRobin } from "#proxy/balance/round-robin.ts";
import { callUpstream, type CallResult } from "#proxy/upstream/call.ts";
import { Lifetime } from "#proxy/upstream/lifetime.ts";
import type { FetchInit } from "#proxy/upstream/transport.ts";
import { cluster, endpoint, group } from "../fixture.ts";

/** What the upstream does with each attempt in turn: a status, an error's text, or, for `silence`, nothing for ever. */
type Script = readonly (number | string)[];

interface Given {
  readonly script: Script;
  readonly vms?: number;
  readonly method?: string;
  readonly retry?: RetryPolicy;
  readonly isReplayable?: boolean;
  readonly timeoutMs?: number;
  readonly budget?: RetryBudget;
  readonly client?: AbortSignal;
}

async function call(given: Given): Promise<{ result: CallResult; urls: string[]; mostAtOnce: number }> {
  const { script, vms = 5, method = "GET", isReplayable = true, timeoutMs = 0 } = given;
  const urls: string[] = [];
  let atOnce = 0;
  let mostAtOnce = 0;
  const fetchUpstream = async (url: string, { signal }: FetchInit): Promise<Response> => {
    const step = script[urls.length] ?? 200;
    urls.push(url);
    mostAtOnce = Math.max(mostAtOnce, ++atOnce);
    try {
      if (typeof step === "number") return new Response(null, { status: step });
      if (step !== "silence") throw new Error(step);
      return await new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("aborted"))));
    } finally {
      atOnce -= 1;
    }
  };
  const endpoints = Array.from({ length: vms }, (_, index) => endpoint(`vm-${index}`, `10.0.0.${index}`));
  const upstream = cluster("app", [group("g", endpoints)]);
  const state = { cluster: upstream, balancer: new RoundRobin(upstream, seededRandom(5)), budget: given.budget ?? new RetryBudget() };
  const body = { forAttempt: () => null, isReplayable };
  const lifetime = new Lifetime(timeoutMs, given.client);
  const request = { state, method, path: "/x", headers: new Headers(), body, ...(given.retry && { retry: given.retry }) };
  const result = await callUpstream(request, { fetchUpstream, lifetime, random: seededRandom(1), observe: () => () => undefined });
  lifetime.close();
  return { result, urls, mostAtOnce };
}

const lost = "Network connection lost.";
const summary = ({ result }: { result: CallResult }) =>
  result.kind === "response"
    ? result.response.status
    : result.kind === "failure"
      ? result.failure
      : result.kind === "ended"
        ? result.ending
        : result.kind;

describe("without a policy", () => {
  test.each<[string, Given, readonly [outcome: unknown, attempts: number]]>([
    ["an answer is an answer", { script: [503] }, [503, 1]],
    ["a lost connection is made up for once", { script: [lost] }, [200, 2]],
    ["and once only", { script: [lost, lost] }, ["lost", 2]],
    ["on the same instance where there is no other", { script: [lost], vms: 1 }, [200, 2]],
    ["not for POST", { script: [lost], method: "POST" }, ["lost", 1]],
    ["not for PATCH", { script: [lost], method: "PATCH" }, ["lost", 1]],
    ["for PUT with a body that is kept", { script: [lost], method: "PUT" }, [200, 2]],
    ["not with a body that is gone", { script: [lost], method: "PUT", isReplayable: false }, ["lost", 1]],
    ["nothing to send it to", { script: [], vms: 0 }, ["no-endpoint", 0]],
  ])("%s", async (_, given, expected) => {
    const done = await call(given);
    expect([summary(done), done.urls.length]).toEqual(expected);
  });
});

describe("with a policy", () => {
  const retry = (conditions: RetryPolicy["conditions"], retries: number, more: Partial<RetryPolicy> = {}): RetryPolicy => ({
    conditions,
    retries,
    ...more,
  });

  test.each<[string, Given, readonly [outcome: unknown, attempts: number]]>([
    ["it retries up to its number", { script: [503, 503, 503, 503], retry: retry(["5xx"], 2) }, [503, 3]],
    ["until an answer is good", { script: [503, 200], retry: retry(["5xx"], 2) }, [200, 2]],
    ["POST too", { script: [503, 200], method: "POST", retry: retry(["5xx"], 1) }, [200, 2]],
    ["but nothing it does not name", { script: [503], retry: retry(["retriable-4xx"], 1) }, [503, 1]],
    ["nor with a body that is gone", { script: [503], method: "POST", retry: retry(["5xx"], 1), isReplayable: false }, [503, 1]],
    ["a lost connection that it covers counts", { script: [lost, lost, lost], retry: retry(["connect-failure"], 1) }, ["lost", 2]],
    ["one that it does not cover is made up for as ever", { script: [lost, 200], retry: retry(["retriable-4xx"], 1) }, [200, 2]],
    [
      "connect-failure does not risk doing a POST twice",
      { script: [lost], method: "POST", retry: retry(["connect-failure"], 1) },
      ["lost", 1],
    ],
    [
      "unless it is known that nothing arrived",
      { script: ["connection_refused", 200], method: "POST", retry: retry(["connect-failure"], 1) },
      [200, 2],
    ],
    ["reset says that it may be done twice", { script: [lost, 200], method: "POST", retry: retry(["reset"], 1) }, [200, 2]],
    ["silence of one attempt goes on elsewhere", { script: ["silence", 200], retry: retry(["5xx"], 1, { perTryTimeoutMs: 30 }) }, [200, 2]],
    [
      "silence of the last is a timeout",
      { script: ["silence", "silence"], retry: retry(["5xx"], 1, { perTryTimeoutMs: 30 }) },
      ["timeout", 2],
    ],
  ])("%s", async (_, given, expected) => {
    const done = await call(given);
    expect([summary(done), done.urls.length]).toEqual(expected);
  });

  test("every attempt goes to another instance while there are any, one at a time", async () => {
    const done = await call({ script: [503, 503, 503, 503, 503], retry: retry(["5xx"], 4) });
    expect(new Set(done.urls).size).toBe(5);
    expect(done.mostAtOnce).toBe(1);
  });

  test("a spent budget leaves the answer that there is", async () => {
    const budget = new RetryBudget();
    for (let held = 0; held < 3; held++) budget.retry();
    const done = await call({ script: [503, 200], retry: retry(["5xx"], 1), budget });
    expect([summary(done), done.urls.length]).toEqual([503, 1]);
  });

  test("and a retry gives back what it took", async () => {
    const budget = new RetryBudget();
    for (let round = 0; round < 10; round++) await call({ script: [503, 503], retry: retry(["5xx"], 1), budget });
    const taken = [budget.retry(), budget.retry(), budget.retry()];
    for (const each of taken) expect(each).toBeDefined();
  });
});

describe("the end of the request's time", () => {
  test("stops the attempt that is under way", async () => {
    expect(summary(await call({ script: ["silence"], timeoutMs: 30 }))).toBe("timeout");
  });

  test("stops retrying, also between attempts", async () => {
    const script = Array.from({ length: 50 }, () => 503);
    const done = await call({ script, vms: 50, timeoutMs: 60, retry: { conditions: ["5xx"], retries: 50 } });
    expect(summary(done)).toBe("timeout");
    expect(done.urls.length).toBeLessThan(50);
  });

  test("is also that its caller went away", async () => {
    const client = new AbortController();
    setTimeout(() => client.abort(), 20);
    expect(summary(await call({ script: ["silence"], client: client.signal }))).toBe("client");
    expect(summary(await call({ script: ["silence"], client: AbortSignal.abort() }))).toBe("client");
  });
});
