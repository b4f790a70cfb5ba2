/** The proxy of one service in this process: its bus in memory, its upstream a function. */
import { seededRandom } from "#base/random.ts";
import type { Snapshot } from "#ir/snapshot.ts";
import { BusHost } from "#proxy/config/bus-host.ts";
import type { ProxyDependencies } from "#proxy/dependencies.ts";
import { createProxy } from "#proxy/proxy.ts";
import { ManualClock, MemoryBus, project } from "./fixture.ts";

export const service = "cart.shop.mesh";

/** A proxy whose configuration is `document`, and what it was seen to do. */
export function setUp(document: Snapshot | undefined, upstream: (url: string, init: RequestInit) => Promise<Response>) {
  const bus = new MemoryBus();
  if (document) bus.publish(document);
  const exported: string[] = [];
  const logged: string[] = [];
  const background: Promise<unknown>[] = [];
  const clock = new ManualClock();
  const probe = { pointers: async () => bus.pointers, report: async () => undefined };
  const kv = { get: async (key: string) => bus.values.get(key)?.slice().buffer ?? null };
  const host = new BusHost({ project, service, kv, probe, sendSpans: async (body) => exported.push(body) > 0 });
  const dependencies: ProxyDependencies = {
    host,
    clock,
    random: seededRandom(2),
    fetchFor: (transport) =>
      transport === "vpc-network"
        ? (target, init) => upstream(typeof target === "string" ? target : target.url, init as unknown as RequestInit)
        : undefined,
    passThrough: () => new TransformStream(),
    relay: () => {
      throw new Error("no WebSocket comes here");
    },
    log: (line) => logged.push(line),
    options: { project, service, refreshMs: 1000, exportsSpans: true },
  };
  const proxy = createProxy(dependencies);
  const ask = (path: string, init?: RequestInit) =>
    proxy.handle(new Request(`http://${service}${path}`, init), { waitUntil: (work) => void background.push(work) });
  return { proxy, ask, exported, logged, background, clock, bus };
}
