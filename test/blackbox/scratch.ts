import { startMesh } from "./harness/wayside.ts";
import { must, until } from "./harness/rest.ts";
import { httpUpstream } from "./harness/upstream.ts";
import { compute, createMesh, createRoute, zone } from "./harness/resources.ts";
import { ask } from "./harness/traffic.ts";
import { startTunnel } from "#agent/tunnel/connector.ts";
const mesh = await startMesh();
try {
  const up = await httpUpstream((req, res) => {
    if (req.url === "/healthz") return void res.end("ok");
    if (req.url === "/big") { const b = Buffer.alloc(50e6, 120); return void res.end(b); }
    if (req.url?.startsWith("/quiet")) { res.write("a"); setTimeout(() => res.end("b"), Number(req.url.slice(6))); return; }
    if (req.url === "/hang") { req.on("close", () => console.log("app: request closed")); res.on("close", () => console.log("app: response closed")); return; }
    if (req.url === "/drip") { res.write("x"); res.on("close", () => console.log("app: drip closed")); return; }
    let n = 0; req.on("data", (c) => n += c.length); req.on("end", () => res.end(JSON.stringify({ n, url: req.url, h: req.headers })));
  });
  await createMesh(mesh.api, "demo");
  await must(mesh.api, "POST", `${compute("demo")}/zones/${zone}/instanceGroups`, { name: "web" });
  console.log(await must(mesh.api, "POST", "/wayside/v1/projects/demo/instances", { name: "web-1", tunnel: true, port: up.port, group: "web", zone }));
  await must(mesh.api, "POST", `${compute("demo")}/global/healthChecks`, { name: "hc", type: "HTTP", checkIntervalSec: 1, timeoutSec: 1, healthyThreshold: 1, unhealthyThreshold: 2, httpHealthCheck: { portSpecification: "USE_SERVING_PORT", requestPath: "/healthz" } });
  await must(mesh.api, "POST", `${compute("demo")}/global/backendServices`, { name: "web", protocol: "HTTP", loadBalancingScheme: "INTERNAL_SELF_MANAGED", healthChecks: ["global/healthChecks/hc"], backends: [{ group: `zones/${zone}/instanceGroups/web` }] });
  await createRoute({ api: mesh.api, project: "demo", name: "web", host: "web.test" });
  const t0 = 1; console.log(await (await fetch(`${mesh.api}/wayside/v1/projects/demo/tunnels/${zone}/web/web-1`, {headers: {authorization: "Bearer dev"}})).text()); const t = startTunnel({ url: `${mesh.api.replace("http", "ws")}/wayside/v1/projects/demo/tunnels/${zone}/web/web-1`, bearer: () => "dev", application: { host: "127.0.0.1", ports: [up.port] }, onState: (s) => console.log(s) });
  const first = await until("served", 4000, async () => { const r = await ask(mesh.mesh, { host: "web.test", path: "/x?y=1" }); console.log(r.status, r.body.slice(0, 200)); return r.status === 200 && r; });
  console.log(first.headers, first.body);
  console.log((await ask(mesh.mesh, { host: "web.test", path: "/post", method: "POST", body: "hello".repeat(30000) })).body);
  console.log("HEAD", await ask(mesh.mesh, { host: "web.test", path: "/x", method: "HEAD" }));
  let s = performance.now();
  const big = await ask(mesh.mesh, { host: "web.test", path: "/big" });
  console.log("big", big.body.length, big.headers, performance.now() - s);
  const { request } = await import("node:http");
  for (const path of ["/hang", "/drip"]) {
    const r = request(mesh.mesh + path, { headers: { host: "web.test" } }, (res) => res.on("error", () => {}));
    r.on("error", () => {}); r.end();
    await new Promise((res) => setTimeout(res, 500)); console.log("abort", path); r.destroy();
    await new Promise((res) => setTimeout(res, 500));
  }
  console.log("quiet", (await ask(mesh.mesh, { host: "web.test", path: "/quiet15000" })).body);
  const many = await Promise.all(Array.from({ length: 200 }, (_, i) => ask(mesh.mesh, { host: "web.test", path: "/m" + i })));
  console.log("many", many.filter((m) => m.status === 200).length);
  await t.close();
  console.log("closed", (await ask(mesh.mesh, { host: "web.test", path: "/x" })).status);
  await up.close();
} finally { console.log(mesh.output().slice(0, 6000), mesh.events.slice(0,5)); await mesh.stop(); }
