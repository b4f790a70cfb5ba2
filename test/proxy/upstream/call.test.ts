import { describe, expect, test } from "vitest";
import { seededRandom } from "#base/random.ts";
import type { Transport } from "#ir/cluster.ts";
import type { HedgePolicy, RetryPolicy } from "#ir/route.ts";
import { type ClusterState, ClusterStates } from "#proxy/balance/clusters.ts";
import type { AttemptResult } from "#proxy/upstream/attempt.ts";
import { callUpstream, type CallResult } from "#proxy/upstream/call.ts";
import { HeadSlots } from "#proxy/upstream/head-slots.ts";
import { Lifetime } from "#proxy/upstream/lifetime.ts";
import type { FetchInit, FetchLike } from "#proxy/upstream/transport.ts";
import { cluster, endpoint, group, ManualClock } from "../fixture.ts";

interface Step {
  readonly status?: number;
  readonly headers?: Record<string, string>;
  readonly afterMs?: number;
}

/** What the upstream does with each attempt in turn: a status, an error's text, or, for `silence`, nothing for ever. */
type Script = readonly (number | string | Step)[];

interface Given {
  readonly script: Script;
  readonly vms?: number;
  readonly method?: string;
  readonly retry?: RetryPolicy;
  readonly hedge?: HedgePolicy;
  readonly isReplayable?: boolean;
  readonly timeoutMs?: number;
  readonly state?: ClusterState;
  readonly slots?: HeadSlots;
  readonly client?: AbortSignal;
  /** A transport that the proxy was not given. */
  readonly lacks?: Transport;
}

interface Done {
  readonly result: CallResult;
  readonly urls: string[];
  /** Of each attempt. */
  readonly transports: Transport[];
  readonly mostAtOnce: number;
  /** How each attempt ended, in the order of their ends. */
  readonly ends: AttemptResult[];
  readonly state: ClusterState;
  readonly slots: HeadSlots;
}

function stateOf(vms: number): ClusterState {
  const endpoints = Array.from({ length: vms }, (_, index) => endpoint(`vm-${index}`, `10.0.0.${index}`));
  const states = new ClusterStates(seededRandom(5), new ManualClock());
  const state = states.of(new Map([["app", cluster("app", [group("g", endpoints)])]]), "app");
  if (!state) throw new Error("no state");
  return state;
}

async function call(given: Given): Promise<Done> {
  const { script, vms = 5, method = "GET", isReplayable = true, timeoutMs = 0, retry, hedge } = given;
  const { state = stateOf(vms), slots = new HeadSlots() } = given;
  const urls: string[] = [];
  const transports: Transport[] = [];
  const fetchFor = (transport: Transport): FetchLike | undefined => {
    transports.push(transport);
    return transport === given.lacks ? undefined : fetchUpstream;
  };
  let atOnce = 0;
  let mostAtOnce = 0;
  const fetchUpstream = async (target: string | Request, { signal }: FetchInit): Promise<Response> => {
    const step = script[urls.length] ?? 200;
    urls.push(typeof target === "string" ? target : target.url);
    mostAtOnce = Math.max(mostAtOnce, ++atOnce);
    try {
      return await respond(step, signal);
    } finally {
      atOnce -= 1;
    }
  };
  const body = { forAttempt: () => null, isReplayable, whole: Promise.resolve(null) };
  const clock = new ManualClock();
  const lifetime = new Lifetime({ timeoutMs }, clock, given.client);
  lifetime.sent();
  const ends: AttemptResult[] = [];
  const result = await callUpstream(
    { state, preference: {}, method, path: "/x", headers: new Headers(), body, ...(retry && { retry }), ...(hedge && { hedge }) },
    { fetchFor, lifetime, clock, slots, random: seededRandom(1), observe: () => (end) => void ends.push(end) },
  );
  lifetime.close();
  return { result, urls, transports, mostAtOnce, ends, state, slots };
}

async function respond(step: Script[number], signal: AbortSignal): Promise<Response> {
  if (step === "silence") return new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("aborted"))));
  if (typeof step === "string") throw new Error(step);
  const { status = 200, headers = {}, afterMs = 0 } = typeof step === "number" ? { status: step } : step;
  if (afterMs > 0) {
    await new Promise((resolve, reject) => {
      setTimeout(resolve, afterMs);
      signal.addEventListener("abort", () => reject(new Error("aborted")));
    });
  }
  return new Response(null, { status, headers });
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

describe("endpoints behind tunnels", () => {
  const mixed = (): ClusterState => {
    const endpoints = [endpoint("direct", "10.0.0.1"), endpoint("behind", "behind.g.us-central1-a.tunnel")];
    const state = new ClusterStates(seededRandom(5), new ManualClock()).of(
      new Map([["app", cluster("app", [group("g", endpoints)])]]),
      "app",
    );
    if (!state) throw new Error("no state");
    return state;
  };

  test("are asked through them, and those beside them as ever", async () => {
    const state = mixed();
    const ways = new Set<string>();
    for (let request = 0; request < 4; request++) {
      const { urls, transports } = await call({ script: [200], state });
      ways.add(`${transports.join()} ${new URL(urls[0] ?? "").hostname}`);
    }
    expect(ways).toEqual(new Set(["vpc-network 10.0.0.1", "tunnel behind.g.us-central1-a.tunnel"]));
  });

  test("cannot be asked by a proxy that has no tunnels, and occupy nothing then", async () => {
    const state = stateOf(1);
    const { result, urls, slots } = await call({ script: [200], state, lacks: "vpc-network" });
    expect([result.kind, urls.length, state.observation.active]).toEqual(["no-transport", 0, 0]);
    expect(Array.from({ length: 5 }, () => slots.take()).every((leave) => leave !== undefined)).toBe(true);
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
    const state = stateOf(5);
    for (let held = 0; held < 3; held++) state.budget.retry();
    const done = await call({ script: [503, 200], retry: retry(["5xx"], 1), state });
    expect([summary(done), done.urls.length]).toEqual([503, 1]);
  });

  test("and a retry gives back what it took", async () => {
    const state = stateOf(5);
    for (let round = 0; round < 10; round++) await call({ script: [503, 503], retry: retry(["5xx"], 1), state });
    const { budget } = state;
    const taken = [budget.retry(), budget.retry(), budget.retry()];
    for (const each of taken) expect(each).toBeDefined();
  });
});

describe("Retry-After", () => {
  const policy = { conditions: ["5xx"], retries: 1 } as const;
  const asking = (seconds: string, status = 503): Step => ({ status, headers: { "retry-after": seconds } });

  test("is waited for", async () => {
    const begun = performance.now();
    const done = await call({ script: [asking("1"), 200], retry: policy });
    expect([summary(done), done.urls.length]).toEqual([200, 2]);
    expect(performance.now() - begun).toBeGreaterThan(990);
  });

  test.each<[string, Step, number, readonly [number, number]]>([
    ["longer than the request has: the answer passes at once", asking("2"), 1_000, [503, 1]],
    ["longer than five minutes: likewise", asking("301"), 0, [503, 1]],
    ["in the past: no wait", asking("Thu, 01 Jan 1970 00:00:00 GMT"), 1_000, [200, 2]],
    ["of another status: it does not speak of this request", asking("2", 502), 1_000, [200, 2]],
    ["that is nonsense: no wait", asking("soon"), 1_000, [200, 2]],
  ])("%s", async (_, step, timeoutMs, expected) => {
    const begun = performance.now();
    const done = await call({ script: [step, 200], retry: policy, timeoutMs });
    expect([summary(done), done.urls.length]).toEqual(expected);
    expect(performance.now() - begun).toBeLessThan(900);
  });
});

describe("with a hedge policy", () => {
  const hedge: HedgePolicy = { afterMs: 30, attempts: 3 };
  const slow: Step = { status: 201, afterMs: 2_000 };

  test.each<[string, Given, readonly [outcome: unknown, attempts: number, atOnce: number]]>([
    ["an answer in time brings no hedge", { script: [{ afterMs: 5 }], hedge }, [200, 1, 1]],
    ["a slow attempt gets another beside it, and the faster one is the answer", { script: [slow, 200], hedge }, [200, 2, 2]],
    ["each hedge waits in its turn", { script: [slow, slow, 200], hedge }, [200, 3, 3]],
    ["and there are no more than the policy says", { script: [slow, slow, { status: 202, afterMs: 100 }, 200], hedge }, [202, 3, 3]],
    ["any answer is one, without a retry policy", { script: [slow, 503], hedge }, [503, 2, 2]],
    [
      "one that would be retried is none while others are under way",
      { script: [{ afterMs: 100 }, 503, 503], hedge, retry: { conditions: ["5xx"], retries: 1 } },
      [200, 3, 2],
    ],
    [
      "the last to fail is the answer when all have failed",
      { script: [{ status: 503, afterMs: 60 }, 502], hedge: { afterMs: 30, attempts: 2 }, retry: { conditions: ["5xx"], retries: 0 } },
      [503, 2, 2],
    ],
    ["a failure brings the next one forward", { script: [slow, "Network connection lost.", 200], hedge }, [200, 3, 2]],
    ["not for what may not be done twice", { script: [{ afterMs: 100 }, 201], method: "POST", hedge }, [200, 1, 1]],
    ["not with a body that is gone", { script: [{ afterMs: 100 }, 201], isReplayable: false, hedge }, [200, 1, 1]],
  ])("%s", async (_, given, expected) => {
    const done = await call(given);
    expect([summary(done), done.urls.length, done.mostAtOnce]).toEqual(expected);
    expect(new Set(done.urls).size).toBe(done.urls.length);
  });

  test("those that lost are given up, and everything is given back", async () => {
    const state = stateOf(5);
    const slots = new HeadSlots();
    const done = await call({ script: ["silence", "silence", 200], hedge, state, slots });
    expect(summary(done)).toBe(200);
    // The losers end after the winner has won.
    await new Promise((resolve) => setTimeout(resolve, 0));
    expect(done.ends.map(({ kind }) => kind).toSorted()).toEqual(["ended", "ended", "response"]);
    if (done.result.kind === "response") done.result.over();
    expect([state.budget.retry(), state.budget.retry(), state.budget.retry()]).not.toContain(undefined);
    expect(Array.from({ length: 5 }, () => slots.take())).not.toContain(undefined);
    const admitted = await state.admit({ tried: new Set() }, { ended: undefined, sleep: () => Promise.resolve() });
    expect(admitted.kind === "admitted" && admitted.target.stats.inFlight).toBe(1);
  });

  test("a spent budget allows no hedge", async () => {
    const state = stateOf(5);
    for (let held = 0; held < 3; held++) state.budget.retry();
    expect((await call({ script: [{ afterMs: 100 }, 201], hedge, state })).urls).toHaveLength(1);
  });

  test("no more than five wait for the head of their answer, be it with a mirror", async () => {
    const slots = new HeadSlots();
    for (let held = 0; held < 3; held++) slots.take();
    const done = await call({ script: ["silence", { afterMs: 100 }, 201], hedge: { afterMs: 20, attempts: 4 }, slots });
    expect([summary(done), done.urls.length]).toEqual([200, 2]);
  });

  test("the end of the request's time ends them all", async () => {
    const done = await call({ script: ["silence", "silence", "silence"], hedge, timeoutMs: 150 });
    expect([summary(done), done.urls.length]).toEqual(["timeout", 3]);
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
