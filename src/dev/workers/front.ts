/**
 * What stands before the control Worker in the emulator, and is not there when deployed: the switch for faults, the logs of VMs, and
 * the ways to KV and to the version probe on which those faults are shown.
 */
import { WorkerEntrypoint } from "cloudflare:workers";
import { systemClock } from "#base/clock.ts";
import { UserError } from "#base/errors.ts";
import { isLoopbackName } from "#base/loopback.ts";
import { changeFaults, type Faults, noFaults } from "../faults/faults.ts";
import { FaultyKv } from "../faults/kv.ts";

interface Env {
  readonly KV: KVNamespace;
  readonly CONTROL: Fetcher;
  /** The control Worker's entrypoint `Bus`. */
  readonly CONTROL_BUS: { pointers(...call: unknown[]): Promise<object>; report(...call: unknown[]): Promise<unknown> };
  /** The fleet of this run (src/dev/fleet/handler.ts). */
  readonly FLEET: Fetcher;
}

/** One isolate serves all of this Worker, entrypoints included, for as long as the emulator runs. */
let faults: Faults = noFaults;
let kv: FaultyKv | undefined;

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

async function passControlFaults(): Promise<void> {
  if (faults.control.latencyMs > 0) await sleep(faults.control.latencyMs);
  if (faults.control.fail) throw new Error("The control Worker was made to fail (injected)");
}

/** KV as proxies and the control Worker see it: the same calls as a KV binding, through the faults. */
export class Bus extends WorkerEntrypoint<Env> {
  async get(key: string, type: "text" | "json" | "arrayBuffer" = "text"): Promise<unknown> {
    const bytes = await this.#kv().get(key);
    if (bytes === null || type === "arrayBuffer") return bytes;
    const text = new TextDecoder().decode(bytes);
    return type === "json" ? (JSON.parse(text) as unknown) : text;
  }

  async put(key: string, value: string | ArrayBuffer | ArrayBufferView, options?: KVNamespacePutOptions): Promise<void> {
    await this.#kv().put(key, value, options);
  }

  async delete(key: string): Promise<void> {
    await this.#kv().delete(key);
  }

  #kv(): FaultyKv {
    const store = this.env.KV;
    kv ??= new FaultyKv({
      store: {
        get: (key, type) => store.get(key, type),
        put: (key, value, options) => store.put(key, value as string, options as KVNamespacePutOptions),
        delete: (key) => store.delete(key),
      },
      clock: systemClock,
      faults: () => faults.kv,
      sleep,
    });
    return kv;
  }
}

/** The control Worker's version probe, through the faults. */
export class Probe extends WorkerEntrypoint<Env> {
  async pointers(project: string, services: readonly string[]): Promise<unknown> {
    await passControlFaults();
    // A copy, as the control Worker makes one: a result that is passed on would have to be disposed of by whoever gets it.
    return Object.fromEntries(Object.entries(await this.env.CONTROL_BUS.pointers(project, services)));
  }

  async report(project: string, reports: readonly unknown[]): Promise<void> {
    await passControlFaults();
    await this.env.CONTROL_BUS.report(project, reports);
  }
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const url = URL.parse(request.url);
    // Host and target as they came, one after the other: a Host that is none, several of them, or a target that is no path.
    if (!url || !request.url.includes("/", "https://".length)) return failure(400, "The Host header and the path do not make a URL.");
    const log = /^\/wayside\/v1\/projects\/([^/]+)\/instances\/([^/]+)\/logs$/.exec(url.pathname);
    const isFaults = url.pathname === "/wayside/v1/dev/faults";
    if (!log && !isFaults) return env.CONTROL.fetch(request);
    const refusal = refusalOf(request, url);
    if (refusal !== undefined) return failure(403, refusal);
    if (isFaults) return serveFaults(request);
    if (request.method !== "GET") return failure(405, "There is only GET.");
    return env.FLEET.fetch(`http://fleet/projects/${log?.[1]}/logs/${log?.[2]}${url.search}`);
  },
};

/**
 * No token is asked for here: a page of the web must not get in, neither by a name of its own that points to 127.0.0.1 (DNS rebinding)
 * nor by a form that it posts. The control Worker sees to its own paths in the same way.
 */
function refusalOf(request: Request, url: URL): string | undefined {
  if (!isLoopbackName(url.hostname)) return `The emulator answers on loopback names only, not on ${url.hostname}.`;
  const origin = request.headers.get("origin");
  const isForeign = origin !== null && !(URL.canParse(origin) && isLoopbackName(new URL(origin).hostname));
  return isForeign ? `The emulator takes nothing from pages of ${origin}.` : undefined;
}

/** GET shows the faults, POST changes those that it names, DELETE takes all away. */
async function serveFaults(request: Request): Promise<Response> {
  if (request.method === "DELETE") faults = noFaults;
  else if (request.method === "POST") {
    try {
      faults = changeFaults(faults, await request.json());
    } catch (thrown) {
      const isUsers = thrown instanceof UserError || thrown instanceof SyntaxError;
      if (isUsers) return failure(400, thrown.message);
      throw thrown;
    }
  } else if (request.method !== "GET") return failure(405, "There are GET, POST and DELETE.");
  return Response.json(faults);
}

function failure(code: number, message: string): Response {
  return Response.json({ error: { code, message } }, { status: code });
}
