/** Attempts from outside: hedges, retries and their budget, limits of time, and what `explain` says of all that. */
import type { ServerResponse } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startApplication, type Application } from "./harness/application.ts";
import { compute, createMesh, services } from "./harness/resources.ts";
import { must, until } from "./harness/rest.ts";
import { ask, type Reply, startLoad, watchFor } from "./harness/traffic.ts";
import { createHostileService } from "./harness/upstream.ts";
import { startMesh, wayside, type Mesh } from "./harness/wayside.ts";

const project = "demo";
const explainPath = `/wayside/v1/projects/${project}/explain`;

let mesh: Mesh;
const applications: Application[] = [];

beforeAll(async () => {
  mesh = await startMesh(["--config-refresh", "200ms"]);
  await createMesh(mesh.api, project);
});
afterAll(async () => {
  await mesh.stop();
  for (const application of applications) await application.close();
});

async function application(...parameters: Parameters<typeof startApplication>): Promise<Application> {
  const started = await startApplication(...parameters);
  applications.push(started);
  return started;
}

async function serviceOf(name: string, instances: readonly Application[], action: Record<string, unknown> = {}): Promise<string> {
  const ports = instances.map(({ port }) => port);
  await createHostileService({ api: mesh.api, mesh: mesh.mesh, name, ports, action });
  return `${name}.test`;
}

/** Waits until the proxy of the service serves its newest configuration. */
async function applied(host: string): Promise<void> {
  await until("the change is applied", 10_000, async () => {
    const { proxies } = (await must(mesh.api, "GET", `/wayside/v1/projects/${project}/status`)) as { proxies: Record<string, unknown>[] };
    return proxies.some((proxy) => proxy["service"] === host && proxy["state"] === "SYNCED");
  });
}

async function policy(name: string, target: string, fields: Record<string, unknown>): Promise<void> {
  await must(mesh.api, "POST", `/wayside/v1/projects/${project}/trafficPolicies`, { name, target, ...fields });
}

async function timed(what: Promise<Reply>): Promise<Reply & { ms: number }> {
  const begun = performance.now();
  return { ...(await what), ms: performance.now() - begun };
}

const end = (outgoing: ServerResponse, status: number, headers: Record<string, string> = {}): void =>
  void outgoing.writeHead(status, headers).end(String(status));

describe("hedging", () => {
  it("makes up for a slow instance, and cuts what came too late", async () => {
    const slow = await application((_, outgoing) => void setTimeout(() => end(outgoing, 201), 4_000).unref());
    const quick = await application();
    const host = await serviceOf("hedged", [slow, quick]);
    await policy("hedged", "httpRoutes/hedged", { hedge: { afterMs: 150, attempts: 2 } });
    await applied(host);
    for (let request = 0; request < 4; request++) {
      const reply = await timed(ask(mesh.mesh, { host }));
      expect([reply.status, reply.ms < 2_000]).toEqual([200, true]);
    }
    expect(slow.received.length).toBeGreaterThan(0);
    await until("the losers are cut", 5_000, async () => slow.received.every(({ isOver }) => isOver));
    const posted = await Promise.all([0, 1].map(() => timed(ask(mesh.mesh, { host, method: "POST", body: "once" }))));
    expect(new Set(posted.map(({ status }) => status))).toEqual(new Set([200, 201]));
  });

  it("never has more than five attempts of a request wait for their head, the mirror among them", async () => {
    let waiting = 0;
    let most = 0;
    const silent = await Promise.all(
      Array.from({ length: 6 }, () =>
        application((_, outgoing) => {
          most = Math.max(most, ++waiting);
          outgoing.on("close", () => (waiting -= 1));
        }),
      ),
    );
    const host = await serviceOf("silent", silent, {
      timeout: "3s",
      retryPolicy: { retryConditions: ["5xx"], numRetries: 5, perTryTimeout: "0.7s" },
      requestMirrorPolicy: {
        destination: { serviceName: `projects/${project}/locations/global/backendServices/silent` },
        mirrorPercent: 100,
      },
    });
    await policy("silent", "httpRoutes/silent", { hedge: { afterMs: 50, attempts: 4 } });
    await applied(host);
    const reply = await timed(ask(mesh.mesh, { host }));
    expect([reply.status, reply.headers["x-wayside-reason"]]).toEqual([504, "upstream_timeout"]);
    expect(most).toBeGreaterThan(2);
    expect(most).toBeLessThanOrEqual(5);
  });
});

describe("retries", () => {
  it("wait as long as an answer asks, where the request has the time", async () => {
    const answers: number[] = [];
    const busy = await application((_, outgoing) => {
      answers.push(performance.now());
      if (answers.length % 2 === 1) end(outgoing, 503, { "retry-after": "1" });
      else end(outgoing, 200);
    });
    const retryPolicy = { retryConditions: ["5xx"], numRetries: 1 };
    const patient = await serviceOf("patient", [busy], { timeout: "5s", retryPolicy });
    expect(await timed(ask(mesh.mesh, { host: patient }))).toMatchObject({ status: 200 });
    expect((answers[1] ?? 0) - (answers[0] ?? 0)).toBeGreaterThan(950);
    const hasty = await serviceOf("hasty", [busy], { timeout: "0.5s", retryPolicy });
    const reply = await timed(ask(mesh.mesh, { host: hasty }));
    expect([reply.status, reply.headers["retry-after"], reply.ms < 450]).toEqual([503, "1", true]);
  });

  it("go to another instance than the one that never answers", async () => {
    const silent = await application(() => undefined);
    const well = await application();
    const retryPolicy = { retryConditions: ["5xx"], numRetries: 1, perTryTimeout: "0.3s" };
    const host = await serviceOf("blackhole", [silent, well], { timeout: "3s", retryPolicy });
    for (let request = 0; request < 6; request++) {
      const reply = await timed(ask(mesh.mesh, { host, method: "POST", body: "same" }));
      expect([reply.status, reply.ms < 1_500]).toEqual([200, true]);
    }
    expect(silent.received.length).toBeGreaterThan(0);
    for (const { body } of [...silent.received, ...well.received]) expect(["", "same"]).toContain(body.toString());
  });

  it("are bounded by their budget when everything fails", async () => {
    const failing = await Promise.all(
      Array.from({ length: 3 }, () => application((_, outgoing) => void setTimeout(() => end(outgoing, 503), 100))),
    );
    const host = await serviceOf("storm", failing, { retryPolicy: { retryConditions: ["5xx"], numRetries: 3 } });
    const load = startLoad(mesh.mesh, { host }, 200);
    await watchFor(2_500);
    const { sent } = await load.stop();
    const attempts = failing.reduce((sum, { received }) => sum + received.length, 0);
    expect(sent).toBeGreaterThan(300);
    expect(attempts).toBeGreaterThan(sent);
    expect(attempts).toBeLessThan(sent * 1.3 + 10);
  });
});

describe("limits of time", () => {
  it("cut a stream that lasts too long (maxStreamDuration of the backend service)", async () => {
    const app = await application();
    const host = await serviceOf("lasting", [app], { timeout: "0s" });
    await must(mesh.api, "PATCH", `${compute(project)}/global/backendServices/lasting`, {
      maxStreamDuration: { seconds: "0", nanos: 600_000_000 },
    });
    await applied(host);
    const begun = performance.now();
    await expect(ask(mesh.mesh, { host, path: "/endless" })).rejects.toThrow();
    expect(performance.now() - begun).toBeGreaterThan(500);
    expect(performance.now() - begun).toBeLessThan(5_000);
    await until("the instance is let go", 5_000, async () => app.last().isOver);
  });

  it("cut silence, and nothing that goes on (idleTimeout)", async () => {
    const app = await application((incoming, outgoing) => {
      if (incoming.url === "/silent") return;
      outgoing.writeHead(200);
      const timer = setInterval(() => outgoing.write("."), 100);
      setTimeout(() => outgoing.end("!"), 1_200).unref();
      outgoing.on("close", () => clearInterval(timer));
    });
    const host = await serviceOf("idle", [app], { timeout: "0s", idleTimeout: "0.5s" });
    expect((await ask(mesh.mesh, { host })).body).toMatch(/^\.{5,}!$/);
    const silent = await timed(ask(mesh.mesh, { host, path: "/silent" }));
    expect([silent.status, silent.headers["x-wayside-reason"], silent.ms < 3_000]).toEqual([504, "upstream_timeout", true]);
  });
});

interface Explained {
  readonly policies?: Record<string, unknown>;
  readonly destinations?: {
    balancing: unknown;
    circuits?: unknown;
    endpoints: { instance: string; health: string; ejected?: boolean }[];
  }[];
  readonly past?: { answered: { reason: string }; isOutdated: boolean; withheld: string[] };
}

describe("explain", () => {
  const explain = async (body: Record<string, unknown>): Promise<Explained> =>
    (await must(mesh.api, "POST", explainPath, body)) as Explained;

  it("names the policies in force, the endpoints, and who is ejected", async () => {
    const sick = await application((_, outgoing) => end(outgoing, 503));
    const well = await application();
    const retryPolicy = { retryConditions: ["5xx"], numRetries: 2 };
    const host = await serviceOf("shown", [sick, well], { timeout: "2s", idleTimeout: "60s", retryPolicy });
    await must(mesh.api, "PATCH", `${compute(project)}/global/backendServices/shown`, {
      circuitBreakers: { maxRequests: 50 },
      outlierDetection: {
        consecutiveGatewayFailure: 2,
        enforcingConsecutiveGatewayFailure: 100,
        interval: { seconds: 1 },
        baseEjectionTime: { seconds: 60 },
      },
    });
    await policy("shown", "httpRoutes/shown", { hedge: { afterMs: 1_000 } });
    await applied(host);
    for (let request = 0; request < 10; request++) expect((await ask(mesh.mesh, { host })).status).toBe(200);
    const answer = await until("the ejection is reported", 10_000, async () => {
      const explained = await explain({ method: "GET", url: `http://${host}/` });
      return explained.destinations?.[0]?.endpoints.some(({ ejected }) => ejected) ? explained : undefined;
    });
    expect(answer.policies).toEqual({
      idleTimeoutMs: 60_000,
      retry: { conditions: ["5xx"], retries: 2 },
      hedge: { afterMs: 1_000, attempts: 2 },
    });
    expect(answer.destinations).toMatchObject([
      {
        balancing: {
          policy: { kind: "ROUND_ROBIN" },
          circuitBreakers: { maxRequests: 50 },
          outlierDetection: { consecutiveGatewayFailure: 2 },
        },
        circuits: [{ state: "closed", limit: 50 }],
        endpoints: [
          { instance: "shown-0", health: "HEALTHY", ejected: true },
          { instance: "shown-1", health: "HEALTHY" },
        ],
      },
    ]);
    const { stdout } = await wayside(["explain", "GET", `http://${host}/`, "--api", mesh.api]);
    expect(stdout).toMatch(/├─ shown-0 {2}127\.0\.0\.1:\d+ {2}us-central1-a {2}ejected\n/);
  });

  it("resolves the id of an answer that the mesh gave itself to the same answer", async () => {
    const app = await application(() => undefined);
    const host = await serviceOf("refusing", [app], { timeout: "0.3s" });
    await must(mesh.api, "PATCH", `${services(project)}/httpRoutes/refusing?updateMask=rules`, {
      rules: [
        {
          matches: [
            {
              fullPathMatch: "/a",
              headers: [
                { header: "x-version", exactMatch: "2" },
                { header: "authorization", presentMatch: true },
              ],
            },
          ],
          action: {
            destinations: [{ serviceName: `projects/${project}/locations/global/backendServices/refusing` }],
            timeout: "0.3s",
          },
        },
      ],
    });
    await applied(host);
    const headers = { "x-version": "2", authorization: "Bearer canary-5a1f", "x-other": "canary-77c2" };
    const kept = [
      { name: "x-version", value: "2" },
      { name: "authorization", value: "[withheld]" },
    ];
    const asked: [string, Parameters<typeof ask>[1], Record<string, unknown>, number][] = [
      ["no_route", { host, path: "/b?token=canary-91be" }, { url: `http://${host}/b` }, 1],
      ["upstream_timeout", { host, path: "/a", headers }, { url: `http://${host}/a`, headers: kept }, 0],
      ["no_service", { host: "nobody.test" }, { url: "http://nobody.test/" }, 1],
    ];
    for (const [reason, what, same, expected] of asked) {
      const reply = await ask(mesh.mesh, what);
      const id = reply.headers["x-wayside-id"] ?? "";
      expect(reply.headers["x-wayside-reason"]).toBe(reason);
      expect(reply.body).toContain(id);
      const { stdout, status, stderr } = await wayside(["explain", "--id", id, "-o", "json", "--api", mesh.api]);
      expect(stderr).toBe("");
      expect(status).toBe(expected);
      const { past, ...answer } = JSON.parse(stdout) as Explained;
      expect(past).toMatchObject({ answered: { reason }, isOutdated: false });
      expect(answer).toEqual(await explain(same));
      expect(stdout).not.toContain("canary");
    }
  });

  it("says so of an id that nobody knows", async () => {
    const response = await fetch(`${mesh.api}${explainPath}`, {
      method: "POST",
      body: JSON.stringify({ id: "nonsense" }),
      headers: { "content-type": "application/json" },
    });
    expect(response.status).toBe(404);
    expect(await response.text()).toContain("No answer of the mesh with the id 'nonsense' is known");
  });
});
