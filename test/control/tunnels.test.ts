/** Who may connect a tunnel, and where to. */
import { describe, expect, it } from "vitest";
import { sha256Hex } from "#base/hash.ts";
import { seededRandom } from "#base/random.ts";
import { tokenAuthorizer, trustEveryone } from "#control/api/authorize.ts";
import { acceptTunnel, tunnelAuthorizer } from "#control/tunnels.ts";
import { leaseObjectName, newSession } from "#instances/lease/session.ts";
import { connectUrl, protocol } from "#tunnel/protocol.ts";

const path = "/wayside/v1/projects/demo/tunnels/us-central1-a/web/web-1";
const upgrade = { upgrade: "websocket", "sec-websocket-protocol": `other, ${protocol}` };

const key = "zones/us-central1-a/instanceGroups/web";
const session = newSession(key, seededRandom(1));

/** The Lease object of web-1 knows one session, and no other object knows any. */
const leases = (object: string) => ({
  authorize: async (name: string, given: string) =>
    object === leaseObjectName("demo", key, "web-1") && name === "web-1" && given === session,
});

/** A namespace whose objects answer with their names. */
function namespace() {
  const asked: { name: string; url: string }[] = [];
  const getByName = (name: string) => ({
    fetch: async (url: string) => {
      asked.push({ name, url });
      return new Response(name);
    },
  });
  return { asked, TUNNEL: { getByName } };
}

async function connect(
  headers: Record<string, string>,
  { target = path, method = "GET", dev = false } = {},
): Promise<{ answer: Response | undefined; asked: { name: string; url: string }[] }> {
  const { asked, TUNNEL } = namespace();
  const tokens = await Promise.all(
    (["viewer", "editor"] as const).map(async (role) => ({ role, sha256: await sha256Hex(`${role}-token`) })),
  );
  const authorize = tunnelAuthorizer(leases, dev ? trustEveryone : tokenAuthorizer(JSON.stringify(tokens)));
  const request = new Request(`http://127.0.0.1:8787${target}`, { method, headers });
  return { answer: await acceptTunnel(request, { TUNNEL, ...(dev && { DEV: "1" }) }, authorize), asked };
}

const editor = { authorization: "Bearer editor-token" };

describe("an agent", () => {
  it("is handed over to the tunnel of its instance", async () => {
    const { answer, asked } = await connect({ ...upgrade, ...editor });
    expect([answer?.status, asked]).toEqual([200, [{ name: "demo/zones/us-central1-a/instanceGroups/web/web-1", url: connectUrl }]]);
  });

  it("is let in by the session of its instance", async () => {
    expect((await connect({ ...upgrade, authorization: `Bearer ${session}` })).asked).toHaveLength(1);
  });

  it.each<[string, Record<string, string>, { target?: string; method?: string; dev?: boolean }, number]>([
    ["without a token", upgrade, {}, 401],
    ["with a wrong token", { ...upgrade, authorization: "Bearer wrong" }, {}, 401],
    ["with a token that may only read", { ...upgrade, authorization: "Bearer viewer-token" }, {}, 403],
    [
      "with the session of another instance",
      { ...upgrade, authorization: `Bearer ${session}` },
      { target: path.replace("web-1", "web-2") },
      401,
    ],
    [
      "with a session of another group",
      { ...upgrade, authorization: `Bearer ${session}` },
      { target: path.replace("/web/", "/cart/") },
      401,
    ],
    [
      "with an old session, in the emulator too",
      { ...upgrade, authorization: `Bearer ${newSession(key, seededRandom(2))}` },
      { dev: true },
      401,
    ],
    ["without an upgrade", editor, {}, 426],
    ["with another protocol", { ...upgrade, ...editor, "sec-websocket-protocol": "wayside-tunnel.v2" }, {}, 426],
    ["with POST", { ...upgrade, ...editor }, { method: "POST" }, 405],
    ["that is a page of the web, in the emulator", { ...upgrade, origin: "https://evil.example" }, { dev: true }, 403],
    ["under a foreign name, in the emulator", { ...upgrade, host: "rebound.example" }, { dev: true }, 403],
  ])("%s is refused", async (_what, headers, options, status) => {
    const { answer, asked } = await connect(headers, options);
    expect([answer?.status, asked]).toEqual([status, []]);
  });

  it.each([
    "/wayside/v1/projects/demo/tunnels",
    "/wayside/v1/projects/demo/tunnels/us-central1-a/web",
    "/wayside/v1/projects/demo/tunnels/us-central1-a/web/web-1/more",
    "/wayside/v1/projects/demo/tunnels/us-central1-a/web/a.b",
    "/wayside/v1/projects/demo/tunnels/us-central1-a/web/A",
    "/wayside/v1/projects/demo/tunnels/us-central1-a/web/%2e%2e",
    "/wayside/v1/projects/de%2fmo/tunnels/us-central1-a/web/web-1",
  ])("%s is no tunnel", async (target) => {
    expect((await connect({ ...upgrade, ...editor }, { target })).answer).toBeUndefined();
  });
});
