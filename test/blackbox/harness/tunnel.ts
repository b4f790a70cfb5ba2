/** Instances that only their tunnels reach, each with an agent's tunnel as a process of its own. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { createInterface } from "node:readline";
import type { TunnelState } from "#agent/tunnel/connector.ts";
import { compute, createRoute, zone } from "./resources.ts";
import { must, until } from "./rest.ts";
import { ask } from "./traffic.ts";
import type { Mesh } from "./wayside.ts";

const project = "demo";

/** What the emulator takes for the session of any instance. */
export const session = "dev";

export interface TunnelAgent {
  readonly states: readonly TunnelState[];
  /** Waits until it is in this state. */
  is(state: TunnelState["state"]): Promise<void>;
  /** Ends it and waits for its end; gives its exit status. */
  end(signal: NodeJS.Signals): Promise<number | null>;
}

export function tunnelPath(group: string, instance: string): string {
  return `/wayside/v1/projects/${project}/tunnels/${zone}/${group}/${instance}`;
}

export interface TunneledInstance {
  readonly group: string;
  readonly instance: string;
  readonly port: number;
  readonly bearer?: string;
  /** Where the agent finds the control API. */
  readonly api?: string;
}

/** Starts the tunnel of an instance whose application listens on `port`, and waits until it stands. */
export async function startTunnelAgent(
  mesh: Mesh,
  { group, instance, port, bearer = session, api = mesh.api }: TunneledInstance,
): Promise<TunnelAgent> {
  const url = api.replace("http", "ws") + tunnelPath(group, instance);
  const child = spawn(process.execPath, [join(import.meta.dirname, "tunnel-agent.ts"), url, bearer, String(port)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const states: TunnelState[] = [];
  createInterface(child.stdout).on("line", (line) => states.push(JSON.parse(line) as TunnelState));
  const agent: TunnelAgent = {
    states,
    is: async (state) => void (await until(`the tunnel is ${state}`, 15_000, async () => states.at(-1)?.state === state)),
    end: async (signal) => {
      if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
      const ended = once(child, "exit");
      child.kill(signal);
      await ended;
      return child.exitCode;
    },
  };
  if (bearer === session) await agent.is("connected");
  return agent;
}

export interface TunneledService {
  readonly name: string;
  /** Names and ports; those with an address are reached by it, the others by their tunnels. */
  readonly instances: readonly { readonly name: string; readonly port: number; readonly address?: string }[];
  /** Of the one rule's action, besides its destination. */
  readonly action?: object;
  /** Of the backend service. */
  readonly more?: object;
}

/** Makes `NAME.test` a service of those instances, and waits until the mesh knows it. There must be a mesh `mesh`. */
export async function createTunneledService({ api, mesh }: Mesh, { name, instances, action, more }: TunneledService): Promise<void> {
  await must(api, "POST", `${compute(project)}/zones/${zone}/instanceGroups`, { name });
  for (const instance of instances) {
    const registration = { ...instance, tunnel: instance.address === undefined, group: name, zone };
    await must(api, "POST", `/wayside/v1/projects/${project}/instances`, registration);
  }
  await must(api, "POST", `${compute(project)}/global/backendServices`, {
    name,
    protocol: "HTTP",
    loadBalancingScheme: "INTERNAL_SELF_MANAGED",
    backends: [{ group: `zones/${zone}/instanceGroups/${name}` }],
    ...more,
  });
  const destinations = [{ serviceName: `projects/${project}/locations/global/backendServices/${name}` }];
  const there = { matches: [{ fullPathMatch: "/is-it-there" }], action: { directResponse: { status: 200, stringBody: "yes" } } };
  await createRoute({ api, project, name, host: `${name}.test` }, [there, { action: { destinations, ...action } }]);
  await until(`${name}.test`, 10_000, async () => (await ask(mesh, { host: `${name}.test`, path: "/is-it-there" })).body === "yes");
}

/** A network between agents and the control API that can be cut. */
export interface Link {
  /** Origin under which the API is reached. */
  readonly api: string;
  /** Breaks all connections; new ones are taken only once it is mended. */
  cut(): void;
  mend(): void;
  close(): void;
}

export async function startLink(api: string): Promise<Link> {
  const { hostname, port } = new URL(api);
  const sockets = new Set<Socket>();
  let isCut = false;
  const server = createServer((near) => {
    if (isCut) return void near.resetAndDestroy();
    const far = connect(Number(port), hostname);
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => {
        sockets.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const cut = (): void => {
    isCut = true;
    for (const socket of sockets) socket.resetAndDestroy();
  };
  return {
    api: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut,
    mend: () => (isCut = false),
    close: () => {
      cut();
      server.close();
    },
  };
}
