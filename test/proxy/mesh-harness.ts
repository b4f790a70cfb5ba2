/** A mesh entry in workerd, with the real bundle of the isolate, over a bus of memory in this process that can be made to fail. */
import { createHash } from "node:crypto";
import http from "node:http";
import net from "node:net";
import { build } from "esbuild";
import { convertV4MiniflareOptions, Miniflare } from "miniflare";
import { afterAll, beforeAll } from "vitest";
import type { ProxyReport } from "#proxy/config/host.ts";
import type { Snapshot } from "#ir/snapshot.ts";
import { type CollectedSpan, startCollector } from "./collector.ts";
import { cluster, endpoint, group, MemoryBus, project, routeTo, rule, snapshot } from "./fixture.ts";
import { type Instance, startInstance } from "./instance.ts";

const masterKey = btoa("m".repeat(32));

const entrySource = `
import { exports, WorkerEntrypoint } from "cloudflare:workers";
import { systemClock } from "#base/clock.ts";
import { systemRandom } from "#base/random.ts";
import { importMasterKey } from "#base/seal.ts";
import { isolateHost } from "#proxy/isolate-host.ts";
import { Mesh } from "#proxy/mesh.ts";
import { collector } from "#telemetry/collector.ts";
let mesh;
const meshOf = (env) => (mesh ??= new Mesh({
  project: env.PROJECT,
  kv: { get: async (key) => { const r = await env.BUS.fetch("http://kv/" + encodeURIComponent(key)); if (r.status === 404) return null; if (!r.ok) throw new Error("KV"); return r.arrayBuffer(); } },
  probe: {
    pointers: async (project, services) => { const r = await env.BUS.fetch("http://probe/", { method: "POST", body: JSON.stringify(services) }); if (!r.ok) throw new Error("probe"); return r.json(); },
    report: async (project, reports) => { const r = await env.BUS.fetch("http://report/", { method: "POST", body: JSON.stringify(reports) }); if (!r.ok) throw new Error("probe"); },
  },
  masterKey: importMasterKey(env.MASTER_KEY),
  ...(env.OTLP_URL && { sendSpans: collector(env.OTLP_URL) }),
  loader: env.LOADER,
  bundle: { source: env.ISOLATE, hash: env.ISOLATE_HASH },
  network: env.NET,
  tunnelBinding: () => env.NET,
  hostBinding: (service) => exports.IsolateHost({ props: { project: env.PROJECT, service } }),
  clock: systemClock,
  random: systemRandom,
  refreshMs: 100,
  callerAddress: "127.0.0.1",
}));
export const IsolateHost = isolateHost((env, { service }) => meshOf(env).host(service));
export class Ticker extends WorkerEntrypoint { async fetch() { await meshOf(this.env).tick(); return new Response(null, { status: 204 }); } }
export default { fetch: (request, env, ctx) => meshOf(env).handle(request, ctx) };
`;

async function bundle(input: { contents: string } | { path: string }): Promise<string> {
  const from =
    "path" in input
      ? { entryPoints: [input.path] }
      : { stdin: { contents: input.contents, resolveDir: process.cwd(), loader: "ts" as const } };
  const result = await build({ ...from, bundle: true, format: "esm", write: false, external: ["cloudflare:workers"], logLevel: "warning" });
  return result.outputFiles[0]?.text ?? "";
}

/** How the bus behaves, per kind of call. */
export type Behaviour = "works" | "fails" | "hangs";

export interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Buffer;
  /** The body broke off. */
  readonly isBroken: boolean;
}

export interface Ask {
  readonly method?: string;
  readonly headers?: http.OutgoingHttpHeaders;
  /** An array is sent chunk by chunk, without a length. */
  readonly body?: string | Buffer | readonly string[];
}

export class MeshHarness {
  readonly bus = new MemoryBus();
  readonly reports = new Map<string, ProxyReport>();
  readonly masterKey = masterKey;
  behaviour: { kv: Behaviour; probe: Behaviour } = { kv: "works", probe: "works" };
  /** Calls of the mesh to the bus, in order. */
  readonly busCalls: string[] = [];
  /** Bodies that the collector received. */
  readonly exported: string[] = [];
  readonly spans: CollectedSpan[] = [];
  readonly #instances: Instance[] = [];
  readonly #services = new Set<string>();
  readonly #agent = new http.Agent({ keepAlive: true });
  #stopCollector: (() => void) | undefined;
  #miniflare: Miniflare | undefined;
  #port = 0;

  async start(): Promise<void> {
    const collector = await startCollector(this.exported, this.spans);
    this.#stopCollector = collector.stop;
    const isolate = await bundle({ path: "src/proxy/isolate.ts" });
    const script = await bundle({ contents: entrySource });
    const hash = createHash("sha256").update(isolate).digest("hex").slice(0, 16);
    const miniflare = new Miniflare(
      convertV4MiniflareOptions({
        cf: false,
        workers: [
          {
            name: "mesh",
            modules: true,
            script,
            compatibilityDate: "2026-10-01",
            compatibilityFlags: ["enable_request_signal"],
            workerLoaders: { LOADER: {} },
            bindings: {
              PROJECT: project,
              MASTER_KEY: masterKey,
              ISOLATE: isolate,
              ISOLATE_HASH: hash,
              OTLP_URL: collector.url,
            },
            serviceBindings: { NET: { network: { allow: ["127.0.0.0/8"] } }, BUS: (request: Request) => this.#serveBus(request) },
            unsafeDirectSockets: [
              { host: "127.0.0.1", port: 0 },
              { host: "127.0.0.1", port: 0, entrypoint: "Ticker" },
            ],
          },
        ],
      } as unknown as Parameters<typeof convertV4MiniflareOptions>[0]),
    );
    this.#miniflare = miniflare;
    await miniflare.ready;
    this.#port = Number(new URL(String(await miniflare.unsafeGetDirectURL("mesh"))).port);
    const ticker = String(await miniflare.unsafeGetDirectURL("mesh", "Ticker"));
    this.tick = async () => void (await fetch(ticker));
  }

  /** One round of background work. */
  tick: () => Promise<void> = () => Promise.reject(new Error("not started"));

  async stop(): Promise<void> {
    this.#agent.destroy();
    await this.#miniflare?.dispose();
    this.#stopCollector?.();
    for (const each of this.#instances) each.kill();
  }

  /** An instance that ends with the mesh. */
  async instance(...parameters: Parameters<typeof startInstance>): Promise<Instance> {
    const started = await startInstance(...parameters);
    this.#instances.push(started);
    return started;
  }

  /** Publishes, and lets the proxies take it. */
  async publish(document: Snapshot): Promise<void> {
    this.bus.publish(document);
    this.#services.add(document.service);
    this.bus.publishDirectory([...this.#services]);
    // The first may join a round that began before.
    await this.tick();
    await this.tick();
  }

  get serviceCount(): number {
    return this.#services.size;
  }

  /** A request to the mesh for `host`. */
  ask(host: string, path: string, ask: Ask = {}): Promise<Answer> {
    const { method = "GET", headers, body } = ask;
    return new Promise((resolve, reject) => {
      const options = { port: this.#port, host: "127.0.0.1", path, method, agent: this.#agent, headers: { host, ...headers } };
      const request = http.request(options, (response) => {
        const chunks: Buffer[] = [];
        const end = (isBroken: boolean): void =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks), isBroken });
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("end", () => end(false));
        response.on("error", () => end(true));
      });
      request.on("error", reject);
      if (Array.isArray(body)) for (const part of body) request.write(part);
      request.end(Array.isArray(body) ? undefined : body);
    });
  }

  /** A connection to the mesh, for what `http` cannot say. */
  connect(): net.Socket {
    return net.connect(this.#port, "127.0.0.1");
  }

  async #serveBus(request: Request): Promise<Response> {
    const url = new URL(request.url);
    const kind = url.hostname === "kv" ? "kv" : "probe";
    this.busCalls.push(`${url.hostname} ${decodeURIComponent(url.pathname.slice(1))}`);
    const behaviour = this.behaviour[kind];
    if (behaviour === "hangs") await new Promise((resolve) => setTimeout(resolve, 60_000).unref());
    if (behaviour !== "works") return new Response(null, { status: 500 });
    if (kind === "kv") {
      const value = this.bus.values.get(decodeURIComponent(url.pathname.slice(1)));
      return value ? new Response(value) : new Response(null, { status: 404 });
    }
    if (url.hostname === "probe") return Response.json(this.bus.pointers);
    for (const report of (await request.json()) as ProxyReport[]) this.reports.set(report.service, report);
    return new Response(null, { status: 204 });
  }
}

/** A mesh for the tests of a file. */
export function useMesh(): MeshHarness {
  const harness = new MeshHarness();
  beforeAll(() => harness.start(), 30_000);
  afterAll(() => harness.stop());
  return harness;
}

export const endpointOf = (name: string, { address, port }: Instance): ReturnType<typeof endpoint> => endpoint(name, address, { port });

/** A service whose one rule sends everything to these instances. */
export function serviceOf(host: string, instances: readonly Instance[], more: Parameters<typeof routeTo>[1] = {}): Snapshot {
  const endpoints = instances.map((each, index) => endpointOf(`vm-${index}`, each));
  return snapshot(host, [rule("/", routeTo("app", more))], { backends: [cluster("app", [group("g", endpoints)])] });
}

/** What `what` gives once it gives something, within 5 s. */
export async function eventually<T>(what: () => T | undefined | false): Promise<T> {
  for (const deadline = Date.now() + 5_000; ;) {
    const value = what();
    if (value) return value;
    if (Date.now() > deadline) throw new Error(`not within 5 s: ${what.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
