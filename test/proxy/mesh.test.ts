import { beforeAll, describe, expect, test } from "vitest";
import { importMasterKey, seal } from "#base/seal.ts";
import { keys } from "#ir/snapshot.ts";
import { cluster, endpoint, group, nothing, project, routeTo, rule, snapshot } from "./fixture.ts";
import type { Instance } from "./instance.ts";
import { endpointOf, eventually, serviceOf, useMesh } from "./mesh-harness.ts";

const mesh = useMesh();

describe("before there is any configuration", () => {
  test("a request gets 503 no_config and is told to come back", async () => {
    const answer = await mesh.ask("cart.shop.mesh", "/");
    expect(answer.status).toBe(503);
    expect(answer.headers["x-wayside-reason"]).toBe("no_config");
    expect(answer.headers["retry-after"]).toBe("1");
  });
});

describe("routing", () => {
  let backends: Instance[] = [];

  beforeAll(async () => {
    backends = [await mesh.instance("127.20.0.1"), await mesh.instance("127.20.0.2"), await mesh.instance("127.20.0.3")];
    await mesh.publish(serviceOf("cart.shop.mesh", backends));
  });

  test("requests go to all instances in turn", async () => {
    const seen = new Map<string, number>();
    for (let request = 0; request < 9; request++) {
      const answer = await mesh.ask("cart.shop.mesh", "/");
      expect(answer.status).toBe(200);
      expect(answer.headers["x-wayside-reason"]).toBeUndefined();
      seen.set(answer.body.toString(), (seen.get(answer.body.toString()) ?? 0) + 1);
    }
    expect([...seen.values()]).toEqual([3, 3, 3]);
  });

  test("a host that no service has gets 404 no_service, which names it", async () => {
    const answer = await mesh.ask("nobody.shop.mesh", "/");
    expect([answer.status, answer.headers["x-wayside-reason"]]).toEqual([404, "no_service"]);
    expect(answer.body.toString()).toContain("nobody.shop.mesh");
  });

  test("a path that no rule takes gets 404 no_route, which names service and path without its query", async () => {
    const { address, port } = backends[0] ?? { address: "", port: 1 };
    const only = snapshot("paths.mesh", [rule("/in", routeTo("app"))], {
      backends: [cluster("app", [group("g", [endpoint("a", address, { port })])])],
    });
    await mesh.publish(only);
    const answer = await mesh.ask("paths.mesh", "/out?token=hidden");
    expect([answer.status, answer.headers["x-wayside-reason"]]).toEqual([404, "no_route"]);
    expect(answer.body.toString()).toContain("service paths.mesh has no rule for GET paths.mesh/out");
    expect(answer.body.toString()).not.toContain("hidden");
  });

  test("no healthy instance gives 503 no_healthy_endpoints", async () => {
    const sick = endpoint("a", "127.20.0.1", { health: "UNHEALTHY" });
    // Without the panic threshold, which would rather send to the sick than to nobody.
    const backend = { ...cluster("app", [group("g", [sick])]), panicPercent: 0 };
    await mesh.publish(snapshot("sick.mesh", [rule("/", routeTo("app"))], { backends: [backend] }));
    const answer = await mesh.ask("sick.mesh", "/");
    expect([answer.status, answer.headers["x-wayside-reason"]]).toEqual([503, "no_healthy_endpoints"]);
    expect(answer.body.toString()).toMatch(/backend service app \(httpRoutes\/test rule 0\) has no healthy instance/);
  });

  test("an instance sees who asked for what, and nothing that only the mesh may say", async () => {
    const [, second] = backends;
    await mesh.publish(serviceOf("seen.mesh", second ? [second] : []));
    await mesh.ask("seen.mesh", "/a%20b?x=1&x=2", {
      headers: { "x-wayside-reason": "spoofed", connection: "x-hop", "x-hop": "1", "x-keep": "1", "x-forwarded-for": "192.0.2.7" },
    });
    const received = second?.received.at(-1);
    expect(received?.url).toBe("/a%20b?x=1&x=2");
    expect(received?.headers).toMatchObject({
      "x-forwarded-host": "seen.mesh",
      "x-forwarded-proto": "http",
      via: "1.1 wayside",
      "x-keep": "1",
      "x-forwarded-for": "192.0.2.7, 127.0.0.1",
    });
    expect(received?.headers).not.toHaveProperty("x-wayside-reason");
    expect(received?.headers).not.toHaveProperty("x-hop");
    expect(received?.headers["accept-encoding"]).toBe("identity");
  });
});

describe("secrets", () => {
  const withToken = (host: string, backend: Instance, version: number | null) => {
    const requestHeaders = [{ ...nothing, set: [["authorization", ["Bearer ", { secret: "pay-token" }]]] as const }];
    const rules = [rule("/pay", routeTo("app"), { requestHeaders }), rule("/", routeTo("app"))];
    const backends = [cluster("app", [group("g", [endpointOf("vm", backend)])])];
    return snapshot(host, rules, { backends, secrets: [{ name: "pay-token", version }] });
  };

  test("reach the instance, change without a failed request, and are missed on their own route alone", async () => {
    const app = await mesh.instance("127.20.7.1");
    const key = await importMasterKey(mesh.masterKey);
    const put = async (version: number, text: string) => {
      const sealed = await seal(key, { project, name: "pay-token", version }, new Uint8Array(new TextEncoder().encode(text)));
      mesh.bus.values.set(keys.secret(project, "pay-token", version), sealed);
    };
    await put(1, "one");
    await mesh.publish(withToken("secret.mesh", app, 1));
    expect((await mesh.ask("secret.mesh", "/pay")).status).toBe(200);
    expect(app.received.at(-1)?.headers.authorization).toBe("Bearer one");
    await put(2, "two");
    await mesh.publish(withToken("secret.mesh", app, 2));
    expect((await mesh.ask("secret.mesh", "/pay")).status).toBe(200);
    expect(app.received.at(-1)?.headers.authorization).toBe("Bearer two");
    await mesh.publish(withToken("secret.mesh", app, null));
    const refused = await mesh.ask("secret.mesh", "/pay");
    expect([refused.status, refused.headers["x-wayside-reason"]]).toEqual([503, "secret_unavailable"]);
    expect(refused.body.toString()).toContain("pay-token");
    expect((await mesh.ask("secret.mesh", "/other")).status).toBe(200);
  });
});

describe("static stability", () => {
  test("with KV and control plane hanging, warm requests wait for neither, and age stands still", async () => {
    const app = await mesh.instance("127.20.8.1");
    await mesh.publish(serviceOf("steady.mesh", [app]));
    expect((await mesh.ask("steady.mesh", "/")).status).toBe(200);
    for (const mode of ["fails", "hangs"] as const) {
      mesh.behaviour = { kv: mode, probe: mode };
      const until = Date.now() + 1_000;
      let slowest = 0;
      while (Date.now() < until) {
        const started = Date.now();
        expect((await mesh.ask("steady.mesh", "/")).status).toBe(200);
        slowest = Math.max(slowest, Date.now() - started);
      }
      expect(slowest).toBeLessThan(1_000);
    }
    mesh.behaviour = { kv: "works", probe: "works" };
  });

  test("no call to the bus is made for a request", async () => {
    await mesh.tick();
    const before = mesh.busCalls.length;
    const started = Date.now();
    let requests = 0;
    for (; Date.now() < started + 500; requests += 20) await Promise.all(Array.from({ length: 20 }, () => mesh.ask("steady.mesh", "/")));
    const rounds = Math.ceil((Date.now() - started) / 100) + 1;
    const perRound = 1 + 1 + mesh.serviceCount * 2 + 1;
    expect(requests).toBeGreaterThanOrEqual(20);
    expect(mesh.busCalls.length - before).toBeLessThanOrEqual(rounds * perRound);
  });

  test("proxies without requests say what they have applied", async () => {
    const app = await mesh.instance("127.20.9.1");
    await mesh.publish(serviceOf("idle.mesh", [app]));
    const report = await eventually(() => mesh.reports.get("idle.mesh"));
    expect(report).toMatchObject({
      generation: mesh.bus.pointers["idle.mesh"]?.generation,
      digest: mesh.bus.pointers["idle.mesh"]?.digest,
    });
  });
});
