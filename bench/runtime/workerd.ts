/** workerd by itself, without miniflare's entry Worker: the proxy as it is deployed, and the bare Worker that it is measured against. */
import type { ChildProcess } from "node:child_process";
import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import type { Readable } from "node:stream";
import { sha256Hex } from "#base/hash.ts";
import { writeSnapshot } from "#ir/codec.ts";
import { schemaVersion, type Snapshot } from "#ir/snapshot.ts";
import { project, service } from "../snapshots.ts";
import { bundle } from "./bundle.ts";
import { start, stop, temporaryFolder } from "./process.ts";

export interface Server {
  /** `http://127.0.0.1:port`. */
  readonly origin: string;
  /** Origin of the second socket, when there is one. */
  readonly side?: string;
  /** Where agents connect, when there are tunnels. */
  readonly tunnels?: string;
  /** Where an inspector can be attached, when asked for. */
  readonly inspector?: string;
  readonly process: ChildProcess;
  stop(): Promise<void>;
}

interface Configuration {
  readonly services: readonly string[];
  /** Service behind each socket; the first is `http`, a second one `side`, a third one `tunnels`. */
  readonly sockets: readonly string[];
  readonly inspector?: boolean;
}

const host = "127.0.0.1";
const startTimeoutMs = 10_000;
const compatibility = `compatibilityDate = "2026-10-01", compatibilityFlags = ["enable_request_signal"]`;
/** Stands for the network of the VMs. */
const network = `(name = "net", network = (allow = ["127.0.0.0/8"]))`;

/** The program that miniflare, which brings it, would start. */
const { default: workerd } = createRequire(import.meta.resolve("miniflare"))("workerd") as { default: string };

let files = 0;

/** A capnp expression for a file that holds `content`. */
function embed(content: string | Uint8Array): string {
  const name = `part-${++files}`;
  writeFileSync(path.join(temporaryFolder(), name), content);
  return `embed ${JSON.stringify(name)}`;
}

/** A Worker of `bench/workers` that sends everything to one upstream. */
export async function startPassing(name: "bare" | "least", upstream: string): Promise<Server> {
  const code = embed(await bundle(`bench/workers/${name}.ts`));
  const bindings = [`(name = "NET", service = "net")`, `(name = "UPSTREAM", text = ${JSON.stringify(upstream)})`];
  return serve({ services: [network, worker(name, code, bindings)], sockets: [name] });
}

export interface ProxyOptions {
  readonly snapshot: Snapshot;
  /** Origin of an OTLP collector. */
  readonly collector?: string;
  /** Leaves names in the code and opens an inspector. */
  readonly inspector?: boolean;
  readonly configRefreshMs?: number;
  /** Name of the Tunnel object that agents connect to; absent: there are no tunnels. */
  readonly tunnel?: string;
}

/** The proxy that `wrangler deploy` deploys, over a bus that holds one snapshot; `side` is the bus. */
export async function startProxy(options: ProxyOptions): Promise<Server> {
  const { snapshot, collector, inspector = false, configRefreshMs = 10_000, tunnel } = options;
  const bytes = writeSnapshot(snapshot);
  const pointer = { generation: 1, digest: await sha256Hex(bytes), bytes: bytes.length, schemaVersion, createdAtMs: 0 };
  const bus = embed(await bundle("bench/workers/bus.ts"));
  const proxy = embed(await bundle("src/proxy/worker.ts", { minify: !inspector }));
  return serve({
    services: [
      network,
      worker("bus", bus, [text("POINTER", JSON.stringify(pointer)), `(name = "SNAPSHOT", data = ${embed(bytes)})`]),
      worker("proxy", proxy, [
        `(name = "NET", service = "net")`,
        `(name = "BUS", kvNamespace = "bus")`,
        `(name = "CONTROL", service = (name = "bus", entrypoint = "Probe"))`,
        text("PROJECT", project),
        text("SERVICE", service),
        text("CONFIG_REFRESH_MS", String(configRefreshMs)),
        ...(collector === undefined ? [] : [text("OTLP_URL", collector)]),
        ...(tunnel === undefined
          ? []
          : [`(name = "TUNNEL", durableObjectNamespace = (className = "TunnelObject", serviceName = "tunnels"))`]),
      ]),
      ...(tunnel === undefined ? [] : [await tunnelsWorker(tunnel)]),
    ],
    sockets: ["proxy", "bus", ...(tunnel === undefined ? [] : ["tunnels"])],
    inspector,
  });
}

async function tunnelsWorker(tunnel: string): Promise<string> {
  const objects = `durableObjectNamespaces = [(className = "TunnelObject", uniqueKey = "tunnels", enableSql = true)], durableObjectStorage = (inMemory = void)`;
  const bindings = [`(name = "TUNNEL", durableObjectNamespace = "TunnelObject")`, text("NAME", tunnel)];
  const code = embed(await bundle("bench/workers/tunnels.ts"));
  return `(name = "tunnels", worker = (${moduleOf(code)}, bindings = [${bindings.join(", ")}], ${objects}))`;
}

function text(name: string, value: string): string {
  return `(name = ${JSON.stringify(name)}, text = ${JSON.stringify(value)})`;
}

function worker(name: string, code: string, bindings: readonly string[]): string {
  const body = `${moduleOf(code)}, bindings = [${bindings.join(", ")}]`;
  return `(name = ${JSON.stringify(name)}, worker = (${body}))`;
}

/** The one module of a Worker, and what all of them have. */
function moduleOf(code: string): string {
  const modules = `modules = [(name = "main.js", esModule = ${code})]`;
  return `${modules}, ${compatibility}, globalOutbound = "net"`;
}

async function serve({ services, sockets, inspector = false }: Configuration): Promise<Server> {
  const names = ["http", "side", "tunnels"];
  const listening = sockets.map((target, at) => `(name = "${names[at]}", address = "${host}:0", http = (), service = "${target}")`);
  const config = `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (services = [${services.join(",\n")}], sockets = [${listening.join(", ")}]);`;
  const file = path.join(temporaryFolder(), `config-${++files}.capnp`);
  writeFileSync(file, config);
  const flags = ["serve", "--experimental", "--control-fd=3", ...(inspector ? [`--inspector-addr=${host}:0`] : [])];
  const child = start(workerd, [...flags, file]);
  const ports = await listeningPorts(child, sockets.length + (inspector ? 1 : 0));
  const origin = (name: string): string => `http://${host}:${ports.get(name)}`;
  return {
    origin: origin("http"),
    ...(sockets.length > 1 && { side: origin("side") }),
    ...(sockets.length > 2 && { tunnels: origin("tunnels") }),
    ...(inspector && { inspector: origin("inspector") }),
    process: child,
    stop: () => stop(child),
  };
}

/** workerd reports each port that it opened as a line of JSON. */
async function listeningPorts(child: ChildProcess, count: number): Promise<Map<string, number>> {
  const ports = new Map<string, number>();
  const reports = child.stdio[3] as Readable;
  let text = "";
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`workerd did not start within ${startTimeoutMs} ms`)), startTimeoutMs);
    child.once("exit", (status) => reject(new Error(`workerd ended with ${status}`)));
    reports.on("data", (chunk) => {
      text += String(chunk);
      for (const line of text.split("\n").slice(0, -1)) {
        const report = JSON.parse(line) as { event: string; socket?: string; port: number };
        ports.set(report.event === "listen-inspector" ? "inspector" : (report.socket ?? ""), report.port);
      }
      text = text.slice(text.lastIndexOf("\n") + 1);
      if (ports.size < count) return;
      clearTimeout(timer);
      resolve();
    });
  });
  return ports;
}
