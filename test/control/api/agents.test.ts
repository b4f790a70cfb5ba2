/** What agents call where API tokens are asked for: a join token, a signature or a session, and nothing beyond it. */
import { describe, expect, it } from "vitest";
import { sha256Hex } from "#base/hash.ts";
import type { Json, JsonObject } from "#base/json.ts";
import { seededRandom } from "#base/random.ts";
import type { AgentLeases } from "#control/api/agents.ts";
import { createApi } from "#control/api/app.ts";
import { tokenAuthorizer } from "#control/api/authorize.ts";
import type { Command } from "#control/command.ts";
import { newSession } from "#instances/lease/session.ts";

const group = "zones/us-central1-a/instanceGroups/g";
const session = newSession(group, seededRandom(1));
const base = "/wayside/v1/projects/p";

interface Api {
  readonly commands: Command[];
  readonly asked: string[];
  send(method: string, path: string, more?: { body?: Json; bearer?: string }): Promise<{ status: number; body: JsonObject }>;
}

function open(leases: Partial<AgentLeases> = {}, body: JsonObject = { name: "x" }): Api {
  const commands: Command[] = [];
  const asked: string[] = [];
  const app = createApi({
    run: (command) => {
      commands.push(command);
      return Promise.resolve({ status: 200, body });
    },
    authorize: tokenAuthorizer("[]"),
    lease: (name) => {
      asked.push(name);
      const never = (): Promise<never> => Promise.reject(new Error("not to be asked"));
      return {
        openSession: never,
        heartbeat: never,
        lastHeartbeat: never,
        authorize: (instance, given) => Promise.resolve(instance === "vm" && given === session),
        ...leases,
      };
    },
    loopbackOnly: false,
    random: seededRandom(2),
    log: () => undefined,
  });
  return {
    commands,
    asked,
    send: async (method, path, { body, bearer } = {}) => {
      const headers = bearer === undefined ? {} : { authorization: `Bearer ${bearer}` };
      const response = await app.request(`${base}${path}`, {
        method,
        headers,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      return { status: response.status, body: (await response.json()) as JsonObject };
    },
  };
}

describe("a session", () => {
  it.each([
    ["GET", "/instances/vm", 200],
    ["POST", "/instances/vm/drain", 200],
    ["POST", "/instances/vm:undrain", 200],
    ["DELETE", "/instances/vm", 200],
    ["GET", "/instances/other", 401],
    ["POST", "/instances/other/drain", 401],
    ["GET", "/instances", 401],
    ["POST", "/joinTokens", 401],
    ["GET", "/status", 401],
  ])("%s %s: %i", async (method, path, status) => {
    const api = open();
    expect((await api.send(method, path, { bearer: session })).status).toBe(status);
    expect(api.commands.map(({ user, query }) => [user, query["group"]])).toEqual(status === 200 ? [["instance:vm", group]] : []);
  });

  it.each(["wls_x", newSession(group, seededRandom(3)), "anything", ""])("%s lets nobody in", async (bearer) => {
    expect((await open().send("GET", "/instances/vm", { bearer })).status).toBe(401);
  });
});

describe("join", () => {
  it("hands on the hash of the token, never the token", async () => {
    const api = open();
    await api.send("POST", "/join", { body: { token: "wjt_secret", publicKey: "k", name: "vm" } });
    expect(api.commands).toMatchObject([{ collection: "joinTokens", verb: "redeem", user: "agent" }]);
    expect(api.commands[0]?.body).toEqual({ publicKey: "k", name: "vm", sha256: await sha256Hex("wjt_secret") });
  });

  it("is the only way to redeem", async () => {
    expect((await open().send("POST", "/joinTokens/redeem", { body: {} })).status).toBeGreaterThanOrEqual(400);
  });
});

describe("bad input", () => {
  it.each<[string, Json, string]>([
    ["/join", {}, "token"],
    ["/join", { token: 7 }, "token"],
    ["/join", [], "body"],
    ["/connect", { group, name: "vm", epoch: 1, nonce: "n" }, "signature"],
    ["/connect", { group, name: "vm", epoch: -1, nonce: "n", signature: "s" }, "epoch"],
    ["/connect", { group, name: "vm", epoch: "1", nonce: "n", signature: "s" }, "epoch"],
    ["/heartbeat", { name: "vm", epoch: 1 }, "sequence"],
    ["/heartbeat", { epoch: 1, sequence: 1 }, "name"],
  ])("of %s %j names %s", async (path, body, field) => {
    const answer = await open().send("POST", path, { body, bearer: session });
    expect(answer.status).toBe(400);
    expect(JSON.stringify(answer.body)).toContain(`"field":"${field}"`);
  });

  it("a method or project that is none", async () => {
    expect((await open().send("GET", "/join")).status).toBe(405);
    expect((await open().send("POST", "/heartbeat", { body: { name: "vm", epoch: 1, sequence: 1 } })).status).toBe(401);
  });
});

describe("a heartbeat", () => {
  it.each<[Awaited<ReturnType<AgentLeases["heartbeat"]>>, number, JsonObject]>([
    [{ kind: "taken", state: "SERVING", released: false }, 200, { state: "SERVING", health: "UNKNOWN" }],
    [{ kind: "taken", state: "SERVING", released: false, healthy: false }, 200, { health: "UNHEALTHY" }],
    [{ kind: "taken", state: "DRAINING", released: true, healthy: true }, 200, { released: true, health: "DRAINING" }],
    [{ kind: "superseded", byAddress: "10.0.0.2", atMs: 0 }, 409, { by: "10.0.0.2", at: "1970-01-01T00:00:00.000Z" }],
    [{ kind: "unknownSession" }, 401, {}],
    [{ kind: "unknown" }, 404, {}],
  ])("of which the lease says %j: %i", async (answer, status, body) => {
    const api = open({ heartbeat: () => Promise.resolve(answer) });
    const said = { name: "vm", epoch: 1, sequence: 1, healthy: true };
    expect(await api.send("POST", "/heartbeat", { body: said, bearer: session })).toMatchObject({ status, body });
    expect(api.asked, "one object, and not the project").toHaveLength(1);
    expect(api.commands).toEqual([]);
  });
});

describe("one instance", () => {
  const leased = { name: "vm", groupKey: group, connection: { state: "CONNECTED", epoch: 1 } };

  it.each<[string, Awaited<ReturnType<AgentLeases["lastHeartbeat"]>>, JsonObject | undefined]>([
    ["what was heard", { lastSeenMs: 0, cpuSeconds: 3, cpuCores: 0.5 }, { at: "1970-01-01T00:00:00.000Z", cpuSeconds: 3, cpuCores: 0.5 }],
    ["the time alone", { lastSeenMs: 0 }, { at: "1970-01-01T00:00:00.000Z" }],
    ["nothing before the first heartbeat", undefined, undefined],
  ])("shows %s", async (_, heard, shown) => {
    const api = open({ lastHeartbeat: () => Promise.resolve(heard) }, leased);
    const { status, body } = await api.send("GET", "/instances/vm", { bearer: session });
    expect([status, body["lastHeartbeat"]]).toEqual([200, shown]);
  });

  it("is shown without it when the Lease object does not answer, and the object is not asked about one without a lease", async () => {
    const away = open({ lastHeartbeat: () => Promise.reject(new Error("overloaded")) }, leased);
    expect(await away.send("GET", "/instances/vm", { bearer: session })).toEqual({ status: 200, body: leased });
    const none = open({ lastHeartbeat: () => Promise.resolve({ lastSeenMs: 0 }) }, { name: "vm", groupKey: group });
    expect((await none.send("GET", "/instances/vm", { bearer: session })).body).toEqual({ name: "vm", groupKey: group });
  });
});
