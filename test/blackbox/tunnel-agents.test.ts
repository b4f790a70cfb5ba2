/** Agents of instances behind tunnels: how they come, go, fail and follow one another, and who is let in. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { frameLimits } from "#tunnel/frame.ts";
import { protocol } from "#tunnel/protocol.ts";
import { type Application, startApplication } from "./harness/application.ts";
import { compute, createMesh } from "./harness/resources.ts";
import { call, must, until } from "./harness/rest.ts";
import { ask, begin, headOf, startLoad, textOf } from "./harness/traffic.ts";
import { createTunneledService, sessionOf, startLink, startTunnelAgent, type TunnelAgent, tunnelPath } from "./harness/tunnel.ts";
import { root, startMesh, type Mesh, wayside } from "./harness/wayside.ts";

let mesh: Mesh;
let app: Application;
let other: Application;
const agents: TunnelAgent[] = [];

async function agent(group: string, instance: string, port: number): Promise<TunnelAgent> {
  const started = await startTunnelAgent(mesh, { group, instance, port });
  agents.push(started);
  return started;
}

beforeAll(async () => {
  mesh = await startMesh();
  app = await startApplication();
  other = await startApplication((incoming, outgoing) => void incoming.resume().on("end", () => outgoing.end("other")));
  await createMesh(mesh.api, "demo");
});
afterAll(async () => {
  await Promise.all(agents.map((each) => each.end("SIGKILL")));
  await mesh.stop();
  await Promise.all([app.close(), other.close()]);
});

describe("agents", () => {
  it("one that is killed within a request ends the request at once: 502, and 503 as long as it is away", async () => {
    await createTunneledService(mesh, { name: "alone", instances: [{ name: "alone-1", port: app.port }] });
    const killed = await agent("alone", "alone-1", app.port);
    const waiting = ask(mesh.mesh, { host: "alone.test", path: "/never", method: "POST", body: "x" });
    await until("the application is asked", 5_000, async () => app.last().url === "/never");
    const answering = await headOf(begin(mesh.mesh, { host: "alone.test", path: "/endless" }).end());
    await once(answering, "data");
    const killedAtMs = performance.now();
    await killed.end("SIGKILL");
    const reply = await waiting;
    expect([reply.status, reply.headers["x-wayside-reason"]]).toEqual([502, "upstream_reset"]);
    await expect(textOf(answering)).rejects.toThrow("aborted");
    expect(performance.now() - killedAtMs).toBeLessThan(3_000);
    const away = await ask(mesh.mesh, { host: "alone.test" });
    expect([away.status, away.headers["x-wayside-reason"]]).toEqual([503, "upstream_connect_failure"]);
    await agent("alone", "alone-1", app.port);
    expect((await ask(mesh.mesh, { host: "alone.test" })).status).toBe(200);
  });

  it("one whose network is cut ends the requests at once, and comes back by itself", async () => {
    const link = await startLink(mesh.api);
    await createTunneledService(mesh, { name: "cut", instances: [{ name: "cut-1", port: app.port }] });
    const cut = await startTunnelAgent(mesh, { group: "cut", instance: "cut-1", port: app.port, api: link.api });
    agents.push(cut);
    const answering = await headOf(begin(mesh.mesh, { host: "cut.test", path: "/endless" }).end());
    await once(answering, "data");
    const asked = app.last();
    link.cut();
    await expect(textOf(answering)).rejects.toThrow("aborted");
    await until("the application's answer is over", 5_000, async () => asked.isOver);
    expect((await ask(mesh.mesh, { host: "cut.test" })).status).toBe(503);
    await until("it has tried in vain", 10_000, async () => cut.states.filter(({ state }) => state === "lost").length >= 2);
    link.mend();
    await until("it is back", 15_000, async () => (await ask(mesh.mesh, { host: "cut.test" })).status === 200);
    link.close();
  });

  it("with a retry policy and a second instance nobody notices", async () => {
    const retryPolicy = { retryConditions: ["reset", "connect-failure"], numRetries: 2 };
    const instances = [
      { name: "both-1", port: app.port },
      { name: "both-2", port: other.port },
    ];
    await createTunneledService(mesh, { name: "both", instances, action: { retryPolicy } });
    const killed = await agent("both", "both-1", app.port);
    await agent("both", "both-2", other.port);
    const replies = Array.from({ length: 6 }, () => ask(mesh.mesh, { host: "both.test", path: "/never", method: "POST", body: "x" }));
    await until("both are asked", 10_000, async () => app.last().url === "/never" && other.received.length > 0);
    await killed.end("SIGKILL");
    expect(new Set((await Promise.all(replies)).map(({ status, body }) => `${status} ${body}`))).toEqual(new Set(["200 other"]));
  });

  it("stand beside instances that are reached directly, in one group", async () => {
    const instances = [
      { name: "mixed-1", port: app.port },
      { name: "mixed-2", port: other.port, address: "127.0.0.1" },
    ];
    await createTunneledService(mesh, { name: "mixed", instances });
    await agent("mixed", "mixed-1", app.port);
    const bodies = await Promise.all(Array.from({ length: 20 }, async () => (await ask(mesh.mesh, { host: "mixed.test" })).body));
    expect(new Set(bodies)).toEqual(new Set(["ok", "other"]));
  });

  it("their health is that of the application behind the tunnel", async () => {
    const check = {
      name: "through",
      type: "HTTP",
      checkIntervalSec: 1,
      timeoutSec: 1,
      healthyThreshold: 1,
      unhealthyThreshold: 1,
      httpHealthCheck: { portSpecification: "USE_SERVING_PORT", requestPath: "/healthz" },
    };
    await must(mesh.api, "POST", `${compute("demo")}/global/healthChecks`, check);
    const more = { healthChecks: ["global/healthChecks/through"] };
    await createTunneledService(mesh, { name: "checked", instances: [{ name: "checked-1", port: other.port }], more });
    const health = async (): Promise<unknown> => {
      const { instances } = (await must(mesh.api, "GET", "/wayside/v1/projects/demo/instances")) as {
        instances: { name: string; health: string; address: string }[];
      };
      return instances.find(({ name }) => name === "checked-1")?.health;
    };
    const first = await agent("checked", "checked-1", other.port);
    await until("it is healthy", 15_000, async () => (await health()) === "HEALTHY");
    await until("it is asked", 10_000, async () => (await ask(mesh.mesh, { host: "checked.test" })).status === 200);
    await first.end("SIGKILL");
    await until("it is not healthy", 15_000, async () => (await health()) === "TIMEOUT");
    await until("it is asked no more", 10_000, async () => {
      const reply = await ask(mesh.mesh, { host: "checked.test" });
      return reply.headers["x-wayside-reason"] === "no_healthy_endpoints" || reply.status === 503;
    });
  });

  it("a newer one takes over from the older without a failed request, and the older does not come back", async () => {
    await createTunneledService(mesh, { name: "handed", instances: [{ name: "handed-1", port: app.port }] });
    const older = await agent("handed", "handed-1", app.port);
    const slow = await headOf(begin(mesh.mesh, { host: "handed.test", path: "/events" }).end());
    expect(String((await once(slow, "data"))[0])).toBe("data: one\n\n");
    const newer = await agent("handed", "handed-1", app.port);
    for (let round = 0; round < 10; round++) expect((await ask(mesh.mesh, { host: "handed.test" })).status).toBe(200);
    expect(older.states.at(-1)?.state).toBe("connected");
    app.release();
    expect(await textOf(slow)).toBe("data: two\n\n");
    await older.is("replaced");
    expect(newer.states).toEqual([{ state: "connected" }]);
    expect((await ask(mesh.mesh, { host: "handed.test" })).status).toBe(200);
  });

  it("one that leaves finishes what it has", async () => {
    await createTunneledService(mesh, { name: "left", instances: [{ name: "left-1", port: app.port }] });
    const leaving = await agent("left", "left-1", app.port);
    const slow = await headOf(begin(mesh.mesh, { host: "left.test", path: "/events" }).end());
    expect(String((await once(slow, "data"))[0])).toBe("data: one\n\n");
    const ended = leaving.end("SIGTERM");
    await until("it takes no more", 5_000, async () => (await ask(mesh.mesh, { host: "left.test" })).status === 503);
    app.release();
    expect(await textOf(slow)).toBe("data: two\n\n");
    expect(await ended).toBe(0);
    expect(leaving.states.at(-1)?.state).toBe("closed");
  });
});

describe("wayside agent join --tunnel", () => {
  it("serves, is upgraded without a failed request, and leaves nothing behind", async () => {
    await createTunneledService(mesh, { name: "cli", instances: [] });
    const state = mkdtempSync(join(tmpdir(), "wayside-agent-"));
    const { token } = await must(mesh.api, "POST", "/wayside/v1/projects/demo/joinTokens", { group: "cli" });
    const joining = ["agent", "join", "--mesh", mesh.api, "--project", "demo", "--token", token as string];
    const child = spawn(process.execPath, ["bin/wayside.js", ...joining, "--state", state, "--port", String(app.port), "--tunnel"], {
      cwd: root,
      stdio: ["ignore", "pipe", "inherit"],
    });
    let said = "";
    child.stdout.on("data", (chunk) => (said += String(chunk)));
    try {
      await until("it serves", 30_000, async () => (await ask(mesh.mesh, { host: "cli.test" })).status === 200);
      expect(said).toContain("behind a tunnel");
      const load = startLoad(mesh.mesh, { host: "cli.test" }, 50);
      const ended = once(child, "exit");
      expect((await wayside(["agent", "upgrade", "--state", state])).status).toBe(0);
      await ended;
      const { ok, failures } = await load.stop();
      expect([ok > 0, failures]).toEqual([true, {}]);
      expect((await ask(mesh.mesh, { host: "cli.test" })).status).toBe(200);
    } finally {
      const left = await wayside(["agent", "leave", "--state", state]);
      expect(left.status, left.stderr).toBe(0);
      child.kill("SIGKILL");
    }
    await until("nothing is left of it", 15_000, async () => {
      const { instances } = await must(mesh.api, "GET", "/wayside/v1/projects/demo/instances");
      return (instances as { group: string }[]).every(({ group }) => group !== "cli");
    });
  });
});

describe("who connects", () => {
  it("is the instance with its session, and nobody with another", async () => {
    await createTunneledService(mesh, { name: "joined", instances: [] });
    const { name, session } = await sessionOf(mesh.api, { group: "joined", port: app.port });
    const joined = await startTunnelAgent(mesh, { group: "joined", instance: name, port: app.port, bearer: session });
    agents.push(joined);
    await until("it is asked", 15_000, async () => (await ask(mesh.mesh, { host: "joined.test" })).status === 200);
    const { name: second, session: foreign } = await sessionOf(mesh.api, { group: "joined", port: app.port });
    expect(second).not.toBe(name);
    for (const bearer of [foreign, session.replace(/.$/, (last) => (last === "0" ? "1" : "0"))]) {
      const answer = await fetch(mesh.api + tunnelPath("joined", name), { headers: { authorization: `Bearer ${bearer}` } });
      expect([answer.status, ((await answer.json()) as { error: { status: string } }).error.status]).toEqual([401, "UNAUTHENTICATED"]);
    }
    const refused = await startTunnelAgent(mesh, { group: "joined", instance: name, port: app.port, bearer: foreign, isLetIn: false });
    agents.push(refused);
    await refused.is("lost");
    expect(refused.states.at(-1)).toMatchObject({ why: expect.stringContaining("the mesh answered 401") as string });
    expect((await ask(mesh.mesh, { host: "joined.test" })).status).toBe(200);
  });

  it("must be no page of the web", async () => {
    const headers = { origin: "https://evil.example" };
    expect((await fetch(mesh.api + tunnelPath("web", "web-1"), { headers })).status).toBe(403);
  });

  it("must speak the protocol", async () => {
    const response = await fetch(mesh.api + tunnelPath("web", "web-1"));
    expect([response.status, await response.text()]).toEqual([426, expect.stringContaining(protocol)]);
  });

  it.each<[string, string | Uint8Array<ArrayBuffer>, number]>([
    ["text", "hello", 1003],
    ["bytes that are no frames", new Uint8Array([255, 1, 2]), 1002],
    ["a message that is too large", new Uint8Array(frameLimits.message + 1), 1009],
  ])("and sends %s is closed with a reason", async (_what, message, code) => {
    const name = `hostile-${code}`;
    await createTunneledService(mesh, { name, instances: [{ name, port: app.port }] });
    const socket = new WebSocket(mesh.api.replace("http", "ws") + tunnelPath(name, name), {
      protocols: [protocol],
    });
    await once(socket, "open");
    const closed = once(socket, "close") as unknown as Promise<[CloseEvent]>;
    socket.send(message);
    const [{ code: given, reason }] = await closed;
    expect(given).toBe(code);
    expect(reason).not.toBe("");
    expect((await ask(mesh.mesh, { host: `${name}.test` })).status).toBe(503);
  });

  it("is told in the API where its instance is", async () => {
    await createTunneledService(mesh, { name: "web", instances: [{ name: "web-1", port: app.port }] });
    const { instances } = await must(mesh.api, "GET", "/wayside/v1/projects/demo/instances");
    expect(instances.find(({ name }: { name: string }) => name === "web-1").address).toBe("web-1.web.us-central1-a.tunnel");
    const wrong = await call(mesh.api, "POST", "/wayside/v1/projects/demo/instances", { group: "web", tunnel: "yes" });
    expect([wrong.status, wrong.body.error.message]).toEqual([400, expect.stringContaining("tunnel")]);
  });
});
