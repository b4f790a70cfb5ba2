/** Applications that behave badly on purpose: servers of the test itself, which the mesh knows as VMs of an unmanaged group. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTcpServer, type AddressInfo, type Server, type Socket } from "node:net";
import { compute, createRoute, zone } from "./resources.ts";
import { must, until } from "./rest.ts";
import { ask } from "./traffic.ts";

export interface Upstream {
  readonly port: number;
  /** Cuts what is open, and listens no more. */
  close(): Promise<void>;
}

async function listening(server: Server): Promise<Upstream> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

/** An HTTP server; `upgrade` answers WebSocket handshakes. */
export function httpUpstream(
  handle: (request: IncomingMessage, response: ServerResponse) => void,
  upgrade?: (request: IncomingMessage, socket: Socket) => void,
): Promise<Upstream> {
  const server = createServer(handle);
  if (upgrade) server.on("upgrade", (request, socket) => upgrade(request, socket as Socket));
  return listening(server);
}

/** A server that answers the first bytes of each connection with what `answerTo` makes of the path, and closes. */
export function rawUpstream(answerTo: (path: string) => string): Promise<Upstream> {
  return listening(
    createTcpServer((socket) => {
      socket.once("data", (chunk) => socket.end(Buffer.from(answerTo(String(chunk).split(" ")[1] ?? ""), "latin1")));
    }),
  );
}

export interface HostileService {
  readonly api: string;
  readonly mesh: string;
  readonly name: string;
  readonly ports: readonly number[];
  /** Of the one rule's action, besides its destination. */
  readonly action?: Readonly<Record<string, unknown>>;
}

/** Makes `NAME.test` a service of those ports on 127.0.0.1 in project `demo`, and waits until the mesh knows it. There must be a mesh `mesh`. */
export async function createHostileService({ api, mesh, name, ports, action }: HostileService): Promise<void> {
  const project = "demo";
  await must(api, "POST", `${compute(project)}/zones/${zone}/instanceGroups`, { name });
  for (const [index, port] of ports.entries()) {
    const vm = { name: `${name}-${index}`, address: "127.0.0.1", port, group: name, zone };
    await must(api, "POST", `/wayside/v1/projects/${project}/instances`, vm);
  }
  await must(api, "POST", `${compute(project)}/global/backendServices`, {
    name,
    protocol: "HTTP",
    loadBalancingScheme: "INTERNAL_SELF_MANAGED",
    backends: [{ group: `zones/${zone}/instanceGroups/${name}` }],
  });
  const destinations = [{ serviceName: `projects/${project}/locations/global/backendServices/${name}` }];
  const rules = [
    { matches: [{ fullPathMatch: "/is-it-there" }], action: { directResponse: { status: 200, stringBody: "yes" } } },
    { action: { destinations, ...action } },
  ];
  await createRoute({ api, project, name, host: `${name}.test` }, rules);
  await until(`${name}.test`, 10_000, async () => (await ask(mesh, { host: `${name}.test`, path: "/is-it-there" })).body === "yes");
}
