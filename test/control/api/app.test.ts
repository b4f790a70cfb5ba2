/** The HTTP side of the API: who may call, what may be sent, and how errors look. */
import { describe, expect, it } from "vitest";
import { sha256Hex } from "#base/hash.ts";
import type { JsonObject } from "#base/json.ts";
import { seededRandom } from "#base/random.ts";
import { createApi, type ApiDeps } from "#control/api/app.ts";
import { tokenAuthorizer, trustEveryone, type Role } from "#control/api/authorize.ts";
import { maxBodyBytes } from "#control/api/body.ts";
import { noLeases } from "./no-leases.ts";
import type { Command } from "#control/command.ts";

const maps = "/compute/v1/projects/p/global/urlMaps";
const meshes = "/v1/projects/p/locations/global/meshes";

interface Recorded {
  readonly commands: Command[];
  readonly faults: { readonly id: string; readonly cause: unknown }[];
  send(path: string, init?: RequestInit): Promise<{ status: number; body: JsonObject; text: string }>;
}

/** The API in front of a project that answers every command with 200. */
function open(overrides: Partial<ApiDeps> = {}): Recorded {
  const commands: Command[] = [];
  const faults: Recorded["faults"] = [];
  const run: ApiDeps["run"] = (command) => {
    commands.push(command);
    return Promise.resolve({ status: 200, body: { ok: true } });
  };
  const app = createApi({
    run,
    authorize: trustEveryone,
    lease: noLeases,
    loopbackOnly: false,
    random: seededRandom(1),
    log: (fault) => faults.push(fault),
    ...overrides,
  });
  return {
    commands,
    faults,
    send: async (path, init) => {
      const response = await app.request(path, init);
      const text = await response.text();
      return { status: response.status, text, body: (text === "" ? {} : JSON.parse(text)) as JsonObject };
    },
  };
}

function post(body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}): RequestInit {
  return { method: "POST", body, headers };
}

describe("commands", () => {
  it("carry path, query and body, and who calls", async () => {
    const api = open();
    await api.send(`${meshes}/m?update_mask=labels&updateMask=description&alt=json`, { method: "PATCH", body: '{"labels":{}}' });
    expect(api.commands).toEqual([
      {
        project: "p",
        scope: "locations/global",
        collection: "meshes",
        verb: "patch",
        name: "m",
        query: { updateMask: "labels,description", alt: "json" },
        body: { labels: {} },
        user: "dev@localhost",
      },
    ]);
  });

  it("have the version of a secret in their query, which a caller cannot override", async () => {
    const api = open();
    await api.send("/v1/projects/p/secrets/s/versions/3:access?version=1");
    expect(api.commands[0]).toMatchObject({ verb: "accessVersion", name: "s", query: { version: "3" } });
  });

  it.each(["", '""', "   "])("have an empty body for %j", async (body) => {
    const api = open();
    expect((await api.send(`${maps}/m/invalidateCache`, post(body, { "content-type": "application/json" }))).status).toBe(200);
    expect(api.commands[0]?.body ?? "").toBe("");
  });

  it("take JSON of any content type", async () => {
    const api = open();
    await api.send(maps, post('{"name":"m"}', { "content-type": "text/plain" }));
    expect(api.commands[0]?.body).toEqual({ name: "m" });
  });
});

describe("bodies beyond the limits", () => {
  const large = `{"name":"${"x".repeat(maxBodyBytes)}"}`;

  it("are refused by their announced size", async () => {
    const api = open();
    const { status, body } = await api.send(maps, post(large, { "content-length": String(large.length) }));
    expect({ status, body }).toMatchObject({ status: 413, body: { error: { code: 413, errors: [{ reason: "uploadTooLarge" }] } } });
    expect(api.commands).toEqual([]);
  });

  it("are refused while they are read, and the rest is not read", async () => {
    let pulled = 0;
    const endless = new ReadableStream<Uint8Array>({
      pull: (controller) => {
        pulled += 1;
        controller.enqueue(new Uint8Array(64 * 1024));
      },
    });
    const init = { method: "POST", body: endless, duplex: "half" } as RequestInit;
    expect((await open().send(maps, init)).status).toBe(413);
    expect(pulled).toBeLessThan(32);
  });

  it("that break off are the caller's fault", async () => {
    const broken = new ReadableStream<Uint8Array>({ pull: (controller) => controller.error(new Error("Network connection lost.")) });
    const api = open();
    const { status, body } = await api.send(maps, { method: "POST", body: broken, duplex: "half" } as RequestInit);
    expect([status, (body["error"] as JsonObject)["message"]]).toEqual([400, expect.stringContaining("broke off")]);
    expect([api.commands, api.faults]).toEqual([[], []]);
  });

  it("of the limit itself are taken", async () => {
    const body = `{"name":"${"x".repeat(maxBodyBytes - 11)}"}`;
    expect(body).toHaveLength(maxBodyBytes);
    expect((await open().send(maps, post(body))).status).toBe(200);
  });

  it.each([
    ["nesting", "[".repeat(100), /Message too deep/],
    ["no JSON", "name: m", /^Invalid JSON payload received\./],
    ["no UTF-8", new Uint8Array([0x22, 0xff, 0x22]), /not UTF-8/],
    ["__proto__", '{"__proto__":{"polluted":1}}', /Unknown name "__proto__"/],
  ])("or wrong by %s are the caller's fault", async (_what, body, message) => {
    const answer = await open().send(maps, post(body));
    expect(answer.status).toBe(400);
    expect((answer.body["error"] as JsonObject)["message"]).toMatch(message);
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  });
});

describe("errors", () => {
  it("of Compute have reasons, all others a status", async () => {
    const message = "The requested URL '/compute/v1/projects/p/nothing' was not found on this server.";
    expect((await open().send("/compute/v1/projects/p/nothing")).body).toEqual({
      error: { code: 404, message, errors: [{ domain: "global", reason: "notFound", message }] },
    });
    expect((await open().send("/v1/projects/p/nothing")).body).toMatchObject({ error: { code: 404, status: "NOT_FOUND" } });
  });

  it("of ours tell an id and nothing else, and are logged once with their cause", async () => {
    const cause = new Error("boom secret=abc");
    const api = open({ run: () => Promise.reject(cause) });
    const { status, text } = await api.send(`${maps}/m`);
    expect(status).toBe(500);
    expect(text).not.toContain("secret");
    expect(api.faults).toEqual([{ id: expect.stringMatching(/^[0-9a-f]{16}$/), method: "GET", path: `${maps}/m`, cause }]);
    expect(text).toContain(api.faults[0]?.id);
  });

  it("of an overloaded project say that it may be tried again", async () => {
    const api = open({ run: () => Promise.reject(Object.assign(new Error("busy"), { overloaded: true })) });
    expect((await api.send(`${meshes}/m`)).body).toMatchObject({ error: { code: 503, status: "UNAVAILABLE" } });
    expect(api.faults).toEqual([]);
  });

  it("are 404 for HEAD and 405 for a wrong method", async () => {
    expect((await open().send(`${maps}/m`, { method: "HEAD" })).status).toBe(404);
    expect((await open().send(maps, { method: "DELETE" })).status).toBe(405);
  });
});

describe("the host guard of the emulator", () => {
  const guarded = (headers: Record<string, string>): Promise<{ status: number }> =>
    open({ loopbackOnly: true }).send(`${maps}/m`, { headers });

  it.each(["localhost:8787", "127.0.0.1:8787", "127.9.9.9", "[::1]:8787", "LOCALHOST", "api.localhost:1"])(
    "lets Host %s in",
    async (host) => {
      expect((await guarded({ host })).status).toBe(200);
    },
  );

  it.each(["evil.example", "evil.example:8787", "127.0.0.1.evil.example", "localhost.evil.example", "0.0.0.0:8787", "169.254.169.254", ""])(
    "keeps Host %j out",
    async (host) => expect((await guarded({ host })).status).toBe(403),
  );

  it.each([
    ["https://evil.example", 403],
    ["null", 403],
    ["http://localhost:8787", 200],
    ["http://127.0.0.1:8787", 200],
  ])("answers Origin %s with %i", async (origin, status) => {
    expect((await guarded({ host: "localhost:8787", origin })).status).toBe(status);
  });

  it("guards the health of the API, too", async () => {
    const api = open({ loopbackOnly: true });
    expect((await api.send("/wayside/v1/healthz", { headers: { host: "localhost" } })).body).toEqual({ status: "ok" });
    expect((await api.send("/wayside/v1/healthz", { headers: { host: "evil.example" } })).status).toBe(403);
  });
});

describe("tokens and roles", () => {
  const everyRole: readonly Role[] = ["viewer", "editor", "admin", "secretAccessor"];

  async function secured(): Promise<Recorded> {
    const rows = await Promise.all(
      everyRole.map(async (role) => ({ role, sha256: await sha256Hex(`${role}-token`), user: `${role}@example` })),
    );
    return open({ authorize: tokenAuthorizer(JSON.stringify(rows)) });
  }

  const statusFor = async (method: string, path: string, token: string): Promise<number> => {
    const api = await secured();
    return (await api.send(path, { method, headers: token === "" ? {} : { authorization: `Bearer ${token}` } })).status;
  };

  it.each([
    ["GET", `${maps}/m`, [200, 200, 200, 403]],
    ["GET", maps, [200, 200, 200, 403]],
    ["GET", "/compute/v1/projects/p/aggregated/urlMaps", [200, 200, 200, 403]],
    ["POST", `${maps}/m/validate`, [200, 200, 200, 403]],
    ["POST", maps, [403, 200, 200, 403]],
    ["PATCH", `${maps}/m`, [403, 200, 200, 403]],
    ["PUT", `${maps}/m`, [403, 200, 200, 403]],
    ["DELETE", `${maps}/m`, [403, 200, 200, 403]],
    ["POST", "/compute/v1/projects/p/zones/z/instanceGroupManagers/g/resize", [403, 200, 200, 403]],
    ["POST", meshes, [403, 200, 200, 403]],
    ["GET", "/v1/projects/p/secrets/s", [200, 200, 200, 403]],
    ["POST", "/v1/projects/p/secrets/s:addVersion", [403, 200, 200, 403]],
    ["GET", "/v1/projects/p/secrets/s/versions/1:access", [403, 403, 200, 200]],
    ["POST", "/wayside/v1/projects/p/explain", [200, 200, 200, 403]],
    ["POST", "/wayside/v1/projects/p/instances", [403, 200, 200, 403]],
    ["GET", "/wayside/v1/projects/p/audit", [403, 403, 200, 403]],
  ])("%s %s", async (method, path, expected) => {
    const statuses = await Promise.all(everyRole.map((role) => statusFor(method, path, `${role}-token`)));
    expect(statuses).toEqual(expected);
    expect(await statusFor(method, path, "")).toBe(401);
    expect(await statusFor(method, path, "guess")).toBe(401);
  });

  it("name the caller of a command", async () => {
    const api = await secured();
    await api.send(`${maps}/m`, { headers: { authorization: "bearer editor-token" } });
    expect(api.commands[0]?.user).toBe("editor@example");
  });

  it("are asked for before anything is said about a path", async () => {
    const api = await secured();
    expect((await api.send("/v1/projects/p/nothing")).status).toBe(401);
    expect((await api.send("/wayside/v1/healthz")).status).toBe(200);
  });

  it.each([undefined, "", "no json", "{}", '[{"role":"admin"}]', '[{"role":"root","sha256":"00"}]', "[null]"])(
    "let nobody in with the configuration %j",
    async (config) => {
      const api = open({ authorize: tokenAuthorizer(config) });
      expect((await api.send(`${maps}/m`, { headers: { authorization: "Bearer x" } })).status).toBe(401);
    },
  );

  it("of one caller add up", async () => {
    const sha256 = await sha256Hex("both");
    const api = open({
      authorize: tokenAuthorizer(
        JSON.stringify([
          { role: "viewer", sha256 },
          { role: "secretAccessor", sha256 },
        ]),
      ),
    });
    const headers = { authorization: "Bearer both" };
    expect((await api.send(`${maps}/m`, { headers })).status).toBe(200);
    expect((await api.send("/v1/projects/p/secrets/s/versions/1:access", { headers })).status).toBe(200);
    expect(api.commands[0]?.user).toBe(`token:${sha256.slice(0, 8)}`);
  });
});
