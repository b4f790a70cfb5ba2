/** From the commit of an edit of one route to its being in force in a proxy, with few and with many services in the mesh. */
import { seededRandom } from "#base/random.ts";
import { BusHost } from "#proxy/config/bus-host.ts";
import type { ProxyReport } from "#proxy/config/host.ts";
import { createProxy, type ServiceProxy } from "#proxy/proxy.ts";
import { World } from "../../test/control/project/harness.ts";
import { alternate, type Figure, measured, median, ratios, type Result, type Settings } from "../figure.ts";

const figure: Figure = {
  name: "edit of one route until applied, 1,000 services ÷ 10 services",
  key: "edit",
  bound: "at most",
  must: 1.5,
  aim: 1.1,
  unit: "×",
};

export const figures = [figure];

const rounds = 40;

export async function measureEdit({ progress }: Settings): Promise<Result[]> {
  progress("editing a route");
  const few = await MeshOf.services(10);
  const many = await MeshOf.services(1_000);
  const times = await alternate(rounds, { few: () => few.edit(), many: () => many.edit() });
  const detail = `${median(times.many).toFixed(2)} ms ÷ ${median(times.few).toFixed(2)} ms`;
  return [measured(figure, ratios(times.many, times.few), detail)];
}

/** The project's own code over SQLite in memory, and the proxy's, with KV between them. */
class MeshOf {
  readonly #world: World;
  readonly #services: number;
  #edits = 0;

  private constructor(world: World, services: number) {
    this.#world = world;
    this.#services = services;
  }

  static async services(count: number): Promise<MeshOf> {
    const world = new World();
    await world.createShop();
    for (let at = 0; at < count; at++) await world.createRoute(`route-${at}`, `service-${at}.mesh`);
    await world.pass(5_000);
    return new MeshOf(world, count);
  }

  /** Milliseconds from the command to the configuration in force. */
  async edit(): Promise<number> {
    const world = this.#world;
    const at = this.#edits++ % this.#services;
    const proxy = new Applied(world, `service-${at}.mesh`);
    const before = await proxy.refresh();
    const start = performance.now();
    await world.run({
      collection: "httpRoutes",
      verb: "patch",
      scope: "locations/global",
      name: `route-${at}`,
      query: { updateMask: "rules" },
      body: { rules: [{ action: { ...action, timeout: `${100 + this.#edits}s` } }] },
    });
    await world.settle();
    const after = await proxy.refresh();
    const took = performance.now() - start;
    if (after <= before) throw new Error(`the edit of route-${at} did not arrive`);
    // A pointer is written at most once a second.
    world.now += 2_000;
    return took;
  }
}

/** The proxy of one service, as far as configuration is concerned. */
class Applied {
  readonly #proxy: ServiceProxy;
  #generation = 0;

  constructor(world: World, service: string) {
    const kv = { get: async (key: string) => world.kv.values.get(key)?.buffer ?? null };
    const report = async (_project: string, [first]: readonly ProxyReport[]): Promise<void> => {
      this.#generation = first?.generation ?? 0;
    };
    const probe = { pointers: async () => ({}), report };
    this.#proxy = createProxy({
      host: new BusHost({ project: "demo", service, kv, probe }),
      clock: { now: () => world.now },
      random: seededRandom(1),
      fetchFor: () => undefined,
      passThrough,
      relay,
      log: () => undefined,
      options: { project: "demo", service, refreshMs: 1_000, exportsSpans: false },
    });
  }

  /** The generation that is in force after a look at the bus. */
  async refresh(): Promise<number> {
    await this.#proxy.tick();
    return this.#generation;
  }
}

const action = { destinations: [{ serviceName: "projects/demo/locations/global/backendServices/cart" }] };

/** No request is sent here. */
function passThrough(): never {
  throw new Error("there is no body");
}

function relay(): never {
  throw new Error("there is no WebSocket");
}
