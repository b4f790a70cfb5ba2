/** `wayside agent join`: makes this VM a member of a group, runs its application, and stays until it is told to leave. */
import { networkInterfaces } from "node:os";
import { resolve } from "node:path";
import { isLoopbackName } from "#base/loopback.ts";
import { Agent, type AgentStart } from "#agent/agent.ts";
import { defaultStateFolder, Identity } from "#agent/identity.ts";
import { readServiceProxy } from "#agent/metadata.ts";
import type { ListenerOptions } from "#agent/listeners.ts";
import type { AgentOptions } from "#agent/options.ts";
import { keepOptions } from "#agent/succession.ts";
import { CommandError } from "../../exit.ts";

export interface JoinOptions {
  readonly mesh: string;
  readonly project: string;
  readonly token?: string;
  readonly group?: string;
  readonly name?: string;
  readonly address: readonly string[];
  readonly port?: number;
  readonly namedPort: readonly string[];
  readonly label: readonly string[];
  readonly healthPath?: string;
  readonly state?: string;
  readonly stayRegistered: boolean;
  readonly tunnel: boolean;
  readonly inbound?: ListenAt;
  readonly inboundKeyFile: readonly string[];
  readonly outbound?: number;
  readonly meshEntry?: string;
  readonly resolver?: number;
  readonly otlp?: string;
}

/** Where a listener is to be; `address` absent: where the VM is registered. */
export interface ListenAt {
  readonly address?: string;
  readonly port: number;
}

export async function run(command: readonly string[], options: JoinOptions): Promise<void> {
  const folder = options.state ?? defaultStateFolder();
  const { mesh, project, group, name, healthPath, stayRegistered, token } = options;
  const { place, app } = await placeOf(options);
  const wanted: AgentOptions = {
    folder,
    mesh,
    project,
    command,
    stayRegistered,
    place,
    ...(app && { app }),
    listeners: listenersOf(options, { place, app }),
    ...(options.tunnel && { isTunneled: true }),
    ...(group === undefined ? {} : { group }),
    ...(name === undefined ? {} : { name }),
    ...(healthPath === undefined ? {} : { healthPath }),
  };
  const identity = Identity.open(folder);
  keepOptions(wanted);
  await runAgent(wanted, { identity, ...(token === undefined ? {} : { token }) });
}

/** Runs an agent to its end, which a signal brings about as well. Throws `CommandError` when it ends badly. */
export async function runAgent(options: AgentOptions, start: AgentStart): Promise<void> {
  const agent = new Agent(options, start, (line) => process.stdout.write(`${line}\n`));
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => void agent.leave({ stay: options.stayRegistered }));
  const { status, text } = await agent.run();
  if (status !== 0) throw new CommandError(text);
  process.stdout.write(`${text}\n`);
  // A call that is still under way must not keep the process.
  process.exit();
}

/** Where the VM is reached, and where its application is; an inbound listener stands between the two. */
type Places = Pick<AgentOptions, "place"> & { readonly app: AgentOptions["app"] };

/** What flags say stands before what Compute Engine's metadata say. */
async function placeOf(options: JoinOptions): Promise<Places> {
  const metadata = await readServiceProxy(process.env["GCE_METADATA_HOST"]);
  const { inbound } = options;
  const namedPorts = options.namedPort.map(namedPortOf);
  const appPort = options.port ?? namedPorts[0]?.port ?? metadata?.servingPorts[0];
  const interfaces = options.address.length > 0 ? options.address.map(interfaceOf) : [{ networkIP: ownAddress(options.mesh) }];
  const port = inbound?.port ?? appPort;
  const place = {
    networkInterfaces: interfaces,
    namedPorts,
    labels: { ...metadata?.labels, ...Object.fromEntries(options.label.map(labelOf)) },
    ...(port === undefined ? {} : { port }),
  };
  const host = inbound ? "127.0.0.1" : (interfaces[0]?.networkIP ?? "127.0.0.1");
  return { place, app: appPort === undefined ? undefined : { host, port: appPort } };
}

function listenersOf(options: JoinOptions, places: Places): ListenerOptions {
  const { meshEntry, otlp, outbound, resolver } = options;
  if (outbound !== undefined && meshEntry === undefined) {
    throw new CommandError(
      "--outbound needs --mesh-entry, the origin that requests for names of the mesh go to, such as http://127.0.0.1:8788",
      2,
    );
  }
  if (resolver !== undefined && outbound === undefined) {
    throw new CommandError("--resolver needs --outbound: names of the mesh resolve to the outbound listener", 2);
  }
  return {
    ...inboundOf(options, places),
    ...(outbound !== undefined && meshEntry !== undefined && { outbound: { port: outbound, mesh: meshEntry } }),
    ...(resolver === undefined ? {} : { resolver: { port: resolver } }),
    ...(otlp === undefined ? {} : { otlp }),
  };
}

function inboundOf({ inbound, inboundKeyFile, healthPath, tunnel }: JoinOptions, { place, app }: Places): Pick<ListenerOptions, "inbound"> {
  if (!inbound) {
    if (inboundKeyFile.length > 0) throw new CommandError("--inbound-key-file is of the inbound listener; say --inbound, too", 2);
    return {};
  }
  if (tunnel) throw new CommandError("--inbound and --tunnel exclude each other: nobody connects to a VM behind a tunnel", 2);
  if (inboundKeyFile.length === 0) throw new CommandError("--inbound needs --inbound-key-file, the key that proxies sign requests with", 2);
  if (!app) throw new CommandError("--inbound needs --port, the port of 127.0.0.1 that the application serves on", 2);
  const address = inbound.address ?? place.networkInterfaces[0]?.networkIP ?? "127.0.0.1";
  const keyFiles = inboundKeyFile.map((file) => resolve(file));
  return { inbound: { address, port: inbound.port, app, keyFiles, ...(healthPath === undefined ? {} : { healthPath }) } };
}

/** `10.0.0.5` or `10.0.0.5,network=prod`. */
function interfaceOf(text: string): { networkIP: string; network?: string } {
  const match = /^([^,=]+)(?:,network=(.+))?$/.exec(text);
  if (!match) throw new CommandError(`--address '${text}' is not of the form ADDRESS or ADDRESS,network=NAME`, 2);
  const [, networkIP = "", network] = match;
  return { networkIP, ...(network === undefined ? {} : { network }) };
}

function namedPortOf(text: string): { name: string; port: number } {
  const match = /^([a-z][-a-z0-9]*):(\d{1,5})$/.exec(text);
  if (!match) throw new CommandError(`--named-port '${text}' is not of the form NAME:PORT, such as http:8080`, 2);
  return { name: match[1] ?? "", port: Number(match[2]) };
}

function labelOf(text: string): [string, string] {
  const at = text.indexOf("=");
  if (at < 1) throw new CommandError(`--label '${text}' is not of the form NAME=VALUE`, 2);
  return [text.slice(0, at), text.slice(at + 1)];
}

/** The VM's first address on a network; its loopback address where the mesh is on this machine, too. */
function ownAddress(mesh: string): string {
  if (isLoopbackName(new URL(mesh).hostname)) return "127.0.0.1";
  const addresses = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
  const first = addresses.find(({ internal, family }) => !internal && family === "IPv4") ?? addresses.find(({ internal }) => !internal);
  if (!first) throw new CommandError("this machine has no network address; say --address", 2);
  return first.address;
}
