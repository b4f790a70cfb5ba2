/** Instances that only their tunnels reach, each with an agent's tunnel as a process of its own. */
import { spawn } from "node:child_process";
import { generateKeyPairSync, sign } from "node:crypto";
import { once } from "node:events";
import { join } from "node:path";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { connectText } from "#base/signing.ts";
import type { TunnelState } from "#agent/tunnel/connector.ts";
import { compute, createRoute, zone } from "./resources.ts";
import { must, until } from "./rest.ts";
import { ask } from "./traffic.ts";
import type { Mesh } from "./wayside.ts";

const project = "demo";

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
  /** Its session; absent: none, which the emulator asks of nobody. */
  readonly bearer?: string;
  /** Default true; false: its tunnel is not waited for. */
  readonly isLetIn?: boolean;
  /** Where the agent finds the control API. */
  readonly api?: string;
}

/** Starts the tunnel of an instance whose application listens on `port`, and waits until it stands. */
export async function startTunnelAgent(
  mesh: Mesh,
  { group, instance, port, bearer = "none", isLetIn = true, api = mesh.api }: TunneledInstance,
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
  if (isLetIn) await agent.is("connected");
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

/** Joins an instance behind a tunnel as its agent would, and connects: its name and its session. */
export async function sessionOf(api: string, { group, port }: { group: string; port: number }): Promise<{ name: string; session: string }> {
  const base = `/wayside/v1/projects/${project}`;
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const { token } = await must(api, "POST", `${base}/joinTokens`, { group, zone });
  const { x } = publicKey.export({ format: "jwk" });
  const joined = await must(api, "POST", `${base}/join`, { token, publicKey: x, tunnel: true, port });
  const call = { project, group: joined.group as string, name: joined.name as string, epoch: 1, nonce: "nonce" };
  const signature = sign(undefined, Buffer.from(connectText(call)), privateKey).toString("base64url");
  // The Project object tells the Lease object of its members in the background.
  const { session } = await until(`${call.name} is known`, 10_000, () => must(api, "POST", `${base}/connect`, { ...call, signature }));
  // What its agent says of the application decides until the mesh has looked itself.
  const beat = await fetch(`${api}${base}/heartbeat`, {
    method: "POST",
    headers: { authorization: `Bearer ${session as string}`, "content-type": "application/json" },
    body: JSON.stringify({ name: call.name, epoch: 1, sequence: 1, healthy: true }),
  });
  if (!beat.ok) throw new Error(`heartbeat: ${beat.status} ${await beat.text()}`);
  return { name: call.name, session };
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
