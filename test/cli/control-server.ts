/** The real control API of one project, in this process and on a free port: what commands talk to. No emulator, hence no VMs. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createClient, type Client } from "#client/client.ts";
import { seededRandom } from "#base/random.ts";
import { createApi } from "#control/api/app.ts";
import { trustEveryone } from "#control/api/authorize.ts";
import { noLeases } from "../control/api/no-leases.ts";
import { World } from "../control/project/harness.ts";

export interface ControlServer {
  readonly api: string;
  readonly client: Client;
  readonly world: World;
  /** Methods and paths of the requests that would change something, in order. */
  readonly changes: string[];
  close(): Promise<void>;
}

export async function startControl(): Promise<ControlServer> {
  const world = new World();
  const changes: string[] = [];
  const app = createApi({
    run: (command) => world.run(command),
    authorize: trustEveryone,
    lease: noLeases,
    loopbackOnly: true,
    random: seededRandom(1),
    log: (fault) => world.log.push(JSON.stringify(fault)),
  });
  const server = createServer((incoming, outgoing) => {
    const chunks: Uint8Array[] = [];
    incoming.on("data", (chunk: Uint8Array) => chunks.push(chunk));
    incoming.on("end", () => {
      const { method = "GET", url = "/" } = incoming;
      if (method !== "GET") changes.push(`${method} ${url}`);
      const body = method === "GET" ? {} : { body: Buffer.concat(chunks) };
      const headers = { host: String(incoming.headers.host), "content-type": "application/json" };
      const request = new Request(`http://${incoming.headers.host}${url}`, { method, headers, ...body });
      void Promise.resolve(app.fetch(request)).then(async (response) => {
        outgoing.writeHead(response.status, Object.fromEntries(response.headers)).end(await response.text());
      });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const api = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { api, client: createClient({ api }), world, changes, close: () => new Promise((resolve) => server.close(() => resolve())) };
}
