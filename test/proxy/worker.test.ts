import { build } from "esbuild";
import { convertV4MiniflareOptions, Miniflare } from "miniflare";
import { afterAll, beforeAll, expect, test } from "vitest";
import { importMasterKey, seal } from "#base/seal.ts";
import { keys, type Pointer } from "#ir/snapshot.ts";
import type { ProxyReport } from "#proxy/config/host.ts";
import { counterBindings } from "#proxy/shared-counters.ts";
import { cluster, endpoint, group, MemoryBus, nothing, project, routeTo, rule, snapshot } from "./fixture.ts";
import { type Instance, startInstance } from "./instance.ts";

/** The deployed form: the Worker with KV, the control Worker's `Bus` and a VM network bound, as generated configurations bind them. */

const service = "cart.shop.mesh";
const masterKey = btoa("w".repeat(32));
/** A control Worker whose `Bus` is what the test says, kept in KV because it is another isolate. */
const control = `
import { WorkerEntrypoint } from "cloudflare:workers";
export class Bus extends WorkerEntrypoint {
  async pointers() { return (await this.env.STATE.get("pointers", "json")) ?? {}; }
  async report(project, reports) {
    await this.env.STATE.put("reports", JSON.stringify(reports));
    for (const { proxy, warnings = [] } of reports) await this.env.STATE.put("warnings/" + proxy, JSON.stringify(warnings));
  }
}
export default { fetch: () => new Response(null, { status: 404 }) };
`;

let miniflare: Miniflare;
let instance: Instance;
let kv: Awaited<ReturnType<Miniflare["getKVNamespace"]>>;
let state: Awaited<ReturnType<Miniflare["getKVNamespace"]>>;

beforeAll(async () => {
  instance = await startInstance("127.21.0.1");
  const bundle = await build({
    entryPoints: ["src/proxy/worker.ts"],
    bundle: true,
    format: "esm",
    write: false,
    external: ["cloudflare:workers"],
  });
  const common = { modules: true, compatibilityDate: "2026-10-01", compatibilityFlags: ["enable_request_signal"] };
  const proxy = {
    ...common,
    script: bundle.outputFiles[0]?.text ?? "",
    kvNamespaces: { BUS: "bus" },
    serviceBindings: { CONTROL: { name: "control", entrypoint: "Bus" }, NET: { network: { allow: ["127.21.0.0/16"] } } },
    bindings: { PROJECT: project, SERVICE: service, MASTER_KEY: masterKey, CONFIG_REFRESH_MS: "250" },
  };
  const ratelimits = Object.fromEntries(
    counterBindings.map(({ name, namespace, requests, periodSec }) => [
      name,
      { namespace_id: namespace, simple: { limit: requests, period: periodSec } },
    ]),
  );
  miniflare = new Miniflare(
    convertV4MiniflareOptions({
      cf: false,
      workers: [
        { ...proxy, name: "proxy", ratelimits },
        { ...proxy, name: "another", ratelimits },
        { ...proxy, name: "alone" },
        { ...common, name: "control", script: control, kvNamespaces: { STATE: "state" } },
      ],
    } as unknown as Parameters<typeof convertV4MiniflareOptions>[0]),
  );
  await miniflare.ready;
  kv = await miniflare.getKVNamespace("BUS", "proxy");
  state = await miniflare.getKVNamespace("STATE", "control");
}, 30_000);

afterAll(async () => {
  await miniflare.dispose();
  instance.kill();
});

const ask = (path: string) => miniflare.dispatchFetch(`http://${service}${path}`);

test("without a configuration it says so, and with one it serves, opens secrets and reports", async () => {
  const early = await ask("/");
  expect([early.status, early.headers.get("x-wayside-reason"), early.headers.get("retry-after")]).toEqual([503, "no_config", "1"]);
  await early.text();

  const bus = new MemoryBus();
  const requestHeaders = [{ ...nothing, set: [["authorization", [{ secret: "token" }]]] as const }];
  const mesh = { key: "httpRoutes/cart#0", requests: 3, periodSec: 60 } as const;
  const limited = { ref: { resource: "httpRoutes/cart", index: 0 }, rateLimits: [{ perSecond: 0.05, burst: 3, header: "x-user", mesh }] };
  const rules = [rule("/limited", routeTo("app"), limited), rule("/", routeTo("app"), { requestHeaders })];
  const backends = [cluster("app", [group("g", [endpoint("vm", instance.address, { port: instance.port })])])];
  const pointer: Pointer = bus.publish(snapshot(service, rules, { backends, secrets: [{ name: "token", version: 1 }] }));
  const key = await importMasterKey(masterKey);
  const sealed = await seal(key, { project, name: "token", version: 1 }, new Uint8Array(new TextEncoder().encode("plain")));
  bus.values.set(keys.secret(project, "token", 1), sealed);
  // The pointer comes by the probe, before KV has it.
  bus.values.delete(keys.pointer(project, service));
  for (const [name, value] of bus.values) await kv.put(name, value);
  await state.put("pointers", JSON.stringify({ [service]: pointer }));

  const answer = await ask("/cart?x=1");
  expect([answer.status, await answer.text()]).toEqual([200, instance.address]);
  expect(instance.received.at(-1)).toMatchObject({ url: "/cart?x=1", headers: { authorization: "plain", "x-forwarded-host": service } });
  const reports = (await state.get("reports", "json")) as ProxyReport[] | null;
  expect(reports).toMatchObject([{ service, generation: pointer.generation, digest: pointer.digest }]);
});

test(
  "proxies with the bindings count limits of the mesh together; one without them counts alone, and says so",
  { timeout: 60_000 },
  async () => {
    const statuses = async (workers: readonly string[], user: string): Promise<number[]> => {
      const found: number[] = [];
      for (const name of workers) {
        const worker = await miniflare.getWorker(name);
        const answer = await worker.fetch(`http://${service}/limited`, { headers: { "x-user": user } });
        await answer.text();
        found.push(answer.status);
      }
      return found;
    };
    // Counts begin anew with each minute of the clock.
    while (Date.now() % 60_000 > 50_000) await new Promise((resolve) => setTimeout(resolve, 500));
    expect(await statuses(["proxy", "another", "proxy", "another", "proxy"], "ann")).toEqual([200, 200, 200, 429, 429]);
    expect(await statuses(["another"], "bob")).toEqual([200]);
    expect(await statuses(["alone", "alone", "alone", "alone"], "ann")).toEqual([200, 200, 200, 429]);
    const { keys: told } = await state.list({ prefix: "warnings/" });
    const warnings = await Promise.all(told.map(({ name }) => state.get(name, "json")));
    expect(warnings.filter((list) => (list as string[]).length > 0)).toEqual([
      ["httpRoutes/cart: rate limits of scope MESH are counted by each proxy alone, for want of rate-limit bindings"],
    ]);
    expect(told).toHaveLength(3);
  },
);
